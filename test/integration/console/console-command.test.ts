/** `svidecar console` as people start it, on a real API server: the address, a list of bans, and its end. */
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { consolePaths, type ConsoleEvent } from '../../../webhook/console/console-model.ts';
import type {
  BansShown,
  BansView,
  ConsoleAction,
  PreparedAction,
} from '../../../webhook/console/console-reports.ts';
import { ConsoleClient, exchange } from '../../fakes/console-client.ts';
import { startApiServer, type ApiServer } from '../harness/api-server.ts';
import { describeWithComponents } from '../harness/components.ts';
import { startProcess, type RunningProcess } from '../harness/processes.ts';
import { installWebhook, type InstalledWebhook } from '../harness/webhook.ts';
import { createWorkFolder, type WorkFolder } from '../harness/work-folder.ts';
import { deployment, envoyYaml } from './console-shop.ts';

const programs = ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kubectl'];
const bans = {
  'inject.svidecar.dev/templates': 'jwt-ban',
  'svidecar.dev/ban-claims': 'email,sub',
};
const whom = 'jo@example.org';
const list = 'edge/svidecar-bans/bans.jsonl';

describeWithComponents(programs, 'svidecar console as a command', () => {
  let api: ApiServer;
  let webhook: InstalledWebhook;
  let work: WorkFolder;
  let running: RunningProcess;
  let address: string;
  let page: ConsoleClient;

  beforeAll(async () => {
    [api, work] = await Promise.all([startApiServer(), createWorkFolder('console')]);
    webhook = await installWebhook(api);
    await api.createNamespace('edge', { 'svidecar.dev/injection': 'enabled' });
    const made = [
      await api.request('POST', '/api/v1/namespaces/edge/configmaps', {
        metadata: { name: 'envoy' },
        data: { 'envoy.yaml': envoyYaml },
      }),
      await api.request(
        'POST',
        '/apis/apps/v1/namespaces/edge/deployments',
        deployment('front', bans),
      ),
    ];
    expect(made.map(({ status }) => status)).toEqual([201, 201]);
    running = startProcess({
      name: 'console',
      command: process.execPath,
      args: [
        join(import.meta.dirname, '../../../webhook/main.ts'),
        'console',
        '--no-open',
        '--kubeconfig',
        api.kubeconfig,
      ],
      folder: work.path,
    });
    address = await printed();
    page = await ConsoleClient.open(address);
  });
  afterAll(async () => {
    await running.stop();
    await webhook.stop();
    await api.stop();
    await work.remove();
  });

  /** The build of the page takes a second. */
  async function printed(): Promise<string> {
    for (let i = 0; i < 300; i += 1) {
      const found = /^http:\S+$/m.exec(running.logTail())?.[0];
      if (found !== undefined) return found;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    throw new TypeError(`no address: ${running.logTail()}`);
  }

  test('prints an address of loopback that lets one browser in', async () => {
    const { origin, hash, hostname } = new URL(address);
    expect(hostname).toBe('127.0.0.1');
    expect((await exchange(origin, hash.slice('#token='.length))).status).toBe(401);
    const html = await fetch(`${origin}/`);
    expect(html.headers.get('content-security-policy')).toMatch(/script-src 'sha256-/);
    expect(await html.text()).toContain('<title>svidecar console</title>');
  });

  test('adds and lifts bans, and shows nobody who is banned', async () => {
    await shown(({ count }) => count === 0);
    const events: ConsoleEvent[] = [];
    const end = new AbortController();
    const { version } = await page.coverage();
    const following = page.follow(version, (event) => events.push(event), end.signal);
    const add = { kind: 'ban_add', list, claim: 'email', value: whom, reason: 'case 12' } as const;
    const prepared = await prepare({ ...add, for: '24h' });
    expect(prepared.command).toContain("svidecar ban add 'email={value}' --for 24h");
    expect(await storedText()).toBe('');
    expect((await page.ask('POST', consolePaths.carryOut, { id: prepared.id })).status).toBe(200);
    expect(await storedText()).toContain(whom);
    const one = await shown(({ count }) => count === 1);
    expect(one.byReason).toEqual([{ reason: 'case 12', count: 1 }]);
    expect(JSON.stringify([one, events, prepared])).not.toContain(whom);
    await page.until(
      () => Promise.resolve(events),
      (all) => all.some(({ kind }) => kind === 'bans'),
    );
    const lift = await prepare({ kind: 'ban_lift_shown', list, ban: one.shown[0]?.id ?? '' });
    expect((await page.ask('POST', consolePaths.carryOut, { id: lift.id })).status).toBe(200);
    expect(await storedText()).not.toContain(whom);
    end.abort();
    await following;
  });

  test('touches no ConfigMap that no workload reads bans from', async () => {
    const action = { kind: 'ban_add', list: 'edge/envoy/envoy.yaml', claim: 'sub', value: '1' };
    const { status, body } = await page.ask('POST', consolePaths.actions, action);
    expect(status).toBe(400);
    expect(JSON.stringify(body)).toContain('no workload');
    const odd = await page.ask('POST', consolePaths.actions, { kind: '__proto__' });
    expect(odd.status).toBe(400);
  });

  async function prepare(action: ConsoleAction): Promise<PreparedAction> {
    const { status, body } = await page.ask('POST', consolePaths.actions, action);
    expect(status, JSON.stringify(body)).toBe(200);
    return body as PreparedAction;
  }

  async function shown(isSo: (bans: BansShown) => boolean): Promise<BansShown> {
    const { lists } = await page.until(
      () => page.get<BansView>(consolePaths.bans),
      (view) => view.lists.some(({ bans: told }) => told.kind === 'known' && isSo(told.value)),
    );
    expect(lists).toMatchObject([{ id: list, users: ['edge/Deployment/front'] }]);
    const told = lists[0]?.bans;
    if (told?.kind !== 'known') throw new TypeError('the list can be read');
    return told.value;
  }

  async function storedText(): Promise<string> {
    const { body } = await api.request('GET', '/api/v1/namespaces/edge/configmaps/svidecar-bans');
    const { data } = body as { readonly data?: Readonly<Record<string, string>> };
    return data?.['bans.jsonl'] ?? '';
  }

  test('ends when it is told to', async () => {
    process.kill(running.pid, 'SIGTERM');
    await page.until(
      () => Promise.resolve(running.isRunning()),
      (isRunning) => !isRunning,
    );
    await expect(fetch(address)).rejects.toThrow();
  });
});
