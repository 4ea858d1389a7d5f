/** Short names for contents. */
import { createHash } from 'node:crypto';

/** Ten hexadecimal digits: enough to tell the settings of one namespace apart, short in a name. */
export function shortHash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 10);
}
