/** The console's server on a real API server with a real webhook. */
import { request } from 'node:http';
import { connect } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { consoleKeyHeader, consolePaths } from '../../../webhook/console/console-model.ts';
import type {
  ConsoleEvent,
  WorkloadRow,
  WorkloadView,
} from '../../../webhook/console/console-model.ts';
import type {
  CertificatesView,
  DoctorView,
  IdentitiesView,
  PreparedAction,
  RunAnswer,
} from '../../../webhook/console/console-reports.ts';
import type { ServingConsole } from '../../../webhook/console-server/serve-console.ts';
import { ConsoleClient, exchange } from '../../fakes/console-client.ts';
import type { ApiServer } from '../harness/api-server.ts';
import { describeWithComponents } from '../harness/components.ts';
import { startConsole } from '../harness/console.ts';
import { bestRound } from '../harness/pace.ts';
import {
  asks,
  deployment,
  deployments,
  envoyYaml,
  openShop,
  programs,
  secret,
  type Shop,
} from './console-shop.ts';

describeWithComponents(programs, 'svidecar console on a real API server', () => {
  let api: ApiServer;
  let shop: Shop;
  let create: Shop['create'];
  let serving: ServingConsole;
  let page: ConsoleClient;

  beforeAll(async () => {
    shop = await openShop();
    ({ api, create } = shop);
    serving = await startConsole(api.kubeconfig);
    page = await ConsoleClient.open(serving.address);
  });
  afterAll(async () => {
    await serving.stop();
    await shop.stop();
  });

  async function rowWith(id: string, isSo: (row: WorkloadRow) => boolean): Promise<WorkloadRow> {
    const { workloads } = await page.until(
      () => page.coverage(),
      (each) => each.workloads.some((row) => row.id === id && isSo(row)),
    );
    const row = workloads.find((each) => each.id === id);
    if (row === undefined) throw new TypeError(`${id} is there`);
    return row;
  }

  test('shows what each workload is, and counts it in its namespace', async () => {
    const frontend = await rowWith(
      'shop/Deployment/frontend',
      ({ status }) => status !== 'unknown',
    );
    expect(frontend).toMatchObject({ status: 'injected', templates: ['jwt-inject'] });
    const unseen = await rowWith('plain/Deployment/unseen', ({ status }) => status !== 'unknown');
    expect(unseen).toMatchObject({ status: 'missing', why: { id: 'namespace_not_labelled' } });
    const { namespaces, cluster } = await page.coverage();
    expect(namespaces.find(({ name }) => name === 'shop')).toMatchObject({
      label: 'enabled',
      counts: { injected: 1, not_asked: 1, missing: 0 },
    });
    expect(cluster).toMatchObject({ connection: 'connected', awaited: [] });
    expect(cluster.missingRights).toBeUndefined();
  });

  test('opens a workload with a name as long as Kubernetes lets it be, and answers no HEAD for ever', async () => {
    const name = `${'n'.repeat(60)}.`.repeat(4) + 'n'.repeat(9);
    expect(name).toHaveLength(253);
    const named = deployment(name) as { spec: { selector: object; template: object } };
    const labels = { app: 'long' };
    const template = { ...named.spec.template, metadata: { labels, annotations: asks } };
    const spec = { ...named.spec, selector: { matchLabels: labels }, template };
    await create(deployments, { ...named, spec });
    await rowWith(`shop/Deployment/${name}`, ({ status }) => status === 'injected');
    for (const path of [consolePaths.workload, consolePaths.helpers]) {
      const { status, body } = await page.ask('GET', `${path}/shop/Deployment/${name}`);
      expect(status, JSON.stringify(body)).toBe(200);
    }
    const { origin } = new URL(serving.address);
    const head = await fetch(origin + consolePaths.events, {
      method: 'HEAD',
      headers: page.headers,
    });
    expect(head.status).toBe(404);
    expect((await api.request('DELETE', `${deployments}/${name}`)).status).toBe(200);
    await page.until(
      () => page.coverage(),
      ({ workloads }) => workloads.every((row) => row.name !== name),
    );
  });

  /** Once what earlier tests set going, such as ConfigMaps that the webhook writes, is over. */
  async function settledVersion(): Promise<string> {
    for (;;) {
      const { version } = await page.coverage();
      await wait(1_000);
      if ((await page.coverage()).version === version) return version;
    }
  }

  test('tells a change within a second, and only that', async () => {
    const version = await settledVersion();
    const seen: { readonly event: ConsoleEvent; readonly atMs: number }[] = [];
    const end = new AbortController();
    const following = page.follow(
      version,
      (event) => seen.push({ event, atMs: Date.now() }),
      end.signal,
    );
    await page.until(() => Promise.resolve(seen.length > 0), Boolean);
    const toldMs = await bestRound(1_000, async (round) => {
      const late = `late-${round}`;
      seen.length = 0;
      const createdMs = Date.now();
      // Without ConfigMaps: those that it shares with others would change with it, and be told of them.
      const object = deployment(late, { 'inject.svidecar.dev/templates': 'spiffe-socket' });
      await create(deployments, object);
      const isLate = ({ event }: (typeof seen)[number]): boolean =>
        event.kind === 'changed' &&
        event.workloads.some(({ name, status }) => name === late && status === 'injected');
      await page.until(() => Promise.resolve(seen.some(isLate)), Boolean);
      const told = (seen.find(isLate)?.atMs ?? Infinity) - createdMs;
      const rows = seen.flatMap(({ event }) => (event.kind === 'changed' ? event.workloads : []));
      expect(new Set(rows.map(({ name }) => name))).toEqual(new Set([late]));
      await api.request('DELETE', `${deployments}/${late}`);
      const isGone = ({ event }: (typeof seen)[number]): boolean =>
        event.kind === 'changed' && event.goneWorkloads.includes(`shop/Deployment/${late}`);
      await page.until(() => Promise.resolve(seen.some(isGone)), Boolean);
      return told;
    });
    expect(toldMs).toBeLessThan(1_000);
    end.abort();
    await following;
  });

  test('resumes after a break with what has changed since, and says where it cannot', async () => {
    const { version } = await page.coverage();
    await create(deployments, deployment('meanwhile'));
    await rowWith('shop/Deployment/meanwhile', () => true);
    // Others may have changed since, too.
    const isMeanwhile = (event: ConsoleEvent): boolean =>
      event.kind === 'changed' && event.workloads.some(({ name }) => name === 'meanwhile');
    const first = await eventsSince(version, isMeanwhile);
    expect(first.find(isMeanwhile)).toMatchObject({
      workloads: expect.arrayContaining([
        expect.objectContaining({ name: 'meanwhile', status: 'not_asked' }),
      ]) as unknown,
    });
    const other = await eventsSince('another.1', ({ kind }) => kind === 'reset');
    const told = other.find(({ kind }) => kind === 'reset' || kind === 'changed');
    expect(told?.kind).toBe('reset');
  });

  async function eventsSince(
    version: string,
    isLast: (event: ConsoleEvent) => boolean,
  ): Promise<readonly ConsoleEvent[]> {
    const events: ConsoleEvent[] = [];
    const end = new AbortController();
    const following = page.follow(version, (event) => events.push(event), end.signal);
    await page.until(
      () => Promise.resolve(events),
      (all) => all.some(isLast),
    );
    end.abort();
    await following;
    return events;
  }

  test('tells the story of a workload, and shows no value of a variable', async () => {
    await rowWith('shop/Deployment/frontend', ({ status }) => status === 'injected');
    const view = await page.get<WorkloadView>(`${consolePaths.workload}/shop/Deployment/frontend`);
    expect(view.steps.map(({ id }) => id)).toContain('templates_requested');
    expect(view.verdict.words).toBe('stays as it is');
    const [object] = view.texts;
    expect(object?.before).not.toContain('auth-helper');
    expect(object?.after).toContain('auth-helper');
    expect(view.texts.map(({ title }) => title)).toContain('envoy.yaml');
    const envoy = view.texts.find(({ kind }) => kind === 'envoy');
    expect(envoy?.before).toBe(envoyYaml);
    expect(envoy?.after).toContain('svidecar');
    expect(JSON.stringify(view)).not.toContain(secret);
    expect(JSON.stringify(view)).toContain('(not shown)');
    const gone = await page.ask('GET', `${consolePaths.workload}/shop/Deployment/nobody`);
    expect(gone).toMatchObject({ status: 404, body: { code: 'OBJECT_NOT_FOUND' } });
  });

  test('runs the checks, looks at identities and at certificates', async () => {
    for (const path of [consolePaths.doctor, consolePaths.identities, consolePaths.certificates]) {
      const { status } = await page.ask('POST', path, { asksHelpers: false });
      expect(status).toBe(202);
    }
    const done = <T>(path: string): Promise<RunAnswer<T>> =>
      page.until(
        () => page.get<RunAnswer<T>>(path),
        ({ state }) => state.kind === 'done' || state.kind === 'failed',
      );
    const doctor = await done<DoctorView>(consolePaths.doctor);
    expect(doctor.result?.checks.find(({ id }) => id === 'webhook_configured')?.status).toBe('ok');
    const identities = await done<IdentitiesView>(consolePaths.identities);
    expect(identities.result?.nodes).toContainEqual(
      expect.objectContaining({
        id: 'shop/Deployment/frontend',
        sendsTo: ['spiffe://example.org/backend'],
      }),
    );
    const certificates = await done<CertificatesView>(consolePaths.certificates);
    expect(certificates.result?.hooks[0]?.trusts.length).toBeGreaterThan(0);
  });

  test('restarts only what is stale or runs without, after the command was shown, and once', async () => {
    await api.createNamespace('later');
    const before = deployments.replace('shop', 'later');
    await create(before, deployment('early', asks));
    await rowWith('later/Deployment/early', ({ why }) => why?.id === 'namespace_not_labelled');
    const action = { kind: 'restart', namespace: 'later', workloadKind: 'Deployment' };
    const early = { ...action, name: 'early' };
    expect((await page.ask('POST', consolePaths.actions, early)).status).toBe(400);
    const label = ['label', 'namespace', 'later', 'svidecar.dev/injection=bogus'];
    expect((await api.kubectl(label)).code).toBe(0);
    await rowWith('later/Deployment/early', ({ why }) => why?.message.includes('bogus') === true);
    const relabel = [...label.slice(0, 3), 'svidecar.dev/injection=enabled', '--overwrite'];
    expect((await api.kubectl(relabel)).code).toBe(0);
    await rowWith('later/Deployment/early', ({ why }) => why?.id === 'stored_without');
    const { body } = await page.ask('POST', consolePaths.actions, early);
    const prepared = body as PreparedAction;
    expect(prepared.command).toContain('kubectl rollout restart deployment/early -n later');
    expect(await annotationOf(`${before}/early`)).toBeUndefined();
    const done = await page.ask('POST', consolePaths.carryOut, { id: prepared.id });
    expect(done).toMatchObject({ status: 200 });
    expect(await annotationOf(`${before}/early`)).toMatch(/^20/);
    const again = await page.ask('POST', consolePaths.carryOut, { id: prepared.id });
    expect(again.status).toBe(404);
    for (const [other, status] of [
      [{ ...action, namespace: 'kube-system', name: 'coredns' }, 404],
      [{ ...action, namespace: 'shop', name: 'frontend' }, 400],
      [{ ...action, namespace: 'shop', name: 'quiet' }, 400],
    ] as const)
      expect((await page.ask('POST', consolePaths.actions, other)).status).toBe(status);
  });

  async function annotationOf(path: string): Promise<string | undefined> {
    const { body } = await api.request('GET', path);
    const { spec } = body as {
      spec: { template: { metadata: { annotations?: Record<string, string> } } };
    };
    return spec.template.metadata.annotations?.['kubectl.kubernetes.io/restartedAt'];
  }

  test('a namespace that vanishes while it is looked at is told', async () => {
    await api.createNamespace('brief', { 'svidecar.dev/injection': 'enabled' });
    await create(deployments.replace('shop', 'brief'), deployment('short'));
    await rowWith('brief/Deployment/short', () => true);
    await api.request('DELETE', '/api/v1/namespaces/brief');
    await page.until(
      () => page.coverage(),
      ({ namespaces, workloads }) =>
        !namespaces.some(({ name }) => name === 'brief') &&
        !workloads.some(({ namespace }) => namespace === 'brief'),
    );
  });

  describe('lets nobody in but the page that was opened', () => {
    const path = consolePaths.coverage;
    test('an address once', async () => {
      const { origin, hash } = new URL(serving.address);
      const used = await exchange(origin, hash.slice('#token='.length));
      expect(used.status).toBe(401);
      expect(JSON.stringify(used.body)).toContain('opened already');
      expect((await exchange(origin, 'guessed')).status).toBe(401);
      const { body } = await page.ask('POST', consolePaths.anotherAddress, {});
      const other = await ConsoleClient.open((body as { address: string }).address);
      expect((await other.coverage()).workloads.length).toBeGreaterThan(0);
    });

    test.each([
      ['no key', {}, 401],
      ['another key', { [consoleKeyHeader]: 'x' }, 401],
      ['a foreign Host', { host: 'evil.example' }, 403],
      ['the right port under another name', { host: 'localhost:PORT' }, 403],
      ['a foreign Origin', { origin: 'http://evil.example' }, 403],
      ['an opaque Origin', { origin: 'null' }, 403],
      ['another port', { origin: 'http://127.0.0.1:1' }, 403],
      ['a foreign site', { 'sec-fetch-site': 'cross-site' }, 403],
      ['a page of another port', { 'sec-fetch-site': 'same-site' }, 403],
    ])('%s is refused', async (name, headers, status) => {
      const isKeyed = status === 403;
      const filled = Object.fromEntries(
        Object.entries(headers).map(([key, value]) => [
          key,
          value.replace('PORT', serving.listensOn.split(':')[1] ?? ''),
        ]),
      );
      const own = isKeyed ? page.headers : {};
      for (const method of ['GET', 'POST'])
        expect(await statusOf(method, path, { ...own, ...filled }), name).toBe(
          method === 'POST' && !isKeyed ? 403 : status,
        );
    });

    test('an address that cannot be read has our headers, and tells nothing', async () => {
      for (const bad of ['/%', '/api/workloads/%zz/Deployment/a']) {
        const response = await fetch(`http://${serving.listensOn}${bad}`);
        expect(response.status).toBe(401);
        expect(response.headers.get('content-security-policy')).toContain('frame-ancestors');
        expect(response.headers.get('x-content-type-options')).toBe('nosniff');
        expect(await response.json()).toMatchObject({ code: 'NOT_LOGGED_IN' });
        expect((await page.ask('GET', bad)).status).toBe(404);
      }
    });

    test('of very many connections only some are kept', async () => {
      const port = Number(serving.listensOn.split(':')[1]);
      const sockets = Array.from({ length: 300 }, () => connect(port, '127.0.0.1'));
      let closed = 0;
      for (const each of sockets)
        each.on('error', () => undefined).once('close', () => (closed += 1));
      await page.until(
        () => Promise.resolve(closed),
        (count) => count >= 150,
      );
      for (const each of sockets) each.destroy();
      await page.until(
        () => page.ask('GET', path).catch(() => ({ status: 0 })),
        ({ status }) => status === 200,
      );
    });

    test('a form of another site cannot even be read', async () => {
      const headers = { ...page.headers, 'content-type': 'text/plain' };
      expect(await statusOf('POST', consolePaths.actions, headers)).toBe(415);
    });

    test('the page says its policy, and goes into no frame', async () => {
      const response = await fetch(`http://${serving.listensOn}/`);
      expect(response.headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
      expect(response.headers.get('x-content-type-options')).toBe('nosniff');
      expect(response.headers.get('access-control-allow-origin')).toBeNull();
      expect(await statusOf('GET', '/', { 'sec-fetch-dest': 'iframe' })).toBe(403);
    });
  });

  function statusOf(
    method: string,
    path: string,
    headers: Readonly<Record<string, string>>,
  ): Promise<number> {
    return new Promise((resolve, reject) => {
      const url = `http://${serving.listensOn}${path}`;
      const sent = request(url, { method, headers }, (response) => {
        response.resume();
        resolve(response.statusCode ?? 0);
      });
      sent.on('error', reject);
      sent.end(method === 'POST' ? '{}' : undefined);
    });
  }

  test('says when the API server is away, and goes on when it is back', async () => {
    const { version } = await page.coverage();
    const events: ConsoleEvent[] = [];
    const end = new AbortController();
    const following = page.follow(version, (event) => events.push(event), end.signal);
    await api.restart(async () => {
      await page.until(
        () => Promise.resolve(events),
        (all) => all.some((each) => each.kind === 'cluster' && each.cluster.connection === 'away'),
      );
      const { cluster, workloads } = await page.coverage();
      expect(cluster.problem).toBeDefined();
      expect(workloads.length).toBeGreaterThan(0);
    });
    await page.until(
      () => page.coverage(),
      ({ cluster }) => cluster.connection === 'connected',
    );
    await wait(100);
    await create(deployments, deployment('after'));
    await rowWith('shop/Deployment/after', () => true);
    end.abort();
    await following;
  }, 60_000);
});
