import { describe, expect, test } from 'vitest';
import type { RefusalReason, TokenVerdict } from '../../../../sidecar/jwt/token-ports.ts';
import { createVerifier } from '../../../../sidecar/jwt/verify.ts';
import {
  encode,
  FakeBundles,
  makeKey,
  makeRawToken,
  makeToken,
  signatureOf,
  type KeyKind,
} from '../../../fakes/token-maker.ts';

const nowS = 1_800_000_000;
const audience = 'spiffe://example.org/backend';
const subject = 'spiffe://example.org/ns/demo/sa/frontend';
const key = makeKey('k1');
const foreign = makeKey('k1');
const kinds: readonly KeyKind[] = ['P-256', 'P-384', 'P-521', 'RSA', 'RSA-1024', 'secp256k1'];
const byKind = new Map(kinds.map((kind) => [kind, makeKey(`of-${kind}`, kind)]));
const bundles = new FakeBundles()
  .put('example.org', [key.jwk, ...[...byKind.values()].map((each) => each.jwk)])
  .put('other.org', [foreign.jwk])
  .put('empty.org', []);
const verifier = createVerifier({ audiences: [audience, 'second'], bundles });
const claims = { sub: subject, aud: [audience], exp: nowS + 300, iat: nowS };

function keyOf(kind: KeyKind): ReturnType<typeof makeKey> {
  const found = byKind.get(kind);
  if (found === undefined) throw new TypeError(kind);
  return found;
}
const outcome = (verdict: TokenVerdict): string =>
  verdict.kind === 'accepted' ? 'accepted' : verdict.reason;
const judge = async (token: string, at = nowS): Promise<string> =>
  outcome(await verifier.verify(token, at));
const withClaims = (changed: Record<string, unknown>): string =>
  makeToken({ key, claims: { ...claims, ...changed } });
const withHeader = (header: Record<string, unknown>): string => makeToken({ key, header, claims });
const good = makeToken({ key, claims });

type Case = readonly [name: string, token: string, expected: RefusalReason | 'accepted'];

describe('a JWT-SVID', () => {
  test('that is valid is accepted with its SPIFFE ID, expiry and claims', async () => {
    expect(await verifier.verify(good, nowS)).toEqual({
      kind: 'accepted',
      spiffeId: subject,
      expiresAtS: nowS + 300,
      claims,
    });
  });

  test.each<Case>([
    ['of the greatest length', withClaims({ pad: 'a'.repeat(5_700) }), 'accepted'],
    ['beyond the greatest length', withClaims({ pad: 'a'.repeat(6_500) }), 'too_long'],
    ['that is empty', '', 'malformed'],
    ['of two parts', good.slice(0, good.lastIndexOf('.')), 'malformed'],
    ['of four parts', `${good}.`, 'malformed'],
    ['of five parts (encrypted)', 'a.b.c.d.e', 'malformed'],
    ['with padding', `${good}=`, 'malformed'],
    ['with white space after it', `${good} `, 'malformed'],
    ['with a line break inside', good.replace('.', '.\n'), 'malformed'],
    // Not every signature has a letter in which the alphabets differ.
    ['in the other base64 alphabet', `${good.slice(0, -2)}+${good.slice(-1)}`, 'malformed'],
    ['with unused bits set in the signature', lastBitSet(good), 'malformed'],
    ['with a header that is no JSON', makeRawToken(key, '{', '{}'), 'malformed'],
    ['with a header that is a list', makeRawToken(key, '[]', '{}'), 'malformed'],
    ['with alg named twice', raw('{"alg":"none","alg":"ES256","kid":"k1"}'), 'malformed'],
    ['with alg named twice by an escape', raw('{"alg":"ES256","\\u0061lg":"x"}'), 'malformed'],
    ['with a payload that is a string', makeRawToken(key, es256, '"a"'), 'malformed'],
    ['with sub named twice', makeRawToken(key, es256, twice('sub')), 'malformed'],
    ['with a nested name twice', withPayload('"x":{"a":1,"a":2}'), 'malformed'],
    ['with one name in two objects', withPayload('"x":[{"a":1},{"a":"a"}]'), 'accepted'],
    ['with a name as value', withPayload('"x":"sub","y":["sub","sub"]'), 'accepted'],
    ['with a byte order mark', makeRawToken(key, es256, `\uFEFF{}`), 'malformed'],
    ['with bytes that are not UTF-8', notUtf8(), 'malformed'],
  ])('%s', async (_name, token, expected) => {
    expect(await judge(token)).toBe(expected);
  });
});

