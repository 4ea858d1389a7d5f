/**
 * A trust domain of our own, for `npm start` and tests: signing keys, rotation, federation, JWT-SVIDs.
 * Not for production: it attests no workload, and its keys live in this process.
 */
import type { webcrypto } from 'node:crypto';
import { calculateJwkThumbprint, exportJWK, generateKeyPair, SignJWT, type JWK } from 'jose';
import type { Clock } from '#kernel/clock.ts';
import { parseTrustDomain, type TrustDomain } from '#kernel/spiffe-id.ts';

export type SigningAlgorithm = 'ES256' | 'ES384' | 'ES512' | 'RS256' | 'PS256';

export interface AuthorityOptions {
  /** `example.org` */
  readonly trustDomain: string;
  /** Of its JWT signing keys; ES256 as SPIRE's default. */
  readonly algorithm?: SigningAlgorithm;
  readonly clock?: Clock;
}

export interface MintOptions {
  readonly spiffeId: string;
  readonly audiences: readonly string[];
  /** Seconds. */
  readonly ttlS: number;
  /** Added to, or replacing, the claims sub, aud, iat and exp. */
  readonly claims?: Readonly<Record<string, unknown>>;
}

interface SigningKey {
  readonly keyId: string;
  readonly privateKey: webcrypto.CryptoKey;
  readonly publicJwk: JWK;
}

/** @throws {AppError} SPIFFE_ID_INVALID when the trust domain is invalid */
export async function createAuthority(options: AuthorityOptions): Promise<EmbeddedAuthority> {
  const { trustDomain, algorithm = 'ES256', clock = { now: () => Date.now() } } = options;
  const domain = parseTrustDomain(trustDomain);
  return new EmbeddedAuthority(domain, { algorithm, clock, first: await makeKey(algorithm) });
}

export class EmbeddedAuthority {
  readonly trustDomain: TrustDomain;
  readonly clock: Clock;
  readonly #algorithm: SigningAlgorithm;
  readonly #federated = new Map<TrustDomain, string>();
  readonly #listeners = new Set<() => void>();
  #active: SigningKey;
  #retired: readonly SigningKey[] = [];

  /** Use {@link createAuthority}: keys are made asynchronously. */
  constructor(
    trustDomain: TrustDomain,
    options: { algorithm: SigningAlgorithm; clock: Clock; first: SigningKey },
  ) {
    this.trustDomain = trustDomain;
    this.clock = options.clock;
    this.#algorithm = options.algorithm;
    this.#active = options.first;
  }

  /** Our JWT bundle as SPIRE's agent sends it: a JWKS whose keys have no `use`. */
  jwks(): string {
    return JSON.stringify({
      keys: [this.#active, ...this.#retired].map(({ publicJwk }) => publicJwk),
    });
  }

  /** JWKS documents by trust domain SPIFFE ID: ours and the federated ones. */
  bundles(): ReadonlyMap<string, string> {
    return new Map([
      [`spiffe://${this.trustDomain}`, this.jwks()],
      ...[...this.#federated].map(([domain, jwks]): [string, string] => [
        `spiffe://${domain}`,
        jwks,
      ]),
    ]);
  }

  async mint({ spiffeId, audiences, ttlS, claims = {} }: MintOptions): Promise<string> {
    const nowS = Math.floor(this.clock.now() / 1_000);
    const usual = { sub: spiffeId, aud: [...audiences], iat: nowS, exp: nowS + ttlS };
    return new SignJWT({ ...usual, ...claims })
      .setProtectedHeader({ alg: this.#algorithm, kid: this.#active.keyId, typ: 'JWT' })
      .sign(this.#active.privateKey);
  }

  /** From now on a new key signs; tokens of the old ones stay valid. */
  async rotate(): Promise<void> {
    const next = await makeKey(this.#algorithm);
    this.#retired = [this.#active, ...this.#retired];
    this.#active = next;
    this.#changed();
  }

  /** Takes the keys that no longer sign out of the bundle: tokens signed by them are void. */
  dropRetiredKeys(): void {
    this.#retired = [];
    this.#changed();
  }

  /** @param jwks the foreign trust domain's JWKS document. @throws {AppError} SPIFFE_ID_INVALID */
  federate(trustDomain: string, jwks: string): void {
    this.#federated.set(parseTrustDomain(trustDomain), jwks);
    this.#changed();
  }

  /** Ends federation. @throws {AppError} SPIFFE_ID_INVALID */
  withdraw(trustDomain: string): void {
    this.#federated.delete(parseTrustDomain(trustDomain));
    this.#changed();
  }

  /** Calls back after each change of the bundles; returns how to stop. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  #changed(): void {
    for (const listener of this.#listeners) listener();
  }
}

async function makeKey(algorithm: SigningAlgorithm): Promise<SigningKey> {
  const { privateKey, publicKey } = await generateKeyPair(algorithm, { extractable: true });
  const jwk = await exportJWK(publicKey);
  const keyId = await calculateJwkThumbprint(jwk);
  return { keyId, privateKey, publicJwk: { ...jwk, kid: keyId } };
}
