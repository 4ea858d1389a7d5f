/** Requests that are sent in both data paths, and why the answers differ where they do. */
import { createHmac } from 'node:crypto';
import { encode, makeKey, makeRawToken, makeToken, type TestKey } from '../../fakes/token-maker.ts';
import type { Answer, Arrived } from '../mesh/app.ts';
import { cellOf } from './page.ts';

/** Audience of the workload, and the one its own requests are for. */
export const audience = 'backend';
/** The workload's SPIFFE ID, for which it accepts tokens besides. */
export const self = 'spiffe://example.org/backend';
/** A trust domain whose keys the tests have, federated with the workload's. */
export const oddDomain = 'odd.org';
export const oddKeys: Readonly<Record<'ec' | 'rsa', TestKey>> = {
  ec: makeKey('ec'),
  rsa: makeKey('rsa', 'RSA'),
};
/** Who of that domain may call. */
export const oddCallers = `spiffe://${oddDomain}/ns/*`;

/** What a case may use: minting by the workload's own SPIRE, and the time. */
export interface CaseTools {
  readonly mint: (meantFor: string) => Promise<string>;
  readonly nowS: () => number;
}

export interface Case {
  readonly name: string;
  /** Headers of the request, duplicates and all. */
  readonly headers: (tools: CaseTools) => Promise<readonly string[]> | readonly string[];
  readonly path?: string;
  /** Absent: the status alone, or the reason. */
  readonly tell?: (answer: Answer) => string;
  /** Needed where the data paths differ, and only there. */
  readonly note?: string;
}

type Claims = Readonly<Record<string, unknown>>;

/** The same request with a token of the odd domain, all in order but for these claims and header members. */
function odd(
  name: string,
  claims: (nowS: number) => Claims = () => ({}),
  more: { readonly header?: Claims; readonly algorithm?: string; readonly note?: string } = {},
): Case {
  const { header = {}, algorithm = 'ES256', note } = more;
  const key = algorithm.startsWith('ES') ? oddKeys.ec : oddKeys.rsa;
  return {
    name,
    headers: ({ nowS }) =>
      bearer(
        makeToken({ key, algorithm, header, claims: { ...usual(nowS()), ...claims(nowS()) } }),
      ),
    ...(note === undefined ? {} : { note }),
  };
}

function usual(nowS: number): Claims {
  return { sub: `spiffe://${oddDomain}/ns/shop`, aud: [audience], exp: nowS + 300, iat: nowS };
}

function bearer(token: string): readonly string[] {
  return ['authorization', `Bearer ${token}`];
}

/** What the app got: one Authorization header, and the caller's name if any. */
function arrival(answer: Answer): string {
  if (answer.status !== 200) return cellOf(answer);
  const { authorization, caller, lookalikes } = JSON.parse(answer.body) as Arrived;
  const named = caller.length === 0 ? 'no caller' : `caller ${caller.join()}`;
  const also = lookalikes.length === 0 ? '' : `, and ${lookalikes.join()}`;
  return `passes; the app gets ${authorization.length} Authorization, ${named}${also}`;
}

const status401 = '401 in place of 403';
const looseAudience = 'Envoy compares audiences without `http://`, `https://` and a closing slash';

const goodTwice: Case['headers'] = async ({ mint }) => {
  const token = bearer(await mint(audience));
  return [...token, ...token];
};

const goodWith =
  (others: Readonly<Record<string, string>>): Case['headers'] =>
  async ({ mint }) => [...bearer(await mint(audience)), ...Object.entries(others).flat()];

const changedSignature: Case['headers'] = async ({ mint }) => {
  const [head = '', claims = '', signature = ''] = (await mint(audience)).split('.');
  const turned = signature.startsWith('A') ? 'B' : 'A';
  return bearer(`${head}.${claims}.${turned}${signature.slice(1)}`);
};

const changedClaims: Case['headers'] = async ({ mint }) => {
  const [head = '', claims = '', signature = ''] = (await mint(audience)).split('.');
  const text = Buffer.from(claims, 'base64url').toString().replace('/tester', '/queen1');
  return bearer(`${head}.${encode(text)}.${signature}`);
};

