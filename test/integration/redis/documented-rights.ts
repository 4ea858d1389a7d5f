/** The lines of an ACL file that docs/bans-redis.md calls enough. */
import { readFileSync } from 'node:fs';

/** What stands behind the password, and what the page adds for other stores. @throws {Error} when the page has no such user */
export function rightsOf(user: 'helper' | 'banner', ...more: readonly string[]): string {
  const page = readFileSync(new URL('../../../docs/bans-redis.md', import.meta.url), 'utf8');
  const rights = new RegExp(`^user ${user} on >PASSWORD (.*)$`, 'm').exec(page)?.[1];
  const missing = more.filter((right) => !page.includes(right));
  if (rights === undefined || missing.length > 0)
    throw new Error(`docs/bans-redis.md says nothing of ${user} or ${missing.join()}`);
  return [rights, ...more].join(' ');
}
