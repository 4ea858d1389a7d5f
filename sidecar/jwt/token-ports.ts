/** What the rules need from tokens and keys: implemented by the verifier and by the Workload API sources. */
import type { JsonObject } from '#kernel/json.ts';
import type { SpiffeId, TrustDomain } from '#kernel/spiffe-id.ts';
import type { VerificationKey } from './keys.ts';

/** Stable ids: metric labels and documentation use them. */
export type RefusalReason =
  | 'too_long'
  | 'malformed'
  | 'algorithm'
  | 'type'
  | 'critical_header'
  | 'subject'
  | 'audience'
  | 'no_expiry'
  | 'expired'
  | 'not_yet_valid'
  | 'issued_in_future'
  | 'no_bundle'
  | 'no_key'
  | 'signature';

export type TokenVerdict =
  | {
      readonly kind: 'accepted';
      readonly spiffeId: SpiffeId;
      /** Unix seconds: the token's `exp`. */
      readonly expiresAtS: number;
      readonly claims: JsonObject;
    }
  | { readonly kind: 'refused'; readonly reason: RefusalReason };

/** Decides about tokens for one fixed set of accepted audiences. Must not throw: a refusal is a value. */
export interface TokenVerifier {
  /** Answers at once where the verdict is cached or cheap, else with a promise. @param nowS Unix seconds */
  verify(token: string, nowS: number): TokenVerdict | Promise<TokenVerdict>;
}

/** A JWT-SVID that the Workload API gave us. */
export interface IssuedToken {
  readonly token: string;
  readonly spiffeId: SpiffeId;
  /** Unix seconds. */
  readonly issuedAtS: number;
  readonly expiresAtS: number;
}

/** Always the newest token for one (SPIFFE ID, audience), from memory. */
export interface TokenSource {
  /** Undefined before the first token, and again once the newest has expired without a successor. */
  current(nowS: number): IssuedToken | undefined;
  /** Why there is no newer token, in words an operator can act on; undefined while all is well. */
  problem(): string | undefined;
  /** Calls back after each new token; returns how to stop. */
  onChange(listener: () => void): () => void;
}

/** The JWT bundles of our own trust domain and of those federated with it. */
export interface BundleSource {
  /** Changes whenever any bundle changes or is withdrawn: part of every cache key. */
  readonly generation: number;
  /** Undefined when the trust domain is unknown, not federated, or withdrawn. */
  bundleFor(trustDomain: TrustDomain): JwtBundle | undefined;
}

export interface JwtBundle {
  readonly trustDomain: TrustDomain;
  /** Imported when the bundle was read: those that JWT-SVIDs may be signed with. */
  readonly keys: readonly VerificationKey[];
  /** `spiffe_refresh_hint`: seconds after which to ask for it again. SPIRE's Workload API does not send it. */
  readonly refreshHintS?: number | undefined;
}