describe('the header', () => {
  test.each<Case>([
    ['alg none', withHeader({ alg: 'none' }), 'algorithm'],
    ['alg None without a signature', `${encode({ alg: 'None' })}.${encode(claims)}.`, 'algorithm'],
    ['alg HS256 with the public key as secret', withHeader({ alg: 'HS256' }), 'algorithm'],
    ['alg EdDSA', withHeader({ alg: 'EdDSA' }), 'algorithm'],
    ['alg ES256K', withHeader({ alg: 'ES256K' }), 'algorithm'],
    ['alg in lower case', withHeader({ alg: 'es256' }), 'algorithm'],
    ['alg absent', withHeader({ alg: undefined }), 'algorithm'],
    ['alg as a list', withHeader({ alg: ['ES256'] }), 'algorithm'],
    ['alg that is a property of every object', withHeader({ alg: 'toString' }), 'algorithm'],
    ['typ absent', withHeader({ typ: undefined }), 'accepted'],
    ['typ JOSE', withHeader({ typ: 'JOSE' }), 'accepted'],
    ['typ at+jwt', withHeader({ typ: 'at+jwt' }), 'type'],
    ['typ in lower case', withHeader({ typ: 'jwt' }), 'type'],
    ['typ empty', withHeader({ typ: '' }), 'type'],
    ['crit', withHeader({ crit: ['exp'], exp: 1 }), 'critical_header'],
    ['crit empty', withHeader({ crit: [] }), 'critical_header'],
    ['b64 in crit', withHeader({ crit: ['b64'], b64: false }), 'critical_header'],
    ['an unknown parameter', withHeader({ extra: 1 }), 'accepted'],
    ['a key of its own', withHeader({ jwk: makeKey('k1').jwk }), 'accepted'],
    ['a key of its own that signed', selfSigned(), 'signature'],
    ['kid of another key', withHeader({ kid: 'of-P-256' }), 'signature'],
    ['kid unknown', withHeader({ kid: 'k2' }), 'no_key'],
    ['kid empty', withHeader({ kid: '' }), 'no_key'],
    ['kid a number', withHeader({ kid: 1 }), 'malformed'],
    ['kid absent: the fitting keys are tried', withHeader({ kid: undefined }), 'accepted'],
    ['alg that does not fit the curve', withHeader({ kid: 'of-P-384' }), 'no_key'],
    ['alg that does not fit the key type', withHeader({ kid: 'of-RSA' }), 'no_key'],
  ])('%s', async (_name, token, expected) => {
    expect(await judge(token)).toBe(expected);
  });

  test.each([
    ['ES256', 'P-256'],
    ['ES384', 'P-384'],
    ['ES512', 'P-521'],
    ['RS256', 'RSA'],
    ['RS384', 'RSA'],
    ['RS512', 'RSA'],
    ['PS256', 'RSA'],
    ['PS384', 'RSA'],
    ['PS512', 'RSA'],
  ] as const)('%s is accepted, and refused when a byte of it changed', async (algorithm, kind) => {
    const token = makeToken({ key: keyOf(kind), algorithm, claims });
    expect(await judge(token)).toBe('accepted');
    const forged = makeToken({ key: keyOf(kind), algorithm, claims: { ...claims, sub: audience } });
    const [header, , signature] = token.split('.');
    expect(await judge([header, forged.split('.')[1], signature].join('.'))).toBe('signature');
    expect(await judge([header, token.split('.')[1], ''].join('.'))).toBe('signature');
  });

  test('RS256 made by PS256 is refused, and the reverse', async () => {
    const rsa = keyOf('RSA');
    for (const [said, used] of [
      ['RS256', 'PS256'],
      ['PS256', 'RS256'],
    ] as const) {
      const input = `${encode({ alg: said, kid: rsa.kid })}.${encode(claims)}`;
      expect(await judge(`${input}.${signatureOf(used, input, rsa.privateKey)}`)).toBe('signature');
    }
  });

  test('PS256 with a salt of another length than the digest is refused', async () => {
    const { constants, sign } = await import('node:crypto');
    const rsa = keyOf('RSA');
    const input = `${encode({ alg: 'PS256', kid: rsa.kid })}.${encode(claims)}`;
    const signed = (saltLength: number): string =>
      sign('sha256', Buffer.from(input), {
        key: rsa.privateKey,
        padding: constants.RSA_PKCS1_PSS_PADDING,
        saltLength,
      }).toString('base64url');
    expect(await judge(`${input}.${signed(32)}`)).toBe('accepted');
    expect(await judge(`${input}.${signed(20)}`)).toBe('signature');
  });

  test('an RSA key below 2048 bits signs nothing', async () => {
    expect(await judge(makeToken({ key: keyOf('RSA-1024'), algorithm: 'RS256', claims }))).toBe(
      'no_key',
    );
  });

  test('an ECDSA signature in DER form is refused', async () => {
    const { sign } = await import('node:crypto');
    const input = good.slice(0, good.lastIndexOf('.'));
    const der = sign('sha256', Buffer.from(input), key.privateKey).toString('base64url');
    expect(await judge(`${input}.${der}`)).toBe('signature');
  });
});

