import { describe, expect, test } from 'vitest';
import {
  jwksPath,
  secretName,
  trustDomainOfJwksPath,
} from '../../../../sidecar/config/helper-contract.ts';
import { checkSettings } from '../../../../sidecar/config/settings.ts';

describe('the name of a secret', () => {
  test.each([
    ['ledger', undefined, 'jwt-svid/ledger'],
    ['spiffe://a/b', undefined, 'jwt-svid/spiffe%3A%2F%2Fa%2Fb'],
    ['a?spiffe-id=b', undefined, 'jwt-svid/a%3Fspiffe-id%3Db'],
    ['a', 'spiffe://a/b', 'jwt-svid/a?spiffe-id=spiffe%3A%2F%2Fa%2Fb'],
    ['ü \n', undefined, 'jwt-svid/%C3%BC%20%0A'],
    ['half \ud800', undefined, 'jwt-svid/half%20%EF%BF%BD'],
  ])('of audience %j as %j', (audience, spiffeId, expected) => {
    expect(secretName(audience, spiffeId)).toBe(expected);
  });
});

test('the path of a JWKS leads back to its trust domain', () => {
  expect(jwksPath('example.org')).toBe('/jwks/example.org');
  expect(trustDomainOfJwksPath('/jwks/example.org')).toBe('example.org');
  expect(trustDomainOfJwksPath('/other')).toBeUndefined();
});

test('the data path is ext_authz unless the settings say otherwise', () => {
  const rules = [{ name: 'jwt-inject', mode: 'inject', audience: 'a' }];
  expect(checkSettings({ version: 1, rules }, 'x').dataPath).toBe('ext-authz');
  expect(checkSettings({ version: 1, rules, dataPath: 'native' }, 'x').dataPath).toBe('native');
  expect(() => checkSettings({ version: 1, rules, dataPath: 'other' }, 'x')).toThrow('dataPath');
});
