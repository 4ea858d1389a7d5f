/** Logout tokens as providers send them, and as nobody should believe them. */
import { createHmac } from 'node:crypto';
import { exportJWK, generateKeyPair, SignJWT, createLocalJWKSet, type CryptoKey } from 'jose';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  banOfLogout,
  KeysAway,
  readLogoutToken,
  type KnownProvider,
  type ProvenLogout,
} from '../../../../bans/service/logout-token.ts';
import {
  readServiceSettings,
  type LogoutProvider,
} from '../../../../bans/service/service-settings.ts';
import { UsedTokens } from '../../../../bans/service/used-tokens.ts';

const issuer = 'https://id.example.org/realms/shop';
const event = 'http://schemas.openid.net/event/backchannel-logout';
const nowMs = Date.parse('2026-11-29T12:00:00Z');
const nowS = nowMs / 1_000;

const [provider] =
  readServiceSettings(
    JSON.stringify({
      version: 1,
      store: { file: '/bans.jsonl' },
      listen: [{}],
      logout: [{ issuer, audiences: ['shop', 'shop-app'], keys: { file: '/keys.json' } }],
    }),
    'test',
  ).logout ?? [];
if (provider === undefined) throw new TypeError('the settings have a provider');
const settings: LogoutProvider = provider;

let key: CryptoKey;
let publicModulus = '';
let providers: ReadonlyMap<string, KnownProvider>;
beforeAll(async () => {
  const pair = await generateKeyPair('RS256', { extractable: true });
  key = pair.privateKey;
  const jwk = { ...(await exportJWK(pair.publicKey)), kid: 'one', alg: 'RS256', use: 'sig' };
  publicModulus = jwk.n ?? '';
  providers = new Map([[issuer, { settings, keyFor: createLocalJWKSet({ keys: [jwk] }) }]]);
});

interface Odd {
  readonly claims?: Readonly<Record<string, unknown>>;
  readonly header?: Readonly<Record<string, unknown>>;
}

function claimsWith(claims: Odd['claims'] = {}): Record<string, unknown> {
  const usual = { iss: issuer, aud: 'shop', iat: nowS, exp: nowS + 120, jti: 'a', sid: 's-1' };
  const all: Record<string, unknown> = { ...usual, sub: 'u-1', events: { [event]: {} }, ...claims };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}

function signed({ claims, header = {} }: Odd = {}): Promise<string> {
  return new SignJWT(claimsWith(claims))
    .setProtectedHeader({ alg: 'RS256', kid: 'one', typ: 'logout+jwt', ...header })
    .sign(key);
}

