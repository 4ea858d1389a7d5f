/**
 * Whether a token is a valid JWT-SVID for us: claims before keys, keys before signature, cheapest rule first.
 * @see JWT-SVID §3 and §4, RFC 7519 §4.1, RFC 8725
 */
import { parseSpiffeId, spiffeIdFault, trustDomainOf } from '#kernel/spiffe-id.ts';
import { keysFor } from './keys.ts';
import { parseToken, type ParsedToken } from './parse.ts';
import type { BundleSource, RefusalReason, TokenVerifier, TokenVerdict } from './token-ports.ts';
import { refused } from './refusal.ts';
import { isSignedByAny } from './signature.ts';

export interface VerifierOptions {
  /** A token must name one of these in `aud`, compared exactly. */
  readonly audiences: readonly string[];
  readonly bundles: BundleSource;
  /** Seconds by which the issuer's clock and ours may differ; one minute, as in go-spiffe. */
  readonly leewayS?: number;
}

export const defaultLeewayS = 60;

/**
 * Checks the signature each time; {@link cachedVerifier} remembers the verdicts.
 * A promise comes back only for keys whose check is slow (P-384, P-521, RSA above 3072 bits).
 */
export function createVerifier(options: VerifierOptions): TokenVerifier {
  const { audiences, bundles, leewayS = defaultLeewayS } = options;
  const accepted = new Set(audiences);
  return {
    verify(token, nowS) {
      const parsed = parseToken(token);
      if (parsed.kind === 'refused') return parsed;
      const fault =
        timeFault(parsed, nowS, leewayS) ??
        (parsed.audiences.some((audience) => accepted.has(audience)) ? undefined : 'audience');
      return fault === undefined ? verifySigner(parsed, bundles) : refused(fault);
    },
  };
}

/** `exp` is the first moment at which a token is no longer valid (RFC 7519 §4.1.4). */
function timeFault(token: ParsedToken, nowS: number, leewayS: number): RefusalReason | undefined {
  if (token.expiresAtS === undefined) return 'no_expiry';
  if (nowS - leewayS >= token.expiresAtS) return 'expired';
  if (token.notBeforeS !== undefined && nowS + leewayS < token.notBeforeS) return 'not_yet_valid';
  if (token.issuedAtS !== undefined && nowS + leewayS < token.issuedAtS) return 'issued_in_future';
  return undefined;
}

function verifySigner(
  token: ParsedToken,
  bundles: BundleSource,
): TokenVerdict | Promise<TokenVerdict> {
  const { subject, expiresAtS } = token;
  if (subject === undefined || spiffeIdFault(subject) !== undefined) return refused('subject');
  if (expiresAtS === undefined) return refused('no_expiry');
  const spiffeId = parseSpiffeId(subject);
  // Never another trust domain's bundle: a federated issuer speaks for its own workloads alone.
  const bundle = bundles.bundleFor(trustDomainOf(spiffeId));
  if (bundle === undefined) return refused('no_bundle');
  const keys = keysFor(bundle.keys, token);
  if (keys.length === 0) return refused('no_key');
  const verdict = (signed: boolean): TokenVerdict =>
    signed
      ? { kind: 'accepted', spiffeId, expiresAtS, claims: token.claims }
      : refused('signature');
  const signed = isSignedByAny(keys, token);
  return typeof signed === 'boolean' ? verdict(signed) : signed.then(verdict);
}
