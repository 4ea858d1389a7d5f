/** The REST service over a list in a file: who may do what, what becomes of it, and what hostile requests come to. */
import { describe, expect, test } from 'vitest';
import { AppError, type ErrorCode } from '#kernel/errors.ts';
import { isObject, listAt, stringAt } from '#kernel/json.ts';
import type { BanStore } from '../../../../bans/store/ban-store.ts';
import { accounts, serviceOfEachTest } from '../../../fakes/ban-service.ts';
import { makeKey, makeToken } from '../../../fakes/token-maker.ts';

const site = serviceOfEachTest();
const { send, put } = site;
const jo = '/bans/email/jo%40example.org';
const lines = () =>
  site.service
    .list()
    .split('\n')
    .filter((line) => line !== '')
    .map((line): unknown => JSON.parse(line));

describe('a ban', () => {
  test('is stored with who said so, found, and ended', async () => {
    expect((await put(jo, { forSeconds: 3_600, reason: 'case 12' })).status).toBe(204);
    const stored = {
      claim: 'email',
      value: 'jo@example.org',
      until: '2026-11-29T13:00:00.000Z',
      reason: 'case 12',
      by: accounts,
      at: '2026-11-29T12:00:00.000Z',
    };
    expect(lines()).toEqual([stored]);
    expect((await send(jo)).json).toEqual({ bans: [{ ...stored, kind: 'all' }] });
    expect((await send(jo, { method: 'DELETE' })).status).toBe(204);
    expect(await send(jo, { method: 'DELETE' })).toMatchObject({
      status: 404,
      json: { code: 'not_banned' },
    });
    expect((await send(jo)).status).toBe(404);
  });

  test('put once more changes nothing', async () => {
    await put(jo, { until: '2027-01-01T00:00:00Z' });
    const before = site.service.list();
    await site.service.timers.advance(60_000);
    expect((await put(jo, { until: '2027-01-01T00:00:00Z' })).status).toBe(204);
    expect(site.service.list()).toBe(before);
  });

  test('of earlier tokens stands beside one of all, and never goes back', async () => {
    await put(jo, {});
    await put(jo, { issuedBefore: '2026-11-29T11:00:00Z' });
    await put(jo, { issuedBefore: '2026-11-29T10:00:00Z' });
    expect((await send(jo)).json).toMatchObject({
      bans: [{ kind: 'all' }, { kind: 'before', issuedBefore: '2026-11-29T11:00:00.000Z' }],
    });
  });

  test('needs no body', async () => {
    expect((await send(jo, { method: 'PUT' })).status).toBe(204);
    expect(lines()).toMatchObject([{ claim: 'email', value: 'jo@example.org' }]);
  });

  test.each([
    ['until and forSeconds', { until: '2027-01-01T00:00:00Z', forSeconds: 5 }],
    ['an end that has passed', { until: '2026-11-29T11:59:59Z' }],
    ['a time without a zone', { until: '2027-01-01T00:00:00' }],
    ['a year beyond 9999', { until: '+010000-01-01T00:00:00Z' }],
    ['tokens of the future', { issuedBefore: '2099-01-01T00:00:00Z' }],
    ['a length of nothing', { forSeconds: 0 }],
    ['a length in words', { forSeconds: '1h' }],
    ['a long reason', { reason: 'x'.repeat(257) }],
    ['a key that is not known', { 'jo@example.org': 1 }],
  ])('with %s is refused, and the words do not quote it', async (_what, body) => {
    const answer = await put(jo, body);
    expect(answer).toMatchObject({ status: 400, json: { code: 'body_invalid', status: 400 } });
    expect(answer.headers['content-type']).toContain('application/problem+json');
    expect(answer.text).not.toContain('jo@');
    expect(site.service.list()).toBe('');
  });
});

