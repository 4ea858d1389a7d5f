/** Bans on a real Envoy: only a definite ban refuses, and losing the helper, or its list, refuses nobody. */
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { isObject, objectAt } from '#kernel/json.ts';
import type { HelperSettingsInput } from '../../sidecar/config/settings.ts';
import { bareToken, deepJson, tokenOf } from '../fakes/ban-tokens.ts';
import { runSvidecar } from '../fakes/fake-terminal.ts';
import { describeWithComponents } from './harness/components.ts';
import { startEnvoy, type RunningEnvoy } from './harness/envoy.ts';
import { freePort } from './harness/free-port.ts';
import { waitUntil } from './harness/processes.ts';
import { createWorkFolder, type WorkFolder } from './harness/work-folder.ts';
import { send, startApp, type Answer } from './mesh/app.ts';
import { accessLogOf, banEnvoy } from './mesh/ban-envoy.ts';
import { startAdapter } from './mesh/ban-adapter.ts';
import { startHelper, type HelperProcess } from './mesh/helper-process.ts';
import { runtimes } from './runtimes.ts';

const jo = bareToken({ email: 'Jo@Example.org', iat: 1_000 });
const al = bareToken({ email: 'al@example.org', iat: 1_000 });
const line = (value: string, more = {}) =>
  `${JSON.stringify({ claim: 'email', value, ...more })}\n`;

const isMail = (value: unknown): boolean => typeof value === 'string' && value.includes('@');
const ofUser = (json: string): string => `{"realm":{"user":${json}}}`;
const ofMail = (json: string): string => `{"email":${json}}`;
/** Payloads as they are written, and what becomes of them. */
const lookalikes: readonly (readonly [payload: string, status: number])[] = [
  [ofUser('"a:b"'), 403],
  [ofUser('"a"'), 200],
  ['{"realm":{"user:a":"b"}}', 200],
  ['{"realm/user":"a:b"}', 200],
  [ofUser('"a\\nb"'), 403],
  [ofUser('"a\\r\\nb"'), 200],
  [ofUser('"a\\u0000b"'), 403],
  [ofUser('"a"'), 200],
  [ofUser('"a\\u0000"'), 200],
  [ofUser('42'), 403],
  [ofUser('"42"'), 403],
  [ofUser('42.0'), 403],
  [ofUser('4.2e1'), 403],
  [ofUser('"042"'), 200],
  [ofUser('"42 "'), 200],
  [ofUser('42.5'), 200],
  [ofUser('[42]'), 200],
  [ofUser('9007199254740993'), 200],
  // Composed and decomposed, and in any case.
  [ofMail('"JOS\\u00c9@example.org"'), 403],
  [ofMail('"jose\\u0301@example.org"'), 403],
  [ofMail('"jose@example.org"'), 200],
  // A ligature is another letter, as for providers of e-mail.
  [ofMail('"\\ufb01@example.org"'), 403],
  [ofMail('"fi@example.org"'), 200],
  // The last one counts.
  [`{"email":"al","email":"jos\u00e9@example.org"}`, 403],
  [`{"email":"jos\u00e9@example.org","email":"al"}`, 200],
];

/** What Envoy wrote of the last request. */
function lastLogged(folder: string) {
  const last: unknown = JSON.parse(
    readFileSync(accessLogOf(folder), 'utf8').trim().split('\n').at(-1) ?? '',
  );
  return isObject(last) ? { ...last, ban: objectAt(last, 'ban') } : { ban: {} };
}