describe('the claims', () => {
  test.each<Case>([
    ['exp absent', withClaims({ exp: undefined }), 'no_expiry'],
    ['exp a text', withClaims({ exp: String(nowS + 300) }), 'malformed'],
    ['exp null', withClaims({ exp: null }), 'malformed'],
    ['exp beyond all numbers', withPayload('"exp":1e999', { exp: undefined }), 'malformed'],
    ['exp with a fraction', withClaims({ exp: nowS + 0.5 }), 'accepted'],
    ['exp within the leeway', withClaims({ exp: nowS - 59 }), 'accepted'],
    ['exp with a fraction within the leeway', withClaims({ exp: nowS - 59.5 }), 'accepted'],
    ['exp at the end of the leeway', withClaims({ exp: nowS - 60 }), 'expired'],
    ['nbf in the past', withClaims({ nbf: nowS - 1 }), 'accepted'],
    ['nbf within the leeway', withClaims({ nbf: nowS + 60 }), 'accepted'],
    ['nbf beyond the leeway', withClaims({ nbf: nowS + 61 }), 'not_yet_valid'],
    ['nbf a text', withClaims({ nbf: '0' }), 'malformed'],
    ['iat absent', withClaims({ iat: undefined }), 'accepted'],
    ['iat within the leeway', withClaims({ iat: nowS + 60 }), 'accepted'],
    ['iat beyond the leeway', withClaims({ iat: nowS + 61 }), 'issued_in_future'],
    ['iat true', withClaims({ iat: true }), 'malformed'],
    ['aud a single text', withClaims({ aud: audience }), 'accepted'],
    ['aud among others', withClaims({ aud: ['x', 'second'] }), 'accepted'],
    ['aud absent', withClaims({ aud: undefined }), 'audience'],
    ['aud empty', withClaims({ aud: [] }), 'audience'],
    ['aud of somebody else', withClaims({ aud: ['spiffe://example.org/other'] }), 'audience'],
    ['aud with a slash more', withClaims({ aud: [`${audience}/`] }), 'audience'],
    ['aud in upper case', withClaims({ aud: [audience.toUpperCase()] }), 'audience'],
    ['aud with a number in it', withClaims({ aud: [audience, 1] }), 'malformed'],
    ['aud an object', withClaims({ aud: { [audience]: true } }), 'malformed'],
    ['sub absent', withClaims({ sub: undefined }), 'subject'],
    ['sub no SPIFFE ID', withClaims({ sub: 'frontend' }), 'subject'],
    ['sub with a trailing slash', withClaims({ sub: `${subject}/` }), 'subject'],
    ['sub with a dot segment', withClaims({ sub: 'spiffe://example.org/a/../b' }), 'subject'],
    ['sub in upper case', withClaims({ sub: 'spiffe://Example.org/a' }), 'subject'],
    ['sub a list', withClaims({ sub: [subject] }), 'subject'],
    ['sub of the trust domain itself', withClaims({ sub: 'spiffe://example.org' }), 'accepted'],
    ['sub of an unknown trust domain', withClaims({ sub: 'spiffe://unknown.org/a' }), 'no_bundle'],
    ['sub of a domain without keys', withClaims({ sub: 'spiffe://empty.org/a' }), 'no_key'],
    [
      'sub of a federated domain by our key',
      withClaims({ sub: 'spiffe://other.org/a' }),
      'signature',
    ],
    [
      'sub of ours by the key of a federated domain with the same kid',
      makeToken({ key: foreign, claims }),
      'signature',
    ],
    [
      'sub of a federated domain by its own key',
      makeToken({ key: foreign, claims: { ...claims, sub: 'spiffe://other.org/a' } }),
      'accepted',
    ],
    ['claims of other kinds', withClaims({ jti: 'x', nested: { a: [1, null] } }), 'accepted'],
    ['a claim called __proto__', withPayload('"__proto__":{"exp":1}'), 'accepted'],
  ])('%s', async (_name, token, expected) => {
    expect(await judge(token)).toBe(expected);
  });

  test('the leeway is a setting', async () => {
    const strict = createVerifier({ audiences: [audience], bundles, leewayS: 0 });
    expect(outcome(await strict.verify(good, nowS + 299.9))).toBe('accepted');
    expect(outcome(await strict.verify(good, nowS + 300))).toBe('expired');
    expect(outcome(await strict.verify(good, nowS - 1))).toBe('issued_in_future');
  });
});