describe('an address', () => {
  test.each([
    ['/bans/sub/a%2Fb', 'sub', 'a/b'],
    ['/bans/sub/a%252Fb', 'sub', 'a%2Fb'],
    ['/bans/sub/a:b', 'sub', 'a:b'],
    ['/bans/sub/%00', 'sub', '\0'],
    ['/bans/sub/a%0Ab', 'sub', 'a\nb'],
    ['/bans/sub/a%3Fb%23c', 'sub', 'a?b#c'],
    ['/bans/sub/a+b', 'sub', 'a+b'],
    ['/bans/sub/%C3%A9', 'sub', 'é'],
    ['/bans/sub/%F0%9F%8D%8B', 'sub', '🍋'],
    ['/bans/%2Frealm%2Fuser/jo', '/realm/user', 'jo'],
    ['/bans/__proto__/constructor', '__proto__', 'constructor'],
    [`/bans/sub/${'%C3%A9'.repeat(1_024)}`, 'sub', 'é'.repeat(1_024)],
    ['/bans/sub/a?b=c', 'sub', 'a'],
  ])('%s', async (url, claim, value) => {
    expect((await put(url)).status).toBe(204);
    expect(lines()).toMatchObject([{ claim, value }]);
    expect((await send(url)).json).toMatchObject({ bans: [{ claim, value }] });
  });

  test.each([
    '/bans/sub/',
    '/bans//jo',
    '/bans/sub',
    '/bans/',
    '/bans/realm/user/jo',
    '/bans/sub/a/',
    '/bans/sub/%FF',
    '/bans/sub/%C3',
    '/bans/sub/%ED%A0%80',
    '/bans/sub/%',
    '/bans/sub/%zz',
    '/bans/%2F~2/jo',
    `/bans/sub/${'x'.repeat(1_025)}`,
    `/bans/${'x'.repeat(257)}/jo`,
  ])('%s is none', async (url) => {
    const { status, text } = await put(url);
    expect([400, 404]).toContain(status);
    expect(text).not.toMatch(/jo|xx|%/);
    expect(site.service.list()).toBe('');
  });
});

describe('a list', () => {
  test('comes in pages, each ban once, whatever changes meanwhile', async () => {
    for (let at = 0; at < 7; at += 1) await put(`/bans/sub/${at}`);
    await put('/bans/email/jo');
    const seen: unknown[] = [];
    let after = '';
    for (let page = 0; page < 3; page += 1) {
      const { json } = await send(`/bans?limit=3&claim=sub${after}`);
      seen.push(...listAt(json, 'bans'));
      after = `&after=${stringAt(json, 'next') ?? ''}`;
      if (page === 0) await put('/bans/sub/new');
    }
    const values = seen.map((each) => (isObject(each) ? each['value'] : each));
    expect(values.filter((each) => each !== 'new').sort()).toEqual([
      '0',
      '1',
      '2',
      '3',
      '4',
      '5',
      '6',
    ]);
    expect((await send('/bans?limit=100')).json).not.toHaveProperty('next');
  });

  test.each(['limit=0', 'limit=1001', 'limit=x', 'after=x', 'limit=1&limit=2', 'other=1'])(
    'with %s is refused',
    async (query) => {
      expect(await send(`/bans?${query}`)).toMatchObject({
        status: 400,
        json: { code: 'query_invalid' },
      });
    },
  );
});

describe('a caller', () => {
  test.each<[string, number, () => string | undefined]>([
    ['without a token', 401, () => undefined],
    ['with another scheme', 401, () => 'Basic YTpi'],
    [
      'with an expired token',
      401,
      () => site.service.token({ exp: site.service.timers.now() / 1_000 - 61 }),
    ],
    ['with a token for another audience', 401, () => site.service.token({ aud: 'other' })],
    ['of an unknown trust domain', 401, () => site.service.token({ sub: 'spiffe://other.test/a' })],
    [
      'with a forged token',
      401,
      () => `Bearer ${makeToken({ key: makeKey('first'), claims: { sub: accounts } })}`,
    ],
    [
      'who is not allowed',
      403,
      () => site.service.token({ sub: 'spiffe://prod.test/ns/shop/sa/other' }),
    ],
    [
      'who is not quite allowed',
      403,
      () => site.service.token({ sub: 'spiffe://prod.test/ns/opsx/a' }),
    ],
    [
      'who is allowed by a prefix',
      204,
      () => site.service.token({ sub: 'spiffe://prod.test/ns/ops/a' }),
    ],
  ])('%s gets %s', async (_who, status, authorization) => {
    const answer = await put(jo, {}, { authorization: authorization() });
    expect(answer.status).toBe(status);
    if (status === 401) expect(answer.headers['www-authenticate']).toBe('Bearer');
    expect(site.service.list() === '').toBe(status !== 204);
  });

  test('with two Authorization headers is refused', async () => {
    const two = [site.service.token(), site.service.token()];
    const answer = await put(jo, {}, { authorization: undefined, headers: { authorization: two } });
    expect(answer.status).toBe(401);
  });

  test('waits while there is no bundle, and is not let in', async () => {
    site.service.bundles.hasState = false;
    expect(await put(jo)).toMatchObject({ status: 503, headers: { 'retry-after': '1' } });
    expect((await send('/readyz')).status).toBe(503);
    expect((await send('/livez')).status).toBe(200);
  });

  test('is asked before the body is read', async () => {
    const body = Buffer.alloc(1_048_576, '[');
    const answer = await send(jo, { method: 'PUT', body, authorization: undefined });
    expect(answer.status).toBe(401);
  });

  test('who asks too often waits; another does not', async () => {
    await site.again({ perCaller: 2 });
    const statuses: number[] = [];
    for (let at = 0; at < 6; at += 1) statuses.push((await send(jo)).status);
    expect(statuses).toEqual([404, 404, 404, 404, 429, 429]);
    const other = site.service.token({ sub: 'spiffe://prod.test/ns/ops/a' });
    expect((await send(jo, { authorization: other })).status).toBe(404);
    await site.service.timers.advance(500);
    expect((await send(jo)).status).toBe(404);
    expect(await send(jo)).toMatchObject({ status: 429, headers: { 'retry-after': '1' } });
  });
});

