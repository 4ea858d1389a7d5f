import { describe, expect, it, test } from 'vitest';
import { notShown, withoutSecrets } from '../../../../webhook/console/hide-secrets.ts';

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
    [
      'one of another scheme',
      "-H 'Authorization: Token a b'",
      `-H 'Authorization: Token ${notShown}'`,
    ],
    ['a password', 'password: "hunter2"', `password: "${notShown}"`],
    ['one with a space', 'password: "LEAK x" y', `password: "${notShown}" y`],
    [
      'one in escaped quotes',
      String.raw`PASSWORD=\"LEAK x\" y`,
      String.raw`PASSWORD=\"${notShown}\" y`,
    ],
    ['one with a quote in it', String.raw`password="a\"b" y`, `password="${notShown}" y`],
    ['one whose quote does not end', "password='a b", `password='${notShown}`],
    [
      'one in JSON',
      '{"password": "LEAK x", "token":"LEAKy"}',
      `{"password": "${notShown}", "token":"${notShown}"}`,
    ],
    ['a flag', '--api-token=abc', `--api-token=${notShown}`],
    ['a flag and its value', '--token abc --x', `--token ${notShown} --x`],
    [
      'short names',
      '--pwd=a --db-pass=b --secret=c TOKEN=d',
      `--pwd=${notShown} --db-pass=${notShown} --secret=${notShown} TOKEN=${notShown}`,
    ],
    ['a token in prose', 'token: abcdefgh1', `token: ${notShown}`],
    ['a variable', 'export PGPASSWORD=abc; psql', `export PGPASSWORD=${notShown}; psql`],
    ['an access key', 'AWS_SECRET_ACCESS_KEY=abc', `AWS_SECRET_ACCESS_KEY=${notShown}`],
    ['a login', 'curl -u admin:abc x', `curl -u ${notShown} x`],
    ['a header', "-H 'X-Api-Key: abc'", `-H 'X-Api-Key: ${notShown}'`],
    [
      'a parameter',
      'GET /h?x=1&access_token=abc d',
      `GET /h?x=${notShown}&access_token=${notShown} d`,
    ],
    [
      'a URL with a password',
      'redis://user:hunter2@host:6379',
      `redis://user:${notShown}@host:6379`,
    ],
    ['one without a user', 'redis://:pw@h', `redis://:${notShown}@h`],
    ['one with a slash in it', 'postgres://u:a/b@h/d', `postgres://u:${notShown}@h/d`],
    ['one with a token for a user', 'https://abc@h', `https://${notShown}@h`],
    ['a token of a code host', 'x ghp_abcdefghij0123456789', `x ${notShown}`],
    ['a key of a cloud', 'AKIAIOSFODNN7EXAMPLE', notShown],
    [
      'an address to post to',
      'https://hooks.slack.com/services/T00/B00/x',
      `https://hooks.slack.com/${notShown}`,
    ],
    [
      'a private key',
      '-----BEGIN EC PRIVATE KEY-----\nabc\n-----END EC PRIVATE KEY-----\n',
      `${notShown}\n`,
    ],
    ['one whose end is missing', 'a -----BEGIN PRIVATE KEY-----\nabc', `a ${notShown}`],
  ])('say nothing of %s', (_name, text, shown) => {
    expect(withoutSecrets(text)).toBe(shown);
    expect(withoutSecrets(shown)).toBe(shown);
  });

  it.each([
    'spiffe://example.org/ns/shop/sa/frontend',
    'http://127.0.0.1:9011/identities',
    'https://registry.test/@scope/package',
    '-----BEGIN CERTIFICATE-----\nabc\n-----END CERTIFICATE-----',
    'tokens issued before 2026',
    'token: it has expired',
    'annotation svidecar.dev/ban-token: unknown, use hash',
    'MountVolume.SetUp failed for volume "x" : secret "foo" not found',
    'jwt-svid/spiffe%3A%2F%2Fexample.org%2Fbackend',
    'jwt-svid/x?spiffe-id=spiffe%3A%2F%2Fexample.org%2Fbackend',
  ])('say all of %s', (text) => {
    expect(withoutSecrets(text)).toBe(text);
  });
});

/** Eight times the text may cost this many times as much; what is quadratic costs 64 times as much. */
const mostGrowth = 28;
const sizes = { small: 50_000, large: 400_000 } as const;

test.each([
  'a.',
  'eyJa-',
  'a://b:',
  '://@',
  'password ',
  'password:',
  "password='",
  'password="\\"',
  'secretkey="',
  'token:',
  'token:"\'',
  'token:a1',
  '--token -',
  '-u a',
  'authorization: ',
  'bearer ',
  '-----BEGIN ',
  '-----BEGIN A ',
  '-----BEGIN PRIVATE KEY-----',
  '--token ',
  '-u ',
  '?a=',
  'a',
  'aB',
  ' ',
  '-',
  'ghp_',
  'AKIA',
  'hooks.slack.com/',
])('work for a text of %j grows no faster than the text', (part) => {
  const cost = (characters: number): number => {
    const text = `password${part.repeat(Math.ceil(characters / part.length))}`;
    const before = process.cpuUsage();
    withoutSecrets(text);
    const { user, system } = process.cpuUsage(before);
    return user + system;
  };
  // Below a millisecond it is the clock that is measured.
  const small = Math.max(1_000, Math.min(...Array.from({ length: 4 }, () => cost(sizes.small))));
  let growth = cost(sizes.large) / small;
  for (let run = 0; run < 3 && growth >= mostGrowth; run += 1)
    growth = Math.min(growth, cost(sizes.large) / small);
  expect(growth).toBeLessThan(mostGrowth);
});
