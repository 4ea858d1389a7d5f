/** Random tokens as attackers, broken issuers and other libraries would write them, each signed by a key of its own. */
import fc from 'fast-check';
import { encode, makeKey, signatureOf, type KeyKind } from './token-maker.ts';

/** What tokens are mostly meant for. */
export const audiences = ['backend', 'spiffe://example.org/backend'];
export const nine = [
  'RS256',
  'RS384',
  'RS512',
  'ES256',
  'ES384',
  'ES512',
  'PS256',
  'PS384',
  'PS512',
];
const kinds: readonly KeyKind[] = ['P-256', 'P-256', 'P-384', 'P-521', 'RSA', 'RSA', 'RSA-1024'];
export const keys = kinds.map((kind, index) => ({ ...makeKey(`k${index}`, kind), kind }));
const rsa = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'];
export const algorithmsOf: Readonly<Record<string, readonly string[]>> = {
  'P-256': ['ES256'],
  'P-384': ['ES384'],
  'P-521': ['ES512'],
  RSA: rsa,
  'RSA-1024': ['RS256'],
};

export interface OddToken {
  readonly header: Record<string, unknown>;
  readonly claims: Record<string, unknown>;
  readonly token: string;
}

/** Mostly `usual`, sometimes one of `odd`: a token has a fair chance to be good. */
function mostly(usual: unknown, ...odd: readonly unknown[]): fc.Arbitrary<unknown> {
  return fc.oneof(
    { weight: 12, arbitrary: fc.constant(usual) },
    { weight: 1, arbitrary: fc.constantFrom(usual, ...odd) },
  );
}

function times(nowS: number): {
  readonly time: fc.Arbitrary<unknown>;
  readonly expiry: fc.Arbitrary<unknown>;
} {
  const around = fc.integer({ min: -65, max: 65 });
  const time = fc.oneof(
    { weight: 6, arbitrary: fc.constant(undefined) },
    { weight: 3, arbitrary: around.map((offset) => nowS + offset) },
    { weight: 1, arbitrary: around.map((offset) => nowS + offset + 0.5) },
    { weight: 1, arbitrary: fc.constantFrom<unknown>('1', null, true, {}, [nowS]) },
  );
  return { time, expiry: fc.oneof({ weight: 3, arbitrary: fc.constant(nowS + 300) }, time) };
}

const subject = mostly(
  'spiffe://example.org/ns/a/sa/b',
  'spiffe://other.org/x',
  'spiffe://gone.org/x',
  'spiffe://example.org',
  'spiffe://example.org/',
  'spiffe://example.org//a',
  'spiffe://example.org/./a',
  'spiffe://example.org/a/..',
  'spiffe://example.org/...',
  'spiffe://example.org/a b',
  'spiffe://example.org/%61',
  'spiffe://Example.org/a',
  'SPIFFE://example.org/a',
  'spiffe://example.org:80/a',
  'spiffe://u@example.org/a',
  'spiffe://example.org/a?b',
  'spiffe:///a',
  `spiffe://example.org/${'a'.repeat(2_028)}`,
  '',
  1,
  null,
  ['spiffe://example.org/a'],
  undefined,
);
const audience = mostly(
  ['backend'],
  'backend',
  'spiffe://example.org/backend',
  ['x', 'backend'],
  ['Backend'],
  'backend/',
  'x',
  [],
  [''],
  ['backend', 1],
  null,
  { backend: 'backend' },
  undefined,
);

/** Good tokens and bad ones, most of them bad in one way. @param about Unix seconds, and the trust domain of most subjects */
export function oddTokens(about: {
  readonly nowS: number;
  readonly trustDomain: string;
}): fc.Arbitrary<OddToken> {
  const { time, expiry } = times(about.nowS);
  const sub = subject.map((text) =>
    typeof text === 'string' ? text.replace('example.org', about.trustDomain) : text,
  );
  return fc
    .record({
      key: fc.constantFrom(...keys.slice(0, 6), ...keys),
      pick: fc.nat(5),
      saidAlgorithm: mostly(undefined, 'none', 'HS256', 'EdDSA', 'es256', ...nine),
      kid: mostly('own', 'k0', 'k1', 'k4', 'k9', '', 7, null, undefined),
      typ: mostly('JWT', 'JOSE', undefined, 'jwt', 'at+jwt', '', 1, null),
      crit: mostly(undefined, [], ['exp'], ['b64'], null, 'exp'),
      sub,
      aud: audience,
      exp: expiry,
      nbf: time,
      iat: time,
      extra: fc.option(fc.jsonValue({ maxDepth: 2 }), { nil: undefined }),
      duplicate: mostly('none', 'header', 'claims'),
      damage: mostly('none', 'signature', 'truncated', 'payload', 'padding', 'stray bit', 'fourth'),
    })
    .map(made);
}

interface Parts {
  readonly key: (typeof keys)[number];
  readonly pick: number;
  readonly saidAlgorithm: unknown;
  readonly kid: unknown;
  readonly typ: unknown;
  readonly crit: unknown;
  readonly sub: unknown;
  readonly aud: unknown;
  readonly exp: unknown;
  readonly nbf: unknown;
  readonly iat: unknown;
  readonly extra: unknown;
  readonly duplicate: unknown;
  readonly damage: unknown;
}

function made(parts: Parts): OddToken {
  const own = algorithmsOf[parts.key.kind] ?? [];
  const used = own[parts.pick % own.length] ?? 'ES256';
  const kid = parts.kid === 'own' ? parts.key.kid : parts.kid;
  const header = { alg: parts.saidAlgorithm ?? used, kid, typ: parts.typ, crit: parts.crit };
  const { sub, aud, exp, nbf, iat, extra } = parts;
  const claims = { sub, aud, exp, nbf, iat, extra };
  const input = [
    encode(doubled(header, 'alg', parts.duplicate === 'header')),
    encode(doubled(claims, 'exp', parts.duplicate === 'claims')),
  ].join('.');
  const token = `${input}.${signatureOf(used, input, parts.key.privateKey)}`;
  return { header, claims, token: damaged(token, parts.damage) };
}

/** JSON text in which a member stands twice, with the same value. */
function doubled(value: Record<string, unknown>, name: string, isWanted: boolean): string {
  const text = JSON.stringify(value);
  return isWanted && value[name] !== undefined
    ? text.replace('{', `{"${name}":${JSON.stringify(value[name])},`)
    : text;
}

function damaged(token: string, damage: unknown): string {
  const [header = '', payload = '', signature = ''] = token.split('.');
  const other = (text: string): string => (text.startsWith('A') ? 'B' : 'A') + text.slice(1);
  switch (damage) {
    case 'signature':
      return [header, payload, other(signature)].join('.');
    case 'truncated':
      return token.slice(0, -4);
    case 'payload':
      return [header, encode(JSON.stringify({ sub: 'x' })), signature].join('.');
    case 'padding':
      return `${token}==`;
    case 'stray bit': {
      const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
      return token.slice(0, -1) + alphabet.charAt(alphabet.indexOf(token.slice(-1)) | 1);
    }
    case 'fourth':
      return `${token}.${signature}`;
    default:
      return token;
  }
}
