/** The REST service beside its changes: audit log, `/check`, which routes there are. */
import { describe, expect, test } from 'vitest';
import { isObject, objectAt, type JsonObject } from '#kernel/json.ts';
import { accounts, serviceOfEachTest } from '../../../fakes/ban-service.ts';
import { bareToken } from '../../../fakes/ban-tokens.ts';

const site = serviceOfEachTest();
const { send, put } = site;
const jo = '/bans/email/jo%40example.org';
describe('the audit log', () => {
  const audited = () =>
    site.service.log.lines.filter(({ fields }) => 'audit' in fields).map(({ fields }) => fields);

  test('has each change and each try, and never a value', async () => {
    await put(jo, { forSeconds: 60, reason: 'case 12' });
    await send(jo, { method: 'DELETE' });
    await send(jo, { method: 'DELETE' });
    expect(audited()).toMatchObject([
      {
        audit: 'put',
        by: accounts,
        claim: 'email',
        kind: 'all',
        reason: 'case 12',
        result: 'done',
      },
      { audit: 'remove', by: accounts, claim: 'email', result: 'done' },
      { audit: 'remove', result: 'not_banned' },
    ]);
    expect(JSON.stringify(site.service.log.lines)).not.toContain('jo@');
    expect(JSON.stringify(audited())).not.toContain('subject');
  });

  test('has what was refused before it came to a change, with the caller and the claim if they are known', async () => {
    await put(jo, { forSeconds: 0 });
    await send(jo, { method: 'DELETE', authorization: undefined });
    await put(jo, {}, { authorization: site.service.token({ sub: 'spiffe://prod.test/other' }) });
    await send('/logout', {
      method: 'POST',
      body: 'logout_token=jo%40x',
      type: 'application/x-www-form-urlencoded',
    });
    await send('/logout', { method: 'POST', body: '{"logout_token":"jo@x"}' });
    await send(jo);
    const nobody = { by: undefined, claim: undefined };
    expect(audited()).toEqual([
      { audit: 'put', by: accounts, claim: 'email', result: 'body_invalid' },
      { audit: 'remove', ...nobody, result: 'caller_unknown' },
      { audit: 'put', ...nobody, result: 'caller_not_allowed' },
      { audit: 'logout', ...nobody, result: 'malformed' },
      { audit: 'logout', ...nobody, result: 'body_type' },
    ]);
    expect(JSON.stringify(site.service.log.lines)).not.toContain('jo@');
  });

  test('is not filled by strangers: lines of a kind are bounded, and say how many were left out', async () => {
    const knock = () => put(jo, {}, { authorization: undefined });
    for (let at = 0; at < 50; at += 1) await knock();
    expect(audited()).toHaveLength(20);
    await put(jo, { forSeconds: 0 });
    site.service.timers.jump(1_000);
    await knock();
    expect(audited().slice(20)).toMatchObject([
      { result: 'body_invalid' },
      { result: 'caller_unknown', leftOut: 30 },
    ]);
  });

  test('has a keyed hash where there is a key: the same for one value, however it is written', async () => {
    await site.again({ auditKey: Buffer.alloc(32, 'k') });
    await put(jo);
    await put('/bans/email/JO%40example.org', { forSeconds: 1 });
    await put('/bans/email/al%40example.org');
    const [one, same, other] = audited().map((fields) =>
      'subject' in fields ? fields.subject : '',
    );
    expect(one).toMatch(/^[A-Za-z0-9_-]{22}$/);
    expect(same).toBe(one);
    expect(other).not.toBe(one);
  });
});

describe('GET /check', () => {
  const check = (headers: Readonly<Record<string, string>>) =>
    send('/check', { authorization: undefined, headers });

  test('says who is banned as the rule of the helper does', async () => {
    await put(jo);
    const bearer = (claims: JsonObject) => ({ authorization: `Bearer ${bareToken(claims)}` });
    await expect
      .poll(async () => (await check(bearer({ email: 'Jo@Example.org' }))).json)
      .toEqual({ pass: false });
    expect((await check(bearer({ email: 'al@example.org' }))).json).toEqual({ pass: true });
    expect(await check({})).toMatchObject({ status: 200, json: { pass: true } });
    expect((await check({ authorization: 'Basic YTpi' })).json).toEqual({ pass: true });
  });
});

test('a logout that is no form is refused in the words of its specification', async () => {
  const type = 'application/x-www-form-urlencoded';
  for (const sent of [{ body: '{"logout_token":"x"}' }, { body: 'a=b', type }, {}])
    expect(await send('/logout', { method: 'POST', ...sent })).toMatchObject({
      status: 400,
      json: { error: 'invalid_request' },
    });
});

describe('routes', () => {
  test('a method that is not there is named, and what is', async () => {
    expect(await send(jo, { method: 'PATCH' })).toMatchObject({
      status: 405,
      headers: { allow: 'PUT, GET, DELETE' },
    });
    expect((await send('/logout')).headers['allow']).toBe('POST');
  });

  test('what is not there says nothing of what was asked', async () => {
    const { status, text } = await send('/jo%40example.org');
    expect(status).toBe(404);
    expect(text).not.toContain('example');
  });

  test('what a listener does not serve is not there', async () => {
    await site.again({ served: ['logout'] });
    for (const url of [jo, '/bans', '/check']) expect((await send(url)).status).toBe(404);
  });

  test('the document has each route that is served, and no other', async () => {
    const { json } = await send('/openapi.json', { authorization: undefined });
    const paths = Object.entries(objectAt(json, 'paths'));
    expect(json['openapi']).toBe('3.1.0');
    const documented = paths.flatMap(([path, methods]) =>
      Object.keys(isObject(methods) ? methods : {}).map(
        (method) => `${method.toUpperCase()} ${path}`,
      ),
    );
    expect(documented.sort()).toEqual([
      'DELETE /bans/{claim}/{value}',
      'GET /bans',
      'GET /bans/{claim}/{value}',
      'GET /check',
      'GET /openapi.json',
      'POST /logout',
      'PUT /bans/{claim}/{value}',
    ]);
    for (const one of documented) {
      const [method = 'GET', path = ''] = one.split(' ');
      const url = path.replace('{claim}/{value}', '*');
      expect(site.service.app.hasRoute({ method, url })).toBe(true);
    }
  });

  test('answers are not to be kept, and are counted', async () => {
    expect((await send(jo)).headers['cache-control']).toBe('no-store');
    const { text } = await send('/metrics');
    const own = text.split('\n').filter((line) => line.startsWith('svidecar_ban_service_r'));
    expect(own).toContain('svidecar_ban_service_requests_total{operation="getBan",code="404"} 1');
  });
});
