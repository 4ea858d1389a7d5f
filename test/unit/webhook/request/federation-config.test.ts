import { expect, test } from 'vitest';
import { checkConfig } from '../../../../webhook/request/injector-config.ts';

const bundle = '{"keys": [{"use": "jwt-svid"}]}';
const web = {
  trustDomain: 'b.test',
  bundleEndpoint: 'https://b.test/bundle',
  profile: 'https_web',
};
const spiffe = {
  ...web,
  profile: 'https_spiffe',
  endpointSpiffeId: 'spiffe://b.test/spire/server',
  bundle,
};

test('relationships are kept as they are written, and none is the default', () => {
  const federation = [spiffe, { ...web, trustDomain: 'c.test' }];
  expect(checkConfig({ federation }, 'config.yaml').federation).toEqual(federation);
  expect(checkConfig({}, 'config.yaml').federation).toEqual([]);
});

test.each([
  ['a name that is none', [{ ...web, trustDomain: 'B.test' }], 'trustDomain'],
  ['a domain twice', [web, web], 'each trust domain once'],
  ['plain HTTP', [{ ...web, bundleEndpoint: 'http://b.test' }], 'bundleEndpoint'],
  ['a password in the URL', [{ ...web, bundleEndpoint: 'https://a:b@b.test' }], 'bundleEndpoint'],
  ['another profile', [{ ...web, profile: 'https' }], 'profile'],
  ['https_spiffe without who answers', [{ ...web, profile: 'https_spiffe' }], 'endpointSpiffeId'],
  ['https_web with who answers', [{ ...spiffe, profile: 'https_web' }], 'endpointSpiffeId'],
  ['an endpoint that is no SPIFFE ID', [{ ...spiffe, endpointSpiffeId: 'b.test' }], 'SPIFFE ID'],
  ['a bundle that is no JSON', [{ ...spiffe, bundle: 'PEM' }], 'bundle'],
  ['a bundle without keys', [{ ...spiffe, bundle: '{"keys": []}' }], 'bundle'],
  ['unknown keys', [{ ...web, url: 'https://b.test' }], 'url'],
])('%s is refused', (_what, federation, said) => {
  expect(() => checkConfig({ federation }, 'config.yaml')).toThrow(said);
});
