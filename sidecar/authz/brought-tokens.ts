/** Whether an outgoing request brings a header of the client's, a token of the helper's own, or both. */
import { maxTokenLength } from '../jwt/parse.ts';
import { bearerToken } from './bearer.ts';
import type { CheckView } from './read-check.ts';

export type Brought = 'nothing' | 'own' | 'others' | 'own_and_others';

/** Looks at each part of a header whose values were joined by commas; in time linear in its length. */
export function broughtBy(
  { authorizations, authorization }: CheckView,
  isOwn: (token: string) => boolean,
): Brought {
  if (authorizations === 0) return 'nothing';
  let hasOwn = false;
  let hasOthers = false;
  for (let start = 0; start <= authorization.length;) {
    const comma = authorization.indexOf(',', start);
    const end = comma === -1 ? authorization.length : comma;
    if (isOwnPart(authorization.slice(start, end), isOwn)) hasOwn = true;
    else hasOthers = true;
    start = end + 1;
  }
  if (!hasOwn) return 'others';
  return hasOthers ? 'own_and_others' : 'own';
}

/** A token of ours is no longer than those that we accept from the agent. */
function isOwnPart(part: string, isOwn: (token: string) => boolean): boolean {
  if (part.length > 2 * maxTokenLength) return false;
  const token = bearerToken(part.trim());
  return token !== undefined && token.length <= maxTokenLength && isOwn(token);
}