describe('a bundle', () => {
  const two = makeKey('two');
  const judgeWith = async (keys: Parameters<FakeBundles['put']>[1]): Promise<string> => {
    const source = new FakeBundles().put('example.org', keys);
    return outcome(
      await createVerifier({ audiences: [audience], bundles: source }).verify(good, nowS),
    );
  };

  test.each([
    ['a point that is not on the curve', { ...two.jwk, x: key.jwk['x'] }],
    ['a missing coordinate', { kty: 'EC', crv: 'P-256', kid: 'k1', x: 'AA' }],
    ['an unknown type', { kty: 'oct', k: 'AAAA', kid: 'k1' }],
    ['no kid', { ...two.jwk, kid: undefined }],
    ['nothing', {}],
  ])('goes on working beside a key with %s', async (_name, broken) => {
    expect(await judgeWith([broken, key.jwk])).toBe('accepted');
  });

  test('with two keys of one kid tries both', async () => {
    expect(await judgeWith([{ ...two.jwk, kid: 'k1' }, key.jwk])).toBe('accepted');
  });

  test('key that is meant for another algorithm or operation is not used', async () => {
    expect(await judgeWith([{ ...key.jwk, alg: 'ES256' }])).toBe('accepted');
    expect(await judgeWith([{ ...key.jwk, alg: 'ES384' }])).toBe('no_key');
    expect(await judgeWith([{ ...key.jwk, key_ops: ['verify'] }])).toBe('accepted');
    expect(await judgeWith([{ ...key.jwk, key_ops: ['encrypt'] }])).toBe('no_key');
  });

  test('with up to four fitting keys serves tokens without kid, with more none', async () => {
    const others = ['a', 'b', 'c'].map((kid) => makeKey(kid).jwk);
    const token = makeToken({ key, header: { kid: undefined }, claims });
    const judgeIt = async (keys: Parameters<FakeBundles['put']>[1]): Promise<string> => {
      const source = new FakeBundles().put('example.org', keys);
      const one = createVerifier({ audiences: [audience], bundles: source });
      return outcome(await one.verify(token, nowS));
    };
    expect(await judgeIt([...others, key.jwk])).toBe('accepted');
    expect(await judgeIt(others)).toBe('signature');
    expect(await judgeIt([...others, key.jwk, two.jwk])).toBe('no_key');
  });

  test('with slow keys of one kid tries them in turn on the thread pool', async () => {
    const slow = keyOf('P-384');
    const wrong = makeKey(slow.kid, 'P-384');
    const source = new FakeBundles().put('example.org', [wrong.jwk, slow.jwk]);
    const verdict = createVerifier({ audiences: [audience], bundles: source }).verify(
      makeToken({ key: slow, algorithm: 'ES384', claims }),
      nowS,
    );
    expect(verdict).toBeInstanceOf(Promise);
    expect(outcome(await verdict)).toBe('accepted');
  });
});

const es256 = '{"alg":"ES256","kid":"k1"}';

function raw(header: string): string {
  return makeRawToken(key, header, JSON.stringify(claims));
}

/** The usual claims, with `text` added as it stands. */
function withPayload(text: string, changed: Record<string, unknown> = {}): string {
  const rest = JSON.stringify({ ...claims, ...changed }).slice(0, -1);
  return makeRawToken(key, es256, `${rest},${text}}`);
}

function twice(name: 'sub' | 'aud'): string {
  return JSON.stringify(claims).replace('{', `{"${name}":"spiffe://example.org/admin",`);
}

/** The same bytes, spelt with a last character that an encoder would not write. */
function lastBitSet(token: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  const last = alphabet.indexOf(token.slice(-1));
  return `${token.slice(0, -1)}${alphabet.charAt(last | 1)}`;
}

function notUtf8(): string {
  const payload = Buffer.from(JSON.stringify({ ...claims, x: '?' }));
  payload[payload.lastIndexOf('?')] = 0xff;
  const input = `${encode(es256)}.${payload.toString('base64url')}`;
  return `${input}.${signatureOf('ES256', input, key.privateKey)}`;
}

/** An attacker's key in the header, under the name of a good one. */
function selfSigned(): string {
  const own = makeKey('k1');
  return makeToken({ key: own, header: { jwk: own.jwk }, claims });
}