const publicKeyAsSecret: Case['headers'] = ({ nowS }) => {
  const input = `${encode({ alg: 'HS256', kid: 'rsa' })}.${encode(usual(nowS()))}`;
  const secret = JSON.stringify(oddKeys.rsa.jwk);
  return bearer(`${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`);
};

const claimTwice: Case['headers'] = ({ nowS }) => {
  const claims = JSON.stringify(usual(nowS()));
  const doubled = claims.replace('{', `{"sub":"spiffe://${oddDomain}/ns/queen",`);
  return bearer(makeRawToken(oddKeys.ec, '{"alg":"ES256","kid":"ec"}', doubled));
};

/** A signature whose last character has bits that no encoder sets. */
const strayBits: Case['headers'] = ({ nowS }) => {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  const good = makeToken({ key: oddKeys.ec, claims: usual(nowS()) });
  return bearer(good.slice(0, -1) + alphabet.charAt(alphabet.indexOf(good.slice(-1)) | 1));
};

const around =
  (change: (token: string) => string): Case['headers'] =>
  async ({ mint }) =>
    bearer(change(await mint(audience)));

/** R and S with a zero byte before each. */
const paddedSignature: Case['headers'] = ({ nowS }) => {
  const [head = '', claims = '', signature = ''] = makeToken({
    key: oddKeys.ec,
    claims: usual(nowS()),
  }).split('.');
  const bytes = Buffer.from(signature, 'base64url');
  const zero = Buffer.alloc(1);
  const padded = Buffer.concat([zero, bytes.subarray(0, 32), zero, bytes.subarray(32)]);
  return bearer(`${head}.${claims}.${padded.toString('base64url')}`);
};

const commaInHeader: Case['headers'] = ({ nowS }) =>
  bearer(makeRawToken(oddKeys.ec, '{"alg":"ES256","kid":"ec",}', JSON.stringify(usual(nowS()))));

