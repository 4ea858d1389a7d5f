import { describe, expect, test } from 'vitest';
import {
  parseSpiffeId,
  parseTrustDomain,
  spiffeIdFault,
  trustDomainOf,
} from '#kernel/spiffe-id.ts';

describe('SPIFFE IDs', () => {
  test.each([
    'spiffe://example.org',
    'spiffe://example.org/ns/default/sa/frontend',
    'spiffe://a_b-c.0/x.y_z-0',
    `spiffe://example.org/${'a'.repeat(2026)}`,
  ])('accepts %s', (text) => {
    expect(spiffeIdFault(text)).toBeUndefined();
  });

  test.each([
    ['another scheme', 'https://example.org/a', 'must begin with spiffe://'],
    ['scheme in upper case', 'SPIFFE://example.org/a', 'must begin with spiffe://'],
    ['no trust domain', 'spiffe:///a', 'trust domain is empty'],
    ['upper case in the trust domain', 'spiffe://Example.org/a', 'no upper case'],
    ['a port', 'spiffe://example.org:8443/a', 'no port'],
    ['a user', 'spiffe://me@example.org/a', 'no user'],
    ['a trailing slash', 'spiffe://example.org/a/', 'trailing slash'],
    ['an empty segment', 'spiffe://example.org//a', 'empty segment'],
    ['a dot segment', 'spiffe://example.org/a/../b', '. or ..'],
    ['percent encoding', 'spiffe://example.org/a%20b', 'may hold only letters'],
    ['a query', 'spiffe://example.org/a?b', 'may hold only letters'],
    ['a trust domain of 256 bytes', `spiffe://${'a'.repeat(256)}/b`, 'over 255 bytes'],
    ['2049 bytes', `spiffe://example.org/${'a'.repeat(2029)}`, 'over 2048 bytes'],
  ])('refuses %s', (_name, text, reason) => {
    expect(spiffeIdFault(text)).toContain(reason);
    expect(() => parseSpiffeId(text)).toThrow(
      expect.objectContaining({ code: 'SPIFFE_ID_INVALID' }),
    );
  });

  test('a trust domain is read from its name, its ID, and a longer ID', () => {
    expect(parseTrustDomain('example.org')).toBe('example.org');
    expect(parseTrustDomain('spiffe://example.org')).toBe('example.org');
    expect(trustDomainOf(parseSpiffeId('spiffe://example.org/a/b'))).toBe('example.org');
    expect(trustDomainOf(parseSpiffeId('spiffe://example.org'))).toBe('example.org');
    expect(() => parseTrustDomain('spiffe://example.org/a')).toThrow('trust domain');
  });
});