describeWithComponents(['envoy'], 'bans', () => {
  for (const runtime of runtimes) {
    describeWithComponents([], `on ${runtime}`, () => {
      let work: WorkFolder;
      let app: Server;
      let helper: HelperProcess;
      let envoy: RunningEnvoy;
      let port = 0;
      let list = '';
      const listRules = (): HelperSettingsInput['rules'] => [
        {
          name: 'jwt-ban',
          mode: 'ban',
          claims: ['email', '/realm/user'],
          store: { file: list },
          hosts: ['www.example.com', 'backend'],
        },
        {
          name: 'cookie',
          mode: 'ban',
          claims: ['email'],
          store: { file: list },
          cookie: 'session',
        },
      ];
      const start = (helperPort: number): Promise<HelperProcess> =>
        startHelper({
          runtime,
          folder: work.path,
          name: `bans-${runtime}`,
          // Nothing listens there: a rule that bans needs nobody's identity.
          workloadApi: `unix://${work.path}/no-agent.sock`,
          port: helperPort,
          rules: listRules(),
        });
      /** In one step, as a ConfigMap volume does. */
      const writeList = (text: string): void => {
        writeFileSync(`${list}.new`, text);
        renameSync(`${list}.new`, list);
      };
      const withToken = (token: string, more: readonly string[] = []): Promise<Answer> =>
        send(port, ['authorization', `Bearer ${token}`, ...more]);
      const statusOf = async (token: string): Promise<number> => (await withToken(token)).status;
      const counted = (outcome: string): Promise<number> =>
        helper.metric(`svidecar_checks_total{rule="jwt-ban",outcome="${outcome}"}`);
      const failed = async (): Promise<number> => {
        const stats = await envoy.admin('/stats?filter=ext_authz.ban.failure_mode_allowed');
        return Number(/failure_mode_allowed: (\d+)/.exec(stats)?.[1]);
      };
      const becomes = (status: number): Promise<void> =>
        waitUntil(`Jo gets ${status}`, async () => (await statusOf(jo)) === status);

      beforeAll(async () => {
        work = await createWorkFolder(`bans-${runtime}`);
        list = join(work.path, 'bans.jsonl');
        // As large as what Envoy lets through.
        app = await startApp({ maxHeaderSize: 2 * 1024 * 1024 });
        port = await freePort();
        helper = await start(await freePort());
        envoy = await startEnvoy(
          banEnvoy({
            listen: port,
            // Listening on loopback on a free port: a number.
            app: (app.address() as AddressInfo).port,
            helper: helper.port,
            folder: work.path,
          }),
          // By itself it writes its access log every ten seconds.
          { args: ['--concurrency', '1', '--file-flush-interval-msec', '50'] },
        );
      });
      afterAll(async () => {
        app.close();
        await Promise.all([helper.stop(0), envoy.stop()]);
        await work.remove();
      });

      test('a helper without an agent is ready, and without a list bans nobody', async () => {
        expect((await helper.page('/readyz')).status).toBe(200);
        expect(await statusOf(jo)).toBe(200);
        expect(await counted('ban_list_missing')).toBe(1);
      });

      test('whoever is put on the list is refused, and nobody else', async () => {
        writeList(line('jo@example.org', { reason: 'case 12' }));
        await becomes(403);
        expect(await withToken(jo)).toEqual({ status: 403, body: 'banned\n' });
        await waitUntil('it is logged', () =>
          Promise.resolve(lastLogged(work.path).ban['refused'] === 'banned'),
        );
        expect(lastLogged(work.path)).toMatchObject({
          details: 'ext_authz_denied',
          ban: { rule: 'jwt-ban', ban_claim: 'email', ban_reason: 'case 12' },
        });
        expect(await statusOf(al)).toBe(200);
        expect((await send(port)).status).toBe(200);
        expect((await withToken(jo, ['host', 'other.example.com'])).status).toBe(200);
        expect((await withToken(jo, ['host', 'WWW.Example.com:8443'])).status).toBe(403);
      });

      test('tokens that were issued before are meant where the list says so', async () => {
        writeList(line('jo@example.org', { issuedBefore: '1970-01-01T01:00:00Z' }));
        await waitUntil('a new log-in passes', async () => {
          const again = bareToken({ email: 'jo@example.org', iat: 3_600 });
          return (await statusOf(again)) === 200;
        });
        expect(await statusOf(jo)).toBe(403);
      });

      test('values that only look alike are told apart, and one value in several forms is one', async () => {
        const values = [
          'a:b',
          'a\nb',
          'a\u0000b',
          42,
          'jos\u00e9@example.org',
          '\ufb01@example.org',
        ];
        const lines = values.map((value) => ({
          claim: isMail(value) ? 'email' : '/realm/user',
          value,
        }));
        writeList(lines.map((one) => JSON.stringify(one)).join('\n'));
        await becomes(200);
        for (const [payload, status] of lookalikes)
          expect([payload, await statusOf(tokenOf(payload))]).toEqual([payload, status]);
        writeList(line('jo@example.org', { issuedBefore: '1970-01-01T01:00:00Z' }));
        await becomes(403);
      });

      test('hostile requests are answered, and refused only by a ban that is known', async () => {
        const million = 900_000;
        for (const depth of [4_000, 40_000])
          expect(await statusOf(tokenOf(deepJson(depth)))).toBe(200);
        expect(await statusOf(tokenOf('{"email":"jo@example.org\\u0000"}'))).toBe(200);
        expect(await statusOf(tokenOf('{"email":"jo@example.org\\n"}'))).toBe(200);
        const cookies = 'session=a.e30.c; '.repeat(million / 17);
        expect((await withToken(jo, ['cookie', cookies])).status).toBe(403);
        expect((await withToken(al, ['cookie', cookies])).status).toBe(200);
        const before = await counted('banned');
        expect((await withToken(`${'a.e30.c,'.repeat(million / 8)}${jo}`)).status).toBe(403);
        expect(await counted('banned')).toBe(before + 1);
        // More than a check may have: Envoy counts a failure, and the request passes.
        const failures = await failed();
        expect((await withToken(jo, ['cookie', 'a=b; '.repeat(230_000)])).status).toBe(200);
        expect(await failed()).toBe(failures + 1);
        expect((await withToken(jo)).status).toBe(403);
        expect(await helper.metric('svidecar_faults_total')).toBe(0);
      });

      test('a list that is wrong, and one that is gone, leave the last good one in force', async () => {
        const refused = `svidecar_ban_list_loads_total{file="${list}",result="refused"}`;
        writeList('no list');
        await waitUntil('it is refused', async () => (await helper.metric(refused)) === 1);
        expect(await statusOf(jo)).toBe(403);
        rmSync(list);
        expect(await statusOf(jo)).toBe(403);
        expect(await helper.metric(`svidecar_bans{file="${list}"}`)).toBe(1);
        writeList('');
        await becomes(200);
      });

      test('a service is asked, and only its definite ban refuses', async () => {
        const adapter = await startAdapter();
        const configure = (more: object = {}): void => {
          const store = { http: `${adapter.url}/check`, deadlineMs: 1_800, ...more };
          helper.configure([{ name: 'jwt-ban', mode: 'ban', store }]);
        };
        configure();
        await waitUntil('it is asked', async () => {
          await withToken('opaque', ['cookie', 'a=1']);
          return adapter.asked.length > 0;
        });
        expect(adapter.asked[0]).toEqual(['GET', '/check', 'Bearer opaque', 'a=1']);
        expect(await withToken(jo)).toEqual({ status: 403, body: 'banned\n' });
        expect(await statusOf(al)).toBe(200);
        for (const end of adapter.ends) {
          adapter.answer = end;
          for (let time = 0; time < 4; time += 1) expect(await statusOf(jo), end).toBe(403);
        }
        for (const answer of adapter.otherAnswers) {
          adapter.answer = answer;
          expect(await statusOf(jo)).toBe(200);
        }
        const asked = adapter.asked.length;
        expect((await send(port)).status).toBe(200);
        expect(adapter.asked.length).toBe(asked);
        expect(await counted('store_away')).toBe(4);
        // Twenty milliseconds, from here on.
        configure({ deadlineMs: undefined });
        adapter.answer = 'silence';
        await waitUntil('it is too slow', async () => {
          const status = await statusOf(jo);
          expect(status).toBe(200);
          return (await counted('store_slow')) > 0;
        });
        configure({ deadlineMs: 100, connections: 1 });
        await waitUntil('one is turned away', async () => {
          const all = await Promise.all([statusOf(jo), statusOf(jo), statusOf(jo)]);
          expect(all).toEqual([200, 200, 200]);
          return (await counted('store_busy')) > 0;
        });
        adapter.stop();
        const away = await counted('store_away');
        await waitUntil('it is away', async () => {
          expect(await statusOf(jo)).toBe(200);
          return (await counted('store_away')) > away;
        });
        expect(await helper.metric('svidecar_faults_total')).toBe(0);
        helper.configure(listRules());
      });

      test('svidecar ban add is in force at once, and so is remove', async () => {
        writeList('# by hand\n');
        await becomes(200);
        const whom = ['email=jo@example.org', '--file', list];
        expect(await runSvidecar(['ban', 'add', ...whom, '--for', '1h'])).toMatchObject({
          code: 0,
        });
        await becomes(403);
        expect(await statusOf(al)).toBe(200);
        expect(await runSvidecar(['ban', 'remove', ...whom])).toMatchObject({ code: 0 });
        await becomes(200);
      });

      test('without the helper nobody is refused, and when it is back the ban is', async () => {
        writeList(line('jo@example.org'));
        await becomes(403);
        const helperPort = helper.port;
        await helper.stop(0);
        expect([await statusOf(jo), await statusOf(al)]).toEqual([200, 200]);
        expect(await envoy.admin('/stats?filter=ext_authz.ban.failure_mode_allowed')).toMatch(
          /failure_mode_allowed: [1-9]/,
        );
        helper = await start(helperPort);
        await becomes(403);
      });
    });
  }
});