describe('a body', () => {
  test.each<[string, number, string | Buffer, string?]>([
    ['of 1 MB', 413, Buffer.alloc(1_048_576, 'x')],
    ['nested 4,000 deep', 400, '['.repeat(4_000)],
    ['that is a list', 400, '[]'],
    ['that is null', 400, 'null'],
    ['with a member twice', 400, '{"reason":"a","reason":"b"}'],
    ['with the prototype in it', 400, '{"__proto__":{"reason":"a"}}'],
    ['in UTF-16', 400, Buffer.from('{}', 'utf16le')],
    ['with a byte order mark', 400, '\ufeff{}'],
    ['that is no UTF-8', 400, Buffer.from('{"reason":"\xff"}', 'latin1')],
    ['cut off', 400, '{"reason":"a'],
    ['of another type', 415, '{}', 'text/plain'],
    ['of a form', 415, 'reason=a', 'application/x-www-form-urlencoded'],
    ['without a type', 415, '{}', ''],
    ['in another charset', 415, '{}', 'application/json; charset=utf-16'],
  ])('%s gets %d', async (...[, status, body, type = 'application/json']) => {
    expect((await send(jo, { method: 'PUT', body, type })).status).toBe(status);
    expect(site.service.list()).toBe('');
  });
});

test('a body is taken with its charset, and not compressed', async () => {
  const type = 'Application/JSON; Charset="UTF-8"';
  expect((await send(jo, { method: 'PUT', body: '{}', type })).status).toBe(204);
  const headers = { 'content-encoding': 'gzip' };
  expect(await put(jo, {}, { headers })).toMatchObject({
    status: 415,
    json: { code: 'body_type' },
  });
});

describe('the store', () => {
  const failing = (code: ErrorCode, message: string) => (file: BanStore) => {
    const fail = () => Promise.reject(new AppError(code, message));
    return { ...file, name: 'it', put: fail, get: fail, remove: fail };
  };

  test('that is away is never said to have stored anything', async () => {
    await site.again({ store: failing('BAN_STORE_UNREACHABLE', 'away') });
    for (const method of ['PUT', 'GET', 'DELETE'] as const)
      expect(await send(jo, { method })).toMatchObject({
        status: 503,
        json: { code: 'store_away' },
        headers: { 'retry-after': '2' },
      });
  });

  test('that gives no right to do it is no store that is away', async () => {
    await site.again({ store: failing('BAN_STORE_FORBIDDEN', 'no right to SET') });
    const { status, text } = await put(jo);
    expect(status).toBe(503);
    expect(text).toContain('no right to do that');
  });

  test('that is full says so', async () => {
    await site.again({ store: failing('BAN_STORE_FULL', 'full') });
    expect(await put(jo)).toMatchObject({ status: 409, json: { code: 'store_full' } });
  });

  test('that hangs is not waited for, and not asked without bound', async () => {
    const never = () => new Promise<never>(() => undefined);
    await site.again({
      storeDeadlineMs: 20,
      store: (file) => ({ ...file, name: 'it', get: never }),
    });
    const all = await Promise.all(Array.from({ length: 6 }, () => send(jo)));
    expect(all.map(({ status }) => status)).toEqual([503, 503, 503, 503, 503, 503]);
    const busy = all.filter(({ headers }) => headers['retry-after'] === '1');
    expect(busy).toHaveLength(2);
    expect((await send(jo)).headers['retry-after']).toBe('1');
  });
});
