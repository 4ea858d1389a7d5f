/**
 * What the helper holds, as a page for `svidecar identities` (pure). Anybody in the pod network reads it: names and times of
 * what the settings ask for, and never a token or a key.
 */
import { trustDomainOf } from '#kernel/spiffe-id.ts';
import { withNames, type HelperState, type PodNames } from './helper-state.ts';

/** JSON; docs/helper.md describes the members. */
export function identitiesPage({ tokens, bundles }: HelperState, names: PodNames): string {
  const held = tokens
    .filter(({ isRequired }) => isRequired)
    .map(({ audience, token, problem }) => ({
      audience,
      ...(token === undefined
        ? {}
        : {
            spiffeId: token.spiffeId,
            issuer: trustDomainOf(token.spiffeId),
            validUntil: token.expiresAtS,
          }),
      ...(problem === undefined ? {} : { problem: withNames(problem, names) }),
    }));
  const trustDomains = bundles === undefined ? undefined : [...bundles.trustDomains].sort();
  const problem = bundles?.problem;
  const keysProblem = problem === undefined ? undefined : withNames(problem, names);
  return `${JSON.stringify({ tokens: held, trustDomains, keysProblem })}\n`;
}
