/**
 * Our verdict against another opinion: jose for signatures and registered claims, and the rules of JWT-SVID and
 * SPIFFE-ID written here a second time, from the standards and without our code.
 */
import fc from 'fast-check';
import * as jose from 'jose';
import { describe, expect, test } from 'vitest';
import type { JsonObject } from '#kernel/json.ts';
import { cachedVerifier } from '../../sidecar/jwt/cache.ts';
import { createVerifier } from '../../sidecar/jwt/verify.ts';
import {
  algorithmsOf,
  audiences,
  keys,
  nine,
  oddTokens,
  type OddToken as Token,
} from '../fakes/odd-tokens.ts';
import { encode, FakeBundles } from '../fakes/token-maker.ts';

const nowS = 1_800_000_000;
const tokens = oddTokens({ nowS, trustDomain: 'example.org' });

type Bundles = ReadonlyMap<string, readonly JsonObject[]>;
const variants = fc.constantFrom('plain', 'alg', 'other alg', 'missing', 'broken', 'renamed');
const bundleSets: fc.Arbitrary<Bundles> = fc
  .tuple(fc.array(variants, { minLength: 7, maxLength: 7 }), fc.boolean())
  .map(([chosen, isFederated]) => {
    const own = keys.flatMap((key, index) => variantOf(key, index < 5 ? 'plain' : chosen[index]));
    const odd = keys.flatMap((key, index) => variantOf(key, chosen[index]));
    const bundles: [string, JsonObject[]][] = [['example.org', chosen[0] === 'plain' ? own : odd]];
    if (isFederated) bundles.push(['other.org', odd]);
    return new Map(bundles);
  });

function variantOf(key: (typeof keys)[number], variant: unknown): JsonObject[] {
  switch (variant) {
    case 'alg':
      return [{ ...key.jwk, alg: algorithmsOf[key.kind]?.[0] }];
    case 'other alg':
      return [{ ...key.jwk, alg: 'ES999' }];
    case 'missing':
      return [];
    case 'broken':
      return [{ ...key.jwk, x: 'AAAA', n: 'AAAA' }, key.jwk];
    case 'renamed':
      return [{ ...key.jwk, kid: 'k0' }];
    default:
      return [key.jwk];
  }
}

/** Who the token speaks for if the second opinion accepts it, else undefined. */
async function secondOpinion(token: Token, bundles: Bundles): Promise<unknown> {
  const { header, claims } = token;
  if (!formIsAllowed(token) || !headerIsAllowed(header) || !claimsAreAllowed(claims)) return;
  const [, domain = ''] = /^spiffe:\/\/([^/]*)/.exec(String(claims['sub'])) ?? [];
  const alg = String(header['alg']);
  const candidates = candidatesIn(bundles.get(domain) ?? [], header['kid'], alg);
  for (const jwk of candidates) if (await joseAccepts(token.token, jwk, alg)) return claims['sub'];
  return undefined;
}

/** Three parts, each as an encoder writes it, and nothing in them that a parser had to guess about. */
function formIsAllowed({ header, claims, token }: Token): boolean {
  const parts = token.split('.');
  return (
    token.length <= 8_192 &&
    parts.length === 3 &&
    parts.every(isCanonical) &&
    parts[0] === encode(JSON.stringify(header)) &&
    parts[1] === encode(JSON.stringify(claims))
  );
}

function candidatesIn(
  keysOfDomain: readonly JsonObject[],
  kid: unknown,
  alg: string,
): readonly JsonObject[] {
  const fitting = keysOfDomain.filter(
    (jwk) => (jwk['alg'] === undefined || jwk['alg'] === alg) && suits(jwk, alg),
  );
  if (kid !== undefined) return fitting.filter((jwk) => jwk['kid'] === kid);
  return fitting.length > 4 ? [] : fitting;
}

function isCanonical(part: string): boolean {
  try {
    return jose.base64url.encode(jose.base64url.decode(part)) === part;
  } catch {
    return false;
  }
}

