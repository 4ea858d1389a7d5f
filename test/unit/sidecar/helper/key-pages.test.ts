import { expect, test } from 'vitest';
import { parseTrustDomain } from '#kernel/spiffe-id.ts';
import { KeyPages } from '../../../../sidecar/helper/key-pages.ts';
import { readJwtBundle } from '../../../../sidecar/jwt/jwt-bundle.ts';
import { metricsText } from '../../../../sidecar/kernel/metrics-text.ts';
import { FakeBundles, makeKey } from '../../../fakes/token-maker.ts';

class Source extends FakeBundles {
  hasState = true;
}

function setUp() {
  const bundles = new Source();
  const pages = new KeyPages(() => bundles);
  const keysAt = (path: string): readonly { readonly kid: string }[] => {
    const { keys } = JSON.parse(pages.page(path)?.body ?? '{}') as { keys: { kid: string }[] };
    return keys;
  };
  return { bundles, pages, keysAt };
}

test("a trust domain's keys are at its path, and a change is there at once", () => {
  const { bundles, pages, keysAt } = setUp();
  bundles.put('example.org', [makeKey('one').jwk]);
  expect(pages.page('/jwks/example.org')).toMatchObject({
    status: 200,
    contentType: 'application/jwk-set+json',
    cacheControl: 'max-age=60',
  });
  expect(keysAt('/jwks/example.org').map(({ kid }) => kid)).toEqual(['one']);
  bundles.put('example.org', [makeKey('two').jwk]);
  expect(keysAt('/jwks/example.org').map(({ kid }) => kid)).toEqual(['two']);
});

test('a domain that is unknown, withdrawn or without keys has one that nobody has, so that Envoy drops the others', () => {
  const { bundles, keysAt } = setUp();
  bundles.put('example.org', [makeKey('one').jwk]);
  bundles.put('empty.org', []);
  bundles.withdraw('example.org');
  for (const domain of ['example.org', 'empty.org', 'other.org']) {
    const keys = keysAt(`/jwks/${domain}`);
    expect(keys).toHaveLength(1);
    expect(keys[0]).toMatchObject({ kid: 'svidecar-no-key', kty: 'EC', alg: 'ES256' });
    expect(keys[0]).not.toHaveProperty('d');
  }
  expect(setUp().keysAt('/jwks/a'), 'another process has another').not.toEqual(keysAt('/jwks/a'));
});

test.each([
  [1, 'max-age=5'],
  [90.7, 'max-age=90'],
  [86_400, 'max-age=300'],
])('a refresh hint of %d s gives %s', (refreshHintS, expected) => {
  const domain = parseTrustDomain('example.org');
  const keys = [makeKey('one').jwk];
  const document = JSON.stringify({ keys, spiffe_refresh_hint: refreshHintS });
  const { bundle } = readJwtBundle(domain, document, 'workload_api');
  const pages = new KeyPages(() => ({ hasState: true, bundleFor: () => bundle }));
  expect(pages.page('/jwks/example.org')?.cacheControl).toBe(expected);
});

test('before the agent has told anything, and where no rule validates, nothing is made up', () => {
  const { bundles, pages } = setUp();
  bundles.hasState = false;
  expect(pages.page('/jwks/example.org')).toMatchObject({ status: 503, cacheControl: 'no-store' });
  expect(new KeyPages(() => undefined).page('/jwks/example.org')?.status).toBe(404);
  expect(pages.page('/jwks/Not_A!Domain')?.status).toBe(404);
  bundles.hasState = true;
  for (const path of ['/jwks/', '/jwks/a/b', '/jwks/%61', `/jwks/${'a'.repeat(256)}`])
    expect(pages.page(path)?.status).toBe(404);
  expect(pages.page('/other')).toBeUndefined();
});

test('requests are counted by what was answered, whoever asks for what', () => {
  const { bundles, pages } = setUp();
  bundles.put('example.org', [makeKey('one').jwk]);
  for (const name of ['example.org', 'example.org', 'other.org', '!']) pages.page(`/jwks/${name}`);
  const text = metricsText([pages.family()]);
  expect(text).toContain('svidecar_jwks_requests_total{result="keys"} 2\n');
  expect(text).toContain('svidecar_jwks_requests_total{result="no_keys"} 1\n');
  expect(text).toContain('svidecar_jwks_requests_total{result="not_found"} 1\n');
});
