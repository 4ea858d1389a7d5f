/** Short names for contents. */
import { hash } from 'node:crypto';

/** Ten hexadecimal digits: enough to tell the settings of one namespace apart, short in a name. */
export function shortHash(text: string): string {
  return hash('sha256', text, 'hex').slice(0, 10);
}