/** Of the right type and curve, and importable: what a bundle's keys are counted by. */
function suits(jwk: JsonObject, alg: string): boolean {
  if (jwk['n'] === 'AAAA' || jwk['x'] === 'AAAA') return false;
  const curves: Readonly<Record<string, string>> = {
    ES256: 'P-256',
    ES384: 'P-384',
    ES512: 'P-521',
  };
  if (alg.startsWith('ES')) return jwk['kty'] === 'EC' && jwk['crv'] === curves[alg];
  return jwk['kty'] === 'RSA' && typeof jwk['n'] === 'string' && jwk['n'].length > 300;
}

/** JWT-SVID §2, RFC 7515 §4.1. */
function headerIsAllowed({ alg, kid, typ, crit }: Record<string, unknown>): boolean {
  return (
    nine.includes(String(alg)) &&
    (kid === undefined || typeof kid === 'string') &&
    [undefined, 'JWT', 'JOSE'].includes(typ as string | undefined) &&
    crit === undefined
  );
}

/** JWT-SVID §3, SPIFFE-ID §2, RFC 7519 §4.1: what jose leaves to its caller. */
function claimsAreAllowed({ sub, aud, exp, nbf, iat }: Record<string, unknown>): boolean {
  const id = /^spiffe:\/\/[a-z0-9._-]{1,255}(?:\/(?!\.{1,2}(?:\/|$))[a-zA-Z0-9._-]+)*$/.exec(
    String(sub),
  );
  const list = typeof aud === 'string' ? [aud] : aud;
  return (
    typeof sub === 'string' &&
    sub.length <= 2_048 &&
    id !== null &&
    Array.isArray(list) &&
    list.every((each) => typeof each === 'string') &&
    typeof exp === 'number' &&
    [nbf, iat].every((each) => each === undefined || typeof each === 'number') &&
    !(typeof iat === 'number' && iat > nowS + 60)
  );
}

const imported = new Map<string, Promise<jose.CryptoKey | Uint8Array>>();
async function joseAccepts(token: string, jwk: JsonObject, alg: string): Promise<boolean> {
  const name = `${alg} ${JSON.stringify(jwk)}`;
  const { kty, crv, x, y, n, e } = jwk as Record<string, string>;
  const bare: jose.JWK = { kty, crv, x, y, n, e } as jose.JWK;
  const key = imported.get(name) ?? jose.importJWK(bare, alg);
  imported.set(name, key);
  try {
    await jose.jwtVerify(token, await key, {
      algorithms: nine,
      audience: audiences,
      clockTolerance: 60,
      currentDate: new Date(nowS * 1_000),
      requiredClaims: ['exp', 'aud', 'sub'],
    });
    return true;
  } catch {
    return false;
  }
}

describe('the verdict on a token', () => {
  test('is the one that jose and the standards come to', async () => {
    const seen = { accepted: 0, refused: 0 };
    await fc.assert(
      fc.asyncProperty(tokens, bundleSets, async (token, bundles) => {
        const source = new FakeBundles();
        for (const [domain, jwks] of bundles) source.put(domain, jwks);
        const plain = createVerifier({ audiences, bundles: source });
        const cached = cachedVerifier(plain, { bundles: source });
        const expected = await secondOpinion(token, bundles);
        for (const verifier of [plain, cached, cached]) {
          const verdict = await verifier.verify(token.token, nowS);
          expect(verdict.kind === 'accepted' ? verdict.spiffeId : undefined).toBe(expected);
        }
        seen[expected === undefined ? 'refused' : 'accepted']++;
      }),
      { numRuns: 800, seed: 20_261_122 },
    );
    expect(seen.accepted, 'the generator makes good tokens too').toBeGreaterThan(100);
    expect(seen.refused).toBeGreaterThan(100);
  }, 120_000);

  test('on garbage is a refusal, at once and without an exception', () => {
    const verifier = createVerifier({ audiences, bundles: new FakeBundles() });
    const part = fc.oneof(fc.string(), fc.json().map(encode), fc.constant('eyJhbGciOiJFUzI1NiJ9'));
    fc.assert(
      fc.property(fc.array(part, { maxLength: 5 }), (parts) => {
        expect(verifier.verify(parts.join('.'), nowS)).toMatchObject({ kind: 'refused' });
      }),
      { numRuns: 2_000 },
    );
  });
});
