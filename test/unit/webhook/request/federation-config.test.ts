import { inspect } from 'node:util';
import { expect, test } from 'vitest';
import { checkConfig } from '../../../../webhook/request/injector-config.ts';
import { jwtKey, publishedBundle, x509Key } from '../../../fakes/published-bundle.ts';

const web = {
  trustDomain: 'b.test',
  bundleEndpoint: 'https://b.test/bundle',
  profile: 'https_web',
};
const spiffe = {
  ...web,
  profile: 'https_spiffe',
  endpointSpiffeId: 'spiffe://b.test/spire/server',
  bundle: publishedBundle,
};

test('relationships are kept as they are written, and none is the default', () => {
  const federation = [spiffe, { ...web, trustDomain: 'c.test' }];
  expect(checkConfig({ federation }, 'config.yaml').federation).toEqual(federation);
  expect(checkConfig({}, 'config.yaml').federation).toEqual([]);
});

test.each([
  ['a name that is none', [{ ...web, trustDomain: 'B.test' }], 'trustDomain'],
  ['plain HTTP', [{ ...web, bundleEndpoint: 'http://b.test' }], 'bundleEndpoint'],
  ['a password in the URL', [{ ...web, bundleEndpoint: 'https://a:b@b.test' }], 'bundleEndpoint'],
  ['another profile', [{ ...web, profile: 'https' }], 'profile'],
  ['https_spiffe without who answers', [{ ...web, profile: 'https_spiffe' }], 'endpointSpiffeId'],
  ['https_web with who answers', [{ ...spiffe, profile: 'https_web' }], 'endpointSpiffeId'],
  ['an endpoint that is no SPIFFE ID', [{ ...spiffe, endpointSpiffeId: 'b.test' }], 'SPIFFE ID'],
  ['unknown keys', [{ ...web, url: 'https://b.test' }], 'url'],
])('%s is refused', (_what, federation, said) => {
  expect(() => checkConfig({ federation }, 'config.yaml')).toThrow(said);
});

test('https_spiffe may begin with a bundle that SPIRE has, and its endpoint may be of a third trust domain', () => {
  const { bundle: _bundle, ...bare } = spiffe;
  const third = { ...bare, trustDomain: 'c.test' };
  const federation = [bare, third];
  expect(checkConfig({ federation }, 'config.yaml').federation).toEqual(federation);
});

test.each([
  'https://b.test',
  'https://b.test:8443/a/b?c=d%20e',
  'https://10.0.0.1/bundle',
  'https://[fd00::1]:8443',
  'https://spire_server.b.test/',
])('a bundle may be published at %s', (bundleEndpoint) => {
  const federation = [{ ...web, bundleEndpoint }];
  expect(checkConfig({ federation }, 'config.yaml').federation).toEqual(federation);
});

test.each([
  'http://b.test',
  'HTTPS://b.test',
  'https:b.test',
  'https:///bundle',
  ' https://b.test',
  'https://b.test/a b',
  'https://b.test\\bundle',
  'https:\\\\b.test',
  'https://b.test/a\\b',
  'https://a:hidden@b.test',
  'https://hidden@b.test',
  'https://@b.test',
  'https://b.test/#',
  'https://b.test/#part',
  'https://b.test:0',
  'https://b.test:99999',
  'https://10.0.0.256',
  'https://[fd00::g]',
  'https://b.test/%zz',
  'https://b.test/\u0007',
])(
  'the endpoint %j is refused, with its key and what to write, quoting nothing',
  (bundleEndpoint) => {
    const read = (): unknown => checkConfig({ federation: [{ ...web, bundleEndpoint }] }, 'c.yaml');
    expect(read).toThrow(
      /must be an https:\/\/ URL .*as in https:\/\/spire\.partner.* at federation\[0\]\.bundleEndpoint$/,
    );
    expect(read).not.toThrow('hidden');
  },
);

test.each([
  [
    'the own trust domain',
    [{ ...web, trustDomain: 'a.test' }],
    /own trustDomain.*take.*federation\[0\]/,
  ],
  ['a trust domain twice', [web, spiffe], /names b\.test a second time: keep one.*federation\[1\]/],
])('%s is refused, with its key and what to do', (_what, federation, said) => {
  const read = (): unknown => checkConfig({ trustDomain: 'a.test', federation }, 'config.yaml');
  expect(read).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
  expect(read).toThrow(said);
});

const of = (...keys: readonly unknown[]): string => JSON.stringify({ keys });

test('a bundle may hold keys of other uses beside those for SVIDs', () => {
  const bundle = of({ use: 'wit-svid', kty: 'EC' }, { kty: 'EC' }, jwtKey);
  expect(checkConfig({ federation: [{ ...spiffe, bundle }] }, 'c.yaml').federation).toHaveLength(1);
});

test.each([
  ['no JSON', 'PEM', 'is not the JSON text'],
  ['a list', '[]', 'is not the JSON text'],
  ['no keys', '{}', 'no key with the use'],
  ['an empty list of keys', of(), 'no key with the use'],
  ['a key that is a number', of(1), 'must be a JWK'],
  ['keys of other uses only', of({ ...jwtKey, use: 'sig' }), 'no key with the use'],
  ['a key for tokens without kid', of({ ...jwtKey, kid: '' }), 'keys[0] needs a kid'],
  [
    'a point that is not on its curve',
    of(x509Key, { ...jwtKey, y: jwtKey.x }),
    'keys[1] is no public',
  ],
  ['an authority without certificate', of({ ...x509Key, x5c: [] }), 'keys[0] needs x5c'],
  ['an authority with a chain', of({ ...x509Key, x5c: [...x509Key.x5c, 'AA=='] }), 'needs x5c'],
  ['a certificate that is none', of({ ...x509Key, x5c: ['bm9uZQ=='] }), 'keys[0] needs x5c'],
])('a bundle with %s is refused, with its key and what to write', (_what, bundle, fault) => {
  const read = (): unknown => checkConfig({ federation: [{ ...spiffe, bundle }] }, 'config.yaml');
  expect(read).toThrow(fault);
  expect(read).toThrow(/spire-server bundle show.* at federation\[0\]\.bundle$/);
});

const secret = 'c2VjcmV0LXdvcmQ';

test.each(['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'].map((member) => [member]))(
  'a bundle whose key has %s, a private part, is refused and quoted nowhere',
  (member) => {
    const whole = JSON.stringify({ ...jwtKey, keys: [jwtKey], [member]: secret });
    const texts = [
      of(jwtKey, { ...jwtKey, [member]: secret }),
      of({ use: 'sig', [member]: secret }),
      whole,
    ];
    for (const bundle of texts) {
      const said = refusalOf({ federation: [{ ...spiffe, bundle }] });
      expect(said).toMatch(/private or a secret key: take it out.* at federation\[0\]\.bundle/);
      expect(said).not.toContain(secret);
    }
  },
);

/** Message and causes, as logs have them. */
function refusalOf(config: unknown): string {
  try {
    checkConfig(config, 'config.yaml');
  } catch (thrown) {
    return inspect(thrown, { depth: 20 });
  }
  return 'taken';
}
