/** Makes tokens and bundles for tests, valid or deliberately not: no code of ours takes part in signing. */
import { constants, generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import { parseTrustDomain, type TrustDomain } from '#kernel/spiffe-id.ts';
import type { JsonObject } from '#kernel/json.ts';
import { importKey } from '../../sidecar/jwt/keys.ts';
import type { BundleSource, JwtBundle } from '../../sidecar/jwt/token-ports.ts';

export interface TestKey {
  readonly kid: string;
  readonly privateKey: KeyObject;
  /** Public members, as Node exports them. */
  readonly jwk: JsonObject;
}

export type KeyKind = 'P-256' | 'P-384' | 'P-521' | 'secp256k1' | 'RSA' | 'RSA-1024';

function generate(kind: KeyKind): { publicKey: KeyObject; privateKey: KeyObject } {
  if (kind === 'RSA') return generateKeyPairSync('rsa', { modulusLength: 2048 });
  if (kind === 'RSA-1024') return generateKeyPairSync('rsa', { modulusLength: 1024 });
  return generateKeyPairSync('ec', { namedCurve: kind });
}

export function makeKey(kid: string, kind: KeyKind = 'P-256'): TestKey {
  const { publicKey, privateKey } = generate(kind);
  // The border to node:crypto: a JWK is a flat object of strings.
  const jwk = publicKey.export({ format: 'jwk' }) as JsonObject;
  return { kid, privateKey, jwk: { ...jwk, kid } };
}

export function encode(value: unknown): string {
  return Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString(
    'base64url',
  );
}

/** Signs with what the algorithm's name says, whether or not the key suits a JWT-SVID. */
export function signatureOf(algorithm: string, input: string, key: KeyObject): string {
  const digest = `sha${algorithm.slice(2)}`;
  const how = algorithm.startsWith('PS')
    ? {
        key,
        padding: constants.RSA_PKCS1_PSS_PADDING,
        saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
      }
    : ({ key, dsaEncoding: 'ieee-p1363' } as const);
  return sign(digest, Buffer.from(input), how).toString('base64url');
}

export interface TokenParts {
  readonly key: TestKey;
  readonly algorithm?: string;
  /** Members that replace or, when undefined, remove those of the usual header. */
  readonly header?: Readonly<Record<string, unknown>>;
  readonly claims: Readonly<Record<string, unknown>>;
}

/** A signed token: `{alg, kid, typ: JWT}` unless `header` says otherwise. */
export function makeToken({ key, algorithm = 'ES256', header = {}, claims }: TokenParts): string {
  const input = `${encode({ alg: algorithm, kid: key.kid, typ: 'JWT', ...header })}.${encode(claims)}`;
  return `${input}.${signatureOf(algorithm, input, key.privateKey)}`;
}

/** Signs header and payload given as text, however odd. */
export function makeRawToken(key: TestKey, header: string, payload: string): string {
  const input = `${encode(header)}.${encode(payload)}`;
  return `${input}.${signatureOf('ES256', input, key.privateKey)}`;
}

/** Bundles that a test sets by hand; every change counts as a new generation. */
export class FakeBundles implements BundleSource {
  generation = 0;
  readonly #bundles = new Map<TrustDomain, JwtBundle>();

  bundleFor(trustDomain: TrustDomain): JwtBundle | undefined {
    return this.#bundles.get(trustDomain);
  }

  put(trustDomain: string, keys: readonly JsonObject[]): this {
    const name = parseTrustDomain(trustDomain);
    const imported = keys.map(importKey);
    const usable = imported.flatMap((one) => (one.kind === 'key' ? [one.key] : []));
    this.#bundles.set(name, { trustDomain: name, keys: usable });
    this.generation++;
    return this;
  }

  withdraw(trustDomain: string): void {
    this.#bundles.delete(parseTrustDomain(trustDomain));
    this.generation++;
  }
}
