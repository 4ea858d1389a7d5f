import { describe, expect, it } from 'vitest';
import { notShown, shownObject, withoutSecrets } from '../../../../webhook/console/hide-secrets.ts';

/** Not a token of anybody: `{"alg":"none"}`, `{}`. */
const token = 'eyJhbGciOiJub25lIn0.e30.c2lnbmF0dXJl';

describe('texts of a page', () => {
  it.each([
    ['a token', `x ${token} y`, `x ${notShown} y`],
    ['one without its end', 'eyJhbGciOiJub25lIn0.e30', notShown],
    [
      'an Authorization header',
      'authorization: Bearer abcdefgh12345',
      `authorization: Bearer ${notShown}`,
    ],
    ['a password', 'password: "hunter2"', `password: "${notShown}"`],
    ['a flag', '--api-token=abc', `--api-token=${notShown}`],
    [
      'a URL with a password',
      'redis://user:hunter2@host:6379',
      `redis://user:${notShown}@host:6379`,
    ],
    [
      'a private key',
      '-----BEGIN EC PRIVATE KEY-----\nabc\n-----END EC PRIVATE KEY-----\n',
      `${notShown}\n`,
    ],
    ['one whose end is missing', 'a -----BEGIN PRIVATE KEY-----\nabc', `a ${notShown}`],
  ])('say nothing of %s', (_name, text, shown) => {
    expect(withoutSecrets(text)).toBe(shown);
  });

  it.each([
    'spiffe://example.org/ns/shop/sa/frontend',
    'http://127.0.0.1:9011/identities',
    '-----BEGIN CERTIFICATE-----\nabc\n-----END CERTIFICATE-----',
    'tokens issued before 2026',
    'jwt-svid/spiffe%3A%2F%2Fexample.org%2Fbackend',
  ])('say all of %s', (text) => {
    expect(withoutSecrets(text)).toBe(text);
  });
});

describe('an object of a page', () => {
  const env = [
    { name: 'PASSWORD', value: 'hunter2' },
    { name: 'FROM', valueFrom: { secretKeyRef: { name: 's', key: 'k' } } },
  ];
  const object = {
    kind: 'Deployment',
    metadata: {
      name: 'x',
      uid: 'u',
      resourceVersion: '1',
      annotations: { 'kubectl.kubernetes.io/last-applied-configuration': 'hunter2', own: 'kept' },
    },
    spec: {
      template: {
        spec: {
          containers: [
            { name: 'app', env },
            { name: 'auth-helper', env: [{ name: 'SPIFFE_ENDPOINT_SOCKET', value: 'unix:///s' }] },
          ],
          initContainers: [{ name: 'first', env }],
        },
      },
    },
    status: { observed: 'hunter2' },
  };

  it('has no value of a variable, no copy of itself, and nothing that only the server writes', () => {
    const shown = shownObject(object);
    const text = JSON.stringify(shown);
    expect(text).not.toContain('hunter2');
    expect(text).toContain('secretKeyRef');
    expect(text).toContain('unix:///s');
    expect(shown).toMatchObject({ metadata: { name: 'x', annotations: { own: 'kept' } } });
    expect(text).not.toContain('resourceVersion');
    expect(text.split(notShown)).toHaveLength(3);
  });
});