function part(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

async function outcomeOf(token: string): Promise<string> {
  const verdict = await readLogoutToken(token, providers, nowMs);
  return verdict.kind === 'refused' ? verdict.reason : verdict.kind;
}

describe('a good token', () => {
  test.each<[string, Odd]>([
    ['of the usual kind', {}],
    ['of the type JWT', { header: { typ: 'JWT' } }],
    ['without a type', { header: { typ: undefined } }],
    ['of the type in full', { header: { typ: 'application/logout+JWT' } }],
    ['without exp', { claims: { exp: undefined } }],
    ['for several clients', { claims: { aud: ['other', 'shop-app'] } }],
    ['with a session alone', { claims: { sub: undefined } }],
    ['with a user alone', { claims: { sid: undefined } }],
    ['from a clock that is a minute ahead', { claims: { iat: nowS + 59 } }],
    ['with more events', { claims: { events: { [event]: {}, 'https://other': {} } } }],
  ])('%s is taken', async (_what, odd) => {
    expect(await outcomeOf(await signed(odd))).toBe('logout');
  });
});

describe('a bad token', () => {
  test.each<[string, Odd]>([
    ['issuer', { claims: { iss: 'https://evil.example.org' } }],
    ['issuer', { claims: { iss: undefined } }],
    ['issuer', { claims: { iss: '__proto__' } }],
    ['audience', { claims: { aud: 'other' } }],
    ['audience', { claims: { aud: undefined } }],
    ['expired', { claims: { exp: nowS - 61 } }],
    ['expired', { claims: { iat: nowS - 700, exp: nowS + 100 } }],
    ['expired', { claims: { iat: nowS - 700, exp: undefined } }],
    ['issued_at', { claims: { iat: undefined } }],
    ['issued_at', { claims: { iat: nowS + 61 } }],
    ['token_id', { claims: { jti: undefined } }],
    ['token_id', { claims: { jti: 7 } }],
    ['events', { claims: { events: undefined } }],
    ['events', { claims: { events: {} } }],
    ['events', { claims: { events: [event] } }],
    ['events', { claims: { events: { [event]: 'yes' } } }],
    ['nonce', { claims: { nonce: 'n' } }],
    ['nonce', { claims: { nonce: null } }],
    ['subject', { claims: { sub: undefined, sid: undefined } }],
    ['subject', { claims: { sid: '' } }],
    ['subject', { claims: { sid: 7 } }],
    ['subject', { claims: { sub: 'x'.repeat(1_025) } }],
    ['type', { header: { typ: 'at+jwt' } }],
    ['type', { header: { typ: 'id_token' } }],
    ['key', { header: { kid: 'two' } }],
  ])('%s: %j', async (reason, odd) => {
    expect(await outcomeOf(await signed(odd))).toBe(reason);
  });

  test('of algorithm none, or signed with the public key as a secret, is refused', async () => {
    const claims = part(claimsWith());
    for (const alg of ['none', 'None', 'NONE'])
      expect(await outcomeOf(`${part({ alg, typ: 'JWT' })}.${claims}.`)).toBe('algorithm');
    const input = `${part({ alg: 'HS256', typ: 'JWT', kid: 'one' })}.${claims}`;
    const mac = createHmac('sha256', Buffer.from(publicModulus, 'base64url'));
    expect(await outcomeOf(`${input}.${mac.update(input).digest('base64url')}`)).toBe('algorithm');
  });

  test('with another signature or other claims is refused', async () => {
    const token = await signed();
    const [header = '', , signature = ''] = token.split('.');
    const other = part(claimsWith({ sid: 's-2' }));
    expect(await outcomeOf(`${header}.${other}.${signature}`)).toBe('signature');
    expect(await outcomeOf(token.slice(0, -8))).toBe('signature');
  });

  test.each(['', 'x', 'a.b.c', '..', '{}', 'x'.repeat(20_000), 'e30.e30.'])(
    'that is none is refused: %#',
    async (text) => {
      expect(['malformed', 'issuer']).toContain(await outcomeOf(text));
    },
  );

  test('is not called bad while the keys are away', async () => {
    const away = { settings, keyFor: () => Promise.reject(new KeysAway('away')) };
    const verdict = await readLogoutToken(await signed(), new Map([[issuer, away]]), nowMs);
    expect(verdict.kind).toBe('keys_away');
  });
});

describe('what a logout bans', () => {
  const logout: ProvenLogout = {
    provider: settings,
    tokenId: 'a',
    issuedAtS: nowS + 0.7,
    sid: 's-1',
    sub: 'u-1',
  };

  test('is its session, for as long as a token may live', () => {
    expect(banOfLogout(logout)).toEqual({
      claim: 'sid',
      value: 's-1',
      untilS: nowS + 86_400,
      issuedBeforeS: undefined,
    });
  });

  test('or the tokens of its user up to the second of the logout, in the claim that is configured', () => {
    const mapped = { ...settings, claims: { sid: 'sid', sub: '/user/id' } };
    expect(banOfLogout({ ...logout, provider: mapped, sid: undefined })).toEqual({
      claim: '/user/id',
      value: 'u-1',
      untilS: nowS + 86_400,
      issuedBeforeS: nowS + 1,
    });
  });
});

describe('used tokens', () => {
  test('count once, for each issuer, until they are too old anyway', () => {
    const used = new UsedTokens({ most: 10, keptS: 60 });
    expect(used.use('a', '1', 0)).toBe(true);
    expect(used.use('a', '1', 59_999)).toBe(false);
    expect(used.use('b', '1', 0)).toBe(true);
    expect(used.use('a', '1', 60_000)).toBe(true);
    used.release('a', '1');
    expect(used.use('a', '1', 60_000)).toBe(true);
  });

  test('are bounded: the oldest is forgotten', () => {
    const used = new UsedTokens({ most: 3, keptS: 60 });
    for (let at = 0; at < 1_000; at += 1) used.use('a', String(at), at);
    expect(used.size).toBe(3);
    expect(used.use('a', '999', 1_000)).toBe(false);
  });
});
