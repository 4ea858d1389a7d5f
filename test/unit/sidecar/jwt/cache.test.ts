import { describe, expect, test } from 'vitest';
import { cachedVerifier, type CacheOptions } from '../../../../sidecar/jwt/cache.ts';
import type { TokenVerifier, TokenVerdict } from '../../../../sidecar/jwt/token-ports.ts';
import { createVerifier } from '../../../../sidecar/jwt/verify.ts';
import { FakeBundles, makeKey, makeToken, type TestKey } from '../../../fakes/token-maker.ts';

const nowS = 1_800_000_000;
const audience = 'backend';
const key = makeKey('k1');
const claims = { sub: 'spiffe://example.org/a', aud: audience, exp: nowS + 300 };
const good = makeToken({ key, claims });

/** Counts how often the real verifier was asked. */
class Counting implements TokenVerifier {
  calls = 0;
  readonly #inner: TokenVerifier;
  constructor(inner: TokenVerifier) {
    this.#inner = inner;
  }
  verify(token: string, at: number): TokenVerdict | Promise<TokenVerdict> {
    this.calls++;
    return this.#inner.verify(token, at);
  }
}

function setUp(
  options: Partial<CacheOptions> = {},
  keys: readonly TestKey[] = [key],
): {
  bundles: FakeBundles;
  inner: Counting;
  cache: ReturnType<typeof cachedVerifier>;
  judge: (token: string, at?: number) => Promise<string>;
} {
  const bundles = new FakeBundles().put(
    'example.org',
    keys.map((each) => each.jwk),
  );
  const inner = new Counting(createVerifier({ audiences: [audience], bundles }));
  const cache = cachedVerifier(inner, { bundles, ...options });
  const judge = async (token: string, at = nowS): Promise<string> => {
    const verdict = await cache.verify(token, at);
    return verdict.kind === 'accepted' ? 'accepted' : verdict.reason;
  };
  return { bundles, inner, cache, judge };
}

describe('a cached verdict', () => {
  test('is the same object at once, and the signature is checked once', () => {
    const { cache, inner } = setUp();
    const first = cache.verify(good, nowS);
    expect(cache.verify(good, nowS + 1)).toBe(first);
    expect(inner.calls).toBe(1);
    expect(cache.counts).toEqual({ hits: 1, misses: 1 });
  });

  test('belongs to one set of audiences', async () => {
    const { bundles, judge } = setUp();
    expect(await judge(good)).toBe('accepted');
    const inner = createVerifier({ audiences: ['other'], bundles });
    const other = cachedVerifier(inner, { bundles });
    expect(await other.verify(good, nowS)).toEqual({ kind: 'refused', reason: 'audience' });
  });

  test('ends with the token, leeway included', async () => {
    const { judge } = setUp({ acceptedForS: 10_000 });
    expect(await judge(good, nowS + 300 - 1)).toBe('accepted');
    expect(await judge(good, nowS + 300 + 59)).toBe('accepted');
    expect(await judge(good, nowS + 300 + 60)).toBe('expired');
  });

  test('is found again after a minute', async () => {
    const { inner, judge } = setUp();
    await judge(good, nowS);
    await judge(good, nowS + 59);
    expect(inner.calls).toBe(1);
    await judge(good, nowS + 60);
    expect(inner.calls).toBe(2);
  });

  test('does not outlive a clock set back before nbf or iat', async () => {
    for (const name of ['nbf', 'iat']) {
      const { judge } = setUp();
      const token = makeToken({ key, claims: { ...claims, [name]: nowS } });
      expect(await judge(token, nowS)).toBe('accepted');
      expect(await judge(token, nowS - 61)).not.toBe('accepted');
    }
  });

  test('is found again when the clock was set back', async () => {
    const { inner, judge } = setUp();
    await judge(good, nowS);
    await judge(good, nowS - 1);
    expect(inner.calls).toBe(2);
  });

  test('falls with a changed or withdrawn bundle', async () => {
    const { bundles, judge } = setUp();
    expect(await judge(good)).toBe('accepted');
    bundles.put('example.org', [makeKey('k1').jwk]);
    expect(await judge(good)).toBe('signature');
    bundles.put('example.org', [key.jwk]);
    expect(await judge(good)).toBe('accepted');
    bundles.withdraw('example.org');
    expect(await judge(good)).toBe('no_bundle');
  });

  test('found while the bundle changed does not count afterwards', async () => {
    const slow = makeKey('slow', 'P-384');
    const { bundles, cache, judge } = setUp({}, [slow]);
    const token = makeToken({ key: slow, algorithm: 'ES384', claims });
    const pending = cache.verify(token, nowS);
    bundles.withdraw('example.org');
    expect(await judge(token)).toBe('no_bundle');
    expect((await pending).kind).toBe('accepted');
    expect(await judge(token)).toBe('no_bundle');
  });

  test('on its way is waited for, not asked for twice', async () => {
    const slow = makeKey('slow', 'P-521');
    const { cache, inner } = setUp({}, [slow]);
    const token = makeToken({ key: slow, algorithm: 'ES512', claims });
    const pending = [cache.verify(token, nowS), cache.verify(token, nowS)];
    const first = await pending[0];
    const second = await pending[1];
    expect(inner.calls).toBe(1);
    expect(first).toBe(second);
    expect(cache.verify(token, nowS)).toBe(first);
  });
});

