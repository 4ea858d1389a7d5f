/** A serving certificate for one run; its key never leaves the process. */
import { issueLeaf, makeAuthority } from './authority.ts';
import type { ServingPair } from './certificate-ports.ts';
import { checkPair } from './serving-pair.ts';

const dayS = 24 * 60 * 60;

export interface ThrowAwayCertificate {
  readonly pair: ServingPair;
  /** PEM: what a client of this run trusts. */
  readonly authority: string;
}

/**
 * For localhost and 127.0.0.1, good for a day, by an authority of its own.
 * @param nowMs milliseconds since the Unix epoch
 */
export async function throwAwayCertificate(nowMs: number): Promise<ThrowAwayCertificate> {
  const validity = { nowS: nowMs / 1000, lifeS: dayS };
  const authority = await makeAuthority(validity);
  const leaf = await issueLeaf(authority, ['localhost', '127.0.0.1'], validity);
  const pair = checkPair(leaf.certificate, leaf.key, validity.nowS);
  return { pair, authority: authority.certificate };
}