export const incoming: readonly Case[] = [
  {
    name: 'a good token, and `x-caller` as the client likes it',
    headers: goodWith({ 'x-caller': 'spiffe://example.org/queen', 'X-Caller': 'x' }),
    tell: arrival,
  },
  {
    name: 'a good token, and `x_caller` and `X.Caller` besides',
    headers: goodWith({ x_caller: 'spiffe://example.org/queen', 'X.Caller': 'x' }),
    tell: arrival,
  },
  {
    name: 'a path without token, and `x_caller`',
    headers: () => ['x_caller', 'spiffe://example.org/queen'],
    path: '/healthz',
    tell: arrival,
  },
  { name: 'no Authorization header', headers: () => [], note: status401 },
  {
    name: '`bEARER` and a good token',
    headers: async ({ mint }) => ['authorization', `bEARER ${await mint(audience)}`],
  },
  {
    name: 'two spaces after `Bearer`',
    headers: async ({ mint }) => ['authorization', `Bearer  ${await mint(audience)}`],
    note: status401,
  },
  { name: 'another scheme', headers: () => ['authorization', 'Basic eDp5'], note: status401 },
  { name: 'garbage', headers: () => bearer('garbage'), note: status401 },
  {
    name: 'a good token twice',
    headers: goodTwice,
    note: status401,
  },
  {
    name: 'a good token, then another Authorization header',
    headers: async ({ mint }) => [...bearer(await mint(audience)), 'authorization', 'Basic eDp5'],
    note: status401,
  },
  {
    name: '`?access_token=…`, no Authorization header',
    headers: () => [],
    path: '/?access_token=x',
    note: status401,
  },
  {
    name: 'a token for another audience',
    headers: async ({ mint }) => bearer(await mint('other')),
  },
  odd('audience: one text'),
  odd('audience: in a list of several', () => ({ aud: ['other', audience] })),
  odd('audience: with a closing slash', () => ({ aud: `${audience}/` }), { note: looseAudience }),
  odd('audience: with `http://` before it', () => ({ aud: `http://${audience}` }), {
    note: looseAudience,
  }),
  odd('audience: in capitals', () => ({ aud: audience.toUpperCase() })),
  odd('audience: none', () => ({ aud: undefined })),
  odd('expired for 2 minutes', (nowS) => ({ exp: nowS - 120 }), { note: status401 }),
  odd('expired for 30 s (clocks may differ by a minute)', (nowS) => ({ exp: nowS - 30 })),
  odd('without expiry', () => ({ exp: undefined }), { note: status401 }),
  odd('not valid before 2 minutes from now', (nowS) => ({ nbf: nowS + 120 }), { note: status401 }),
  odd('issued 2 minutes from now', (nowS) => ({ iat: nowS + 120 }), {
    note: 'Envoy does not look at `iat`',
  }),
  odd('expiry with a fraction', (nowS) => ({ exp: nowS + 300.5 })),
  {
    name: 'changed signature',
    headers: changedSignature,
    note: status401,
  },
  {
    name: 'a signature whose last character has bits that mean nothing',
    headers: strayBits,
    note: 'Envoy overlooks them: the signature is the same',
  },
  {
    name: 'an ECDSA signature with zeros before R and S',
    headers: paddedSignature,
    note: 'Envoy overlooks them: the signature is the same',
  },
  {
    name: "a comma behind the last member of the header's JSON",
    headers: commaInHeader,
    note: 'Envoy overlooks it; the issuer has signed it',
  },
  {
    name: 'a good token with a dot before it',
    headers: around((good) => `.${good}`),
    note: status401,
  },
  {
    name: 'a good token with a dot behind it',
    headers: around((good) => `${good}.`),
    note: status401,
  },
  {
    name: 'changed claims',
    headers: changedClaims,
    note: status401,
  },
  {
    name: 'algorithm `none`, no signature',
    headers: ({ nowS }) => bearer(`${encode({ alg: 'none' })}.${encode(usual(nowS()))}.`),
    note: status401,
  },
  {
    name: '`HS256` with the public key as the secret',
    headers: publicKeyAsSecret,
    note: status401,
  },
  odd('`PS256`', undefined, { algorithm: 'PS256' }),
  odd('a `kid` that no key has', undefined, { header: { kid: 'nobody' }, note: status401 }),
  odd('no `kid`', undefined, { header: { kid: undefined } }),
  odd('an empty `kid`', undefined, { header: { kid: '' }, note: 'Envoy takes it for none' }),
  odd('`typ: JOSE`', undefined, { header: { typ: 'JOSE' } }),
  odd('`typ: at+jwt`', undefined, {
    header: { typ: 'at+jwt' },
    note: 'Envoy does not look at `typ`',
  }),
  odd('a header extension (`crit`)', undefined, {
    header: { crit: ['exp'] },
    note: 'Envoy does not look at `crit`',
  }),
  {
    name: 'a claim that stands twice',
    headers: claimTwice,
    note: status401,
  },
  odd('8,193 characters and more', () => ({ extra: 'x'.repeat(8_000) }), {
    note: "the helper's limit is 8,192; Envoy's is that of all headers",
  }),
  odd(
    "of another domain's SPIFFE ID, signed by a federated domain",
    () => ({ sub: 'spiffe://example.org/ns/shop' }),
    { note: status401 },
  ),
  odd('subject: no SPIFFE ID', () => ({ sub: `spiffe://${oddDomain}/ns/a/../b` }), {
    note: status401,
  }),
  odd(
    'subject: a SPIFFE ID of more than 2,048 characters',
    () => ({
      sub: `spiffe://${oddDomain}/ns/${'a'.repeat(2_048)}`,
    }),
    { note: 'Envoy does not count' },
  ),
  odd('a caller that may not call', () => ({ sub: `spiffe://${oddDomain}/other` }), {
    note: status401,
  }),
  odd('a trust domain that nobody named', () => ({ sub: 'spiffe://stranger.org/ns/a' }), {
    note: status401,
  }),
  {
    name: 'a path without token, `x-caller` as the client likes it',
    headers: () => ['x-caller', 'spiffe://example.org/queen'],
    path: '/healthz?full',
    tell: arrival,
  },
  {
    name: 'a path without token, and garbage as the token',
    headers: () => bearer('garbage'),
    path: '/healthz',
  },
  { name: '`/healthz/../secret`', headers: () => [], path: '/healthz/../secret', note: status401 },
  {
    name: '`/healthz%2f..%2fsecret`',
    headers: () => [],
    path: '/healthz%2f..%2fsecret',
    note: status401,
  },
  { name: '`//healthz`', headers: () => [], path: '//healthz', note: status401 },
];

