/** Short names for contents. */
import { hash } from 'node:crypto';
import { LRUCache } from 'lru-cache';

/** The replicas of a rollout ask for the same hashes. Characters of all texts together. */
const remembered = new LRUCache<string, string>({
  max: 2_000,
  maxSize: 1_000_000,
  sizeCalculation: (_value, text) => text.length + 1,
});

/** Ten hexadecimal digits: enough to tell the settings of one namespace apart, short in a name. */
export function shortHash(text: string): string {
  let found = remembered.get(text);
  if (found === undefined) {
    found = hash('sha256', text, 'hex').slice(0, 10);
    remembered.set(text, found);
  }
  return found;
}
