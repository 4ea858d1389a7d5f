/** Callers that show JWT-SVIDs, judged by the very rule that stands in front of workloads (`jwt-validate`). */
import type { SpiffeId } from '#kernel/spiffe-id.ts';
import { validateRule, type ValidatePorts } from '../../sidecar/authz/validate-rule.ts';
import { cachedVerifier } from '../../sidecar/jwt/cache.ts';
import type { BundleSource } from '../../sidecar/jwt/token-ports.ts';
import { createVerifier } from '../../sidecar/jwt/verify.ts';
import { Problem } from '../service/problem.ts';
import { viewOf } from './header-values.ts';

export interface CallerBundles extends BundleSource, Pick<ValidatePorts, 'soleTrustDomain'> {
  /** False until there has been any bundle. */
  readonly hasState: boolean;
}

export interface TokenCallersOptions {
  readonly allow: readonly string[];
  readonly audiences: readonly string[];
  readonly bundles: CallerBundles;
}

/** Who shows these Authorization headers. */
export type TokenCallers = (authorizations: readonly string[], nowS: number) => Promise<SpiffeId>;

/** What it gives rejects with a {@link Problem}. */
export function tokenCallers({ allow, audiences, bundles }: TokenCallersOptions): TokenCallers {
  const verifier = cachedVerifier(createVerifier({ audiences, bundles }), { bundles });
  const rule = validateRule(
    { name: 'callers', mode: 'validate', audiences: [...audiences], allowCallers: [...allow] },
    { verifierFor: () => verifier, soleTrustDomain: () => bundles.soleTrustDomain() },
  );
  return async (authorizations, nowS) => {
    if (!bundles.hasState)
      throw new Problem('not_ready', 'there is no key yet to check tokens with', {
        retryAfterS: 1,
      });
    const decision = await rule.decide(viewOf(authorizations), { kind: 'unchanged' }, nowS);
    if (decision.kind === 'refuse') {
      const isKnown = decision.outcome === 'caller_not_allowed';
      throw new Problem(isKnown ? 'caller_not_allowed' : 'caller_unknown', decision.words);
    }
    const id = decision.metadata?.['spiffe_id'];
    // A rule without paths to skip allows nothing but a verified token.
    if (typeof id !== 'string') throw new TypeError('a token was allowed without its subject');
    return id as SpiffeId;
  };
}