/** To a pod whose app gets no token. */
export const withheld: readonly Case[] = [
  {
    name: '`forward-token: "false"`, a good token',
    headers: async ({ mint }) => bearer(await mint(audience)),
    tell: arrival,
  },
  {
    name: '`forward-token: "false"`, a path without token, and garbage as the token',
    headers: () => bearer('garbage'),
    path: '/healthz',
    tell: arrival,
  },
];

/** Which token a request left with, by the audience in it; unverified. */
function token(answer: Answer): string {
  if (answer.status !== 200) return cellOf(answer);
  const { authorization } = JSON.parse(answer.body) as Arrived;
  const names = authorization.map((value) => {
    const [, claims] = /^Bearer [^.]*\.([^.]*)\./.exec(value) ?? [];
    if (claims === undefined) return `\`${value}\``;
    const { aud } = JSON.parse(Buffer.from(claims, 'base64url').toString()) as { aud: string[] };
    return `a token for \`${aud.join()}\``;
  });
  return `passes with ${names.join(' and ') || 'no token'}`;
}

const basic = ['authorization', 'Basic eDp5'];
const host =
  (name: string, ...more: readonly string[]): Case['headers'] =>
  () => ['host', name, ...more];

/** By the pod that sends them. */
export const outgoing: Readonly<Record<'deny' | 'overwrite' | 'keep' | 'byHost', readonly Case[]>> =
  {
    deny: [
      {
        name: '`authorization: deny`, without an Authorization header',
        headers: () => [],
        tell: token,
      },
      { name: '`deny`, with one', headers: () => basic, tell: token },
      { name: '`deny`, with an empty one', headers: () => ['authorization', ''], tell: token },
      {
        name: '`deny`, with one that is not UTF-8',
        headers: () => ['authorization', 'Basic \xff'],
        tell: token,
      },
      { name: '`deny`, with two', headers: () => [...basic, ...basic], tell: token },
    ],
    overwrite: [
      { name: '`overwrite`, without one', headers: () => [], tell: token },
      { name: '`overwrite`, with one', headers: () => basic, tell: token },
      { name: '`overwrite`, with two', headers: () => [...basic, ...basic], tell: token },
    ],
    keep: [
      { name: '`keep`, without one', headers: () => [], tell: token },
      { name: '`keep`, with one', headers: () => basic, tell: token },
    ],
    byHost: [
      { name: '`audience-by-host`: the host itself', headers: host('ledger.test'), tell: token },
      { name: 'in capitals, with a port', headers: host('LEDGER.test:8080'), tell: token },
      {
        name: 'with the port that has an audience of its own',
        headers: host('ledger.test:8443'),
        tell: token,
      },
      { name: 'with a closing dot', headers: host('ledger.test.'), tell: token },
      { name: 'a host under a suffix', headers: host('a.pay.test'), tell: token },
      { name: 'under the longer suffix', headers: host('a.eu.pay.test'), tell: token },
      {
        name: '`evil.test:80.pay.test`, which ends like a host under the suffix',
        headers: host('evil.test:80.pay.test'),
        tell: token,
      },
      { name: 'the suffix itself', headers: host('pay.test'), tell: token },
      { name: 'a host that nobody named', headers: host('elsewhere.test'), tell: token },
      {
        name: 'a host that nobody named, with an Authorization header',
        headers: host('elsewhere.test', ...basic),
        tell: token,
      },
      {
        name: 'a named host with an Authorization header',
        headers: host('a.pay.test', ...basic),
        tell: token,
      },
    ],
  };