describe('a refusal', () => {
  const otherKey = makeKey('k1');
  test.each([
    ['a bad signature', makeToken({ key: otherKey, claims }), true],
    ['garbage', 'a.b.c', true],
    ['a wrong audience', makeToken({ key, claims: { ...claims, aud: 'x' } }), true],
    ['an expired token', makeToken({ key, claims: { ...claims, exp: 1 } }), true],
    ['a token for later', makeToken({ key, claims: { ...claims, nbf: nowS + 90 } }), false],
    ['a token from the future', makeToken({ key, claims: { ...claims, iat: nowS + 90 } }), false],
    ['an unknown key', makeToken({ key, header: { kid: 'k9' }, claims }), false],
    ['no bundle', makeToken({ key, claims: { ...claims, sub: 'spiffe://x.org/a' } }), false],
  ])('for %s is remembered: %s', async (_name, token, remembered) => {
    const { inner, judge } = setUp();
    expect(await judge(token)).not.toBe('accepted');
    await judge(token);
    expect(inner.calls).toBe(remembered ? 1 : 2);
    await judge(token, nowS + 5);
    expect(inner.calls).toBe(remembered ? 2 : 3);
  });

  test('becomes an acceptance as soon as the key is there', async () => {
    const { bundles, judge } = setUp();
    const next = makeKey('k2');
    const token = makeToken({ key: next, claims });
    expect(await judge(token)).toBe('no_key');
    bundles.put('example.org', [key.jwk, next.jwk]);
    expect(await judge(token)).toBe('accepted');
  });

  test('of a token beyond the greatest length is not kept at all', async () => {
    const { cache, inner, judge } = setUp();
    expect(await judge(`${good}${'a'.repeat(8192)}`)).toBe('too_long');
    expect(inner.calls).toBe(0);
    expect(cache.size).toBe(0);
  });
});

describe('the cache', () => {
  test('10,000 garbage tokens neither grow it nor push out a good verdict', async () => {
    const { cache, inner, judge } = setUp({ maxAccepted: 8, maxRefused: 16 });
    await judge(good);
    const calls = inner.calls;
    const [header, payload] = good.split('.');
    for (let index = 0; index < 10_000; index++) {
      expect(
        await judge(`${header ?? ''}.${payload ?? ''}.${String(index).padStart(8, 'A')}`),
      ).toBe('signature');
    }
    expect(cache.size).toBe(17);
    const before = inner.calls;
    expect(before - calls).toBe(10_000);
    expect(await judge(good)).toBe('accepted');
    expect(inner.calls).toBe(before);
  });

  test('forgets the good token that was not asked for the longest', async () => {
    const { inner, judge } = setUp({ maxAccepted: 2 });
    const [a, b, c] = ['a', 'b', 'c'].map((jti) => makeToken({ key, claims: { ...claims, jti } }));
    for (const token of [a, b, a, c, a]) await judge(token ?? '');
    expect(inner.calls).toBe(3);
    await judge(b ?? '');
    expect(inner.calls).toBe(4);
  });

  test('keeps no token that has expired', async () => {
    const { cache, judge } = setUp({ acceptedForS: 10_000 });
    await judge(good);
    await judge('a.b.c');
    expect(cache.size).toBe(2);
    cache.forgetExpired(nowS + 5);
    expect(cache.size).toBe(1);
    cache.forgetExpired(nowS + 360);
    expect(cache.size).toBe(0);
  });

  test('cleans itself when it meets a new token after a while', async () => {
    const { cache, judge } = setUp();
    await judge(makeToken({ key, claims: { ...claims, exp: nowS + 1 } }));
    await judge(good, nowS + 90);
    expect(cache.size).toBe(1);
  });
});
