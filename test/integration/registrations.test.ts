/** Registrations by the controller: the real webhook with the manifests' rights, a real API server, a real SPIRE server. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { isObject, listAt, objectAt, type JsonObject } from '#kernel/json.ts';
import { runSvidecar } from '../fakes/fake-terminal.ts';
import { appWithEnvoy, injectBackend } from '../fakes/workloads.ts';
import { startApiServer, type ApiServer } from './harness/api-server.ts';
import { describeWithComponents } from './harness/components.ts';
import { bestRound, slowness } from './harness/pace.ts';
import { waitUntil } from './harness/processes.ts';
import { installReplicas, type Replica, type Replicas } from './harness/replicas.ts';
import {
  installSpireCrds,
  startSpireControllerManager,
} from './harness/spire-controller-manager.ts';
import { seen, textAt, type Seen } from './harness/seen-entry.ts';
import { startSpireServer, type SpireServer } from './harness/spire-server.ts';
import { createWorkFolder, type WorkFolder } from './harness/work-folder.ts';

const programs = [
  'etcd',
  'kube-apiserver',
  'kube-controller-manager',
  'kubectl',
  'spire-server',
  'spire-controller-manager',
];
/** Who leads goes on leading when it gets no core for seconds. */
const leaseTimes = { durationMs: 8_000, renewDeadlineMs: 6_000, retryMs: 500 };
const lives = { leafS: 86_400, authorityS: 864_000, settleS: 1 };
const parentId = 'spiffe://example.org/ns/spire/sa/spire-agent';
const repository = join(import.meta.dirname, '../..');
const awaited = 'svidecar_registrations{state="awaited"}';

describeWithComponents(programs, 'registrations in a real SPIRE server', () => {
  let api: ApiServer;
  let spire: SpireServer;
  let replicas: Replicas;
  let work: WorkFolder;
  let configFile: string;

  beforeAll(async () => {
    [api, spire, work] = await Promise.all([
      startApiServer(),
      startSpireServer(),
      createWorkFolder('registrations'),
    ]);
    await mkdir(join(work.path, 'config'));
    configFile = join(work.path, 'config', 'config.yaml');
    await configure();
    const certificate = { settings: { kind: 'self_signed', lives }, leaseTimes } as const;
    replicas = await installReplicas(api, certificate, { config: configFile });
    const rbac = 'manifests/kustomize/components/spire-registration/rbac.yaml';
    const input = await readFile(join(repository, rbac), 'utf8');
    expect(await api.kubectl(['apply', '-f', '-'], { input })).toMatchObject({ code: 0 });
    await api.createNamespace('shop', { 'svidecar.dev/injection': 'enabled' });
    await start('replica-1');
    await start('replica-2');
  });
  afterAll(async () => {
    await replicas.stop();
    await Promise.all([api.stop(), spire.stop()]);
    await work.remove();
  });

  async function configure(more = ''): Promise<void> {
    const lines = [
      'registration: entries',
      `spire: {server: 'unix://${spire.socketPath}', pollSeconds: 1}`,
    ];
    if (!more.startsWith('entries:')) lines.push('entries: {graceSeconds: 1}');
    await writeFile(configFile, [...lines, more, ''].join('\n'));
  }

  async function start(name: string): Promise<Replica> {
    const replica = await replicas.start(name);
    await replicas.takesReviews(replica);
    return replica;
  }

  async function entries(): Promise<readonly Seen[]> {
    const answer = await spire.command(['entry', 'show']);
    return listAt(answer, 'entries').filter(isObject).map(seen);
  }

  async function ours(account: string): Promise<Seen | undefined> {
    const all = await entries();
    return all.find(({ id, spiffeId }) => id.startsWith('svidecar.') && spiffeId.endsWith(account));
  }

  async function apply(
    name: string,
    annotations: Readonly<Record<string, string>> = {},
    namespace = 'shop',
  ): Promise<void> {
    const object = {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name, namespace },
      spec: {
        replicas: 0,
        selector: { matchLabels: { app: name } },
        template: {
          metadata: { labels: { app: name }, annotations: { ...injectBackend, ...annotations } },
          spec: { ...appWithEnvoy, serviceAccountName: name },
        },
      },
    };
    const path = `/apis/apps/v1/namespaces/${namespace}/deployments`;
    const { status } = await api.request('POST', path, object);
    expect(status).toBe(201);
  }

  async function remove(name: string, namespace = 'shop'): Promise<void> {
    await api.request('DELETE', `/apis/apps/v1/namespaces/${namespace}/deployments/${name}`);
  }

  /** Milliseconds. */
  async function until(what: string, isSo: () => Promise<boolean>): Promise<number> {
    const began = performance.now();
    await waitUntil(what, isSo, { deadlineMs: 20_000 });
    return performance.now() - began;
  }

  test('an entry is there within a second of the Deployment, and goes with it after the grace', async () => {
    await leads();
    const entryMs = async (name: string): Promise<number> => {
      await apply(name);
      return until('the entry', async () => (await ours(`/sa/${name}`)) !== undefined);
    };
    const names = ['web', 'web-1', 'web-2', 'web-3', 'web-4'];
    const ms = await bestRound(1_000, (round) => entryMs(names[round] ?? ''));
    expect(ms).toBeLessThan(1_000);
    const found = await ours('/sa/web');
    expect(found).toMatchObject({
      spiffeId: 'spiffe://example.org/ns/shop/sa/web',
      selectors: ['k8s:container-name:auth-helper', 'k8s:ns:shop', 'k8s:sa:web'],
    });
    expect(found?.id).toMatch(/^svidecar\.shop\.[0-9a-f]{32}$/);
    for (const name of names) await remove(name);
    for (const name of names)
      await until('it is gone', async () => (await ours(`/sa/${name}`)) === undefined);
  });

  async function leader(): Promise<Replica | undefined> {
    for (const replica of replicas.all)
      if ((await replica.metric('svidecar_spire_leader')) === 1) return replica;
    return undefined;
  }

  /** One that had no core to spare may have to lead anew. */
  async function leads(): Promise<Replica> {
    await until('a replica leads', async () => (await leader()) !== undefined);
    return (await leader()) ?? leads();
  }

  /** Those on a Deployment. */
  async function events(name: string): Promise<readonly JsonObject[]> {
    const { body } = await api.request('GET', '/apis/events.k8s.io/v1/namespaces/shop/events');
    return listAt(isObject(body) ? body : {}, 'items')
      .filter(isObject)
      .filter((event) => textAt(objectAt(event, 'regarding'), 'name') === name);
  }

  async function reasons(name: string): Promise<readonly string[]> {
    return (await events(name)).map((event) => textAt(event, 'reason'));
  }

  async function count(): Promise<number> {
    const all = await entries();
    return all.filter(({ id }) => id.startsWith('svidecar.')).length;
  }

  test('entries of others stay, one for the same identity too, which is told', async () => {
    const byHand = await spire.createEntry({
      parentId,
      spiffeId: 'spiffe://example.org/by-hand',
      selectors: ['k8s:ns:other'],
    });
    const similar = await spire.createEntry({
      parentId,
      spiffeId: 'spiffe://example.org/ns/shop/sa/twin',
      selectors: ['k8s:ns:shop', 'k8s:sa:twin', 'k8s:container-name:auth-helper'],
      hint: 'mine',
    });
    await apply('twin');
    await until('it is told', async () => (await reasons('twin')).includes('RegistrationForeign'));
    await remove('twin');
    await wait(2_500);
    expect(await entries()).toMatchObject([{ id: byHand }, { id: similar, hint: 'mine' }]);
    await apply('twin');
    await spire.deleteEntry(similar);
    await until('ours takes its place', async () => (await ours('/sa/twin')) !== undefined);
    await remove('twin');
    await until('it is gone', async () => (await ours('/sa/twin')) === undefined);
  });

  test('what somebody deletes comes back, and what somebody changes is undone', async () => {
    await apply('web');
    await until('the entry', async () => (await ours('/sa/web')) !== undefined);
    const { id = '', selectors = [] } = (await ours('/sa/web')) ?? {};
    await spire.deleteEntry(id);
    await until('it is back', async () => (await ours('/sa/web'))?.id === id);
    const changed = ['-spiffeID', 'spiffe://example.org/ns/shop/sa/web', '-parentID', parentId];
    await spire.command([
      'entry',
      'update',
      '-entryID',
      id,
      ...changed,
      '-selector',
      'k8s:ns:bank',
      '-admin',
    ]);
    await until(
      'it says again what it should',
      async () => (await ours('/sa/web'))?.selectors.join() === selectors.join(),
    );
    const [entry] = listAt(await spire.command(['entry', 'show', '-entryID', id]), 'entries');
    expect(isObject(entry) && entry['admin'] === true).toBe(false);
  });

  test('nobody chooses who it is, unless the configuration lets it', async () => {
    await apply('thief', { 'svidecar.dev/spiffe-id': 'spiffe://example.org/ns/bank/sa/vault' });
    await until('it is told', async () => (await reasons('thief')).includes('RegistrationRefused'));
    expect((await entries()).some(({ spiffeId }) => spiffeId.endsWith('/vault'))).toBe(false);
    await configure('entries: {graceSeconds: 1, allowSpiffeIdAnnotation: true, hint: svidecar}');
    await until('it is let', async () =>
      (await entries()).some(({ spiffeId }) => spiffeId.endsWith('/vault')),
    );
    await until(
      'hints are changed in place',
      async () => (await ours('/sa/web'))?.hint === 'svidecar',
    );
    await configure();
    await until('it is taken back', async () =>
      (await entries()).every(({ spiffeId }) => !spiffeId.endsWith('/vault')),
    );
    await remove('thief');
  });

  test('a foreign trust domain comes in when SPIRE has its bundle, and goes with the annotation', async () => {
    await apply('partner', { 'spiffe.io/federatesWith': 'other.test' });
    await until('the entry', async () => (await ours('/sa/partner')) !== undefined);
    expect((await ours('/sa/partner'))?.federatesWith).toEqual([]);
    await until('it is told', async () => (await reasons('partner')).includes('FederationAwaited'));
    const bundle = (await spire.showBundle()).trim();
    await spire.setBundle('other.test', bundle);
    await until('it federates', async () => {
      const { federatesWith = [] } = (await ours('/sa/partner')) ?? {};
      return federatesWith.join().includes('other.test');
    });
    const path = '/apis/apps/v1/namespaces/shop/deployments/partner';
    const annotations = { 'spiffe.io/federatesWith': null };
    await api.request('PATCH', path, { spec: { template: { metadata: { annotations } } } });
    await until(
      'it does no more',
      async () => (await ours('/sa/partner'))?.federatesWith.length === 0,
    );
    await remove('partner');
    await until('it is gone', async () => (await ours('/sa/partner')) === undefined);
  });

  test('a SPIRE server that is away, or cannot write, loses nothing and holds up no admission', async () => {
    const before = await count();
    await spire.kill();
    const began = performance.now();
    await apply('late');
    await remove('web');
    expect(performance.now() - began).toBeLessThan(1_000 * slowness);
    await until('it is told', async () => (await reasons('late')).includes('RegistrationAwaited'));
    await until('it is counted', async () => (await (await leads()).metric(awaited)) === 1);
    // By now a list of SPIRE's entries was due, and failed.
    await wait(1_500);
    await apply('too-late');
    await until('it is told', async () =>
      (await reasons('too-late')).includes('RegistrationAwaited'),
    );
    await until('both are counted', async () => (await (await leads()).metric(awaited)) === 2);
    await remove('too-late');
    for (const replica of replicas.all) expect(await replica.readyz()).toBe('ready\n');
    await spire.startAgain();
    await until('what was missed is made', async () => (await ours('/sa/late')) !== undefined);
    await until('what has gone goes', async () => (await ours('/sa/web')) === undefined);
    expect(await count()).toBe(before);
    // Whoever holds the database's write lock has every write of the server fail.
    const { DatabaseSync } = await import('node:sqlite');
    const database = new DatabaseSync(spire.database);
    database.exec('BEGIN IMMEDIATE');
    await apply('later');
    await wait(2_000);
    expect(await ours('/sa/later')).toBeUndefined();
    database.exec('ROLLBACK');
    database.close();
    await until('it is made', async () => (await ours('/sa/later')) !== undefined);
    await remove('later');
    await until('it goes', async () => (await ours('/sa/later')) === undefined);
    expect(await count()).toBe(before);
  });

  test('when the leader is killed, the other replica goes on with what is there', async () => {
    const before = await entries();
    const killed = await leads();
    await spire.kill();
    await replicas.lose(killed);
    await apply('heir');
    const heir = await leads();
    await until('it is told that nothing is known', async () =>
      (await events('heir')).some((event) => textAt(event, 'note').includes('is not known')),
    );
    expect(await heir.metric(awaited)).toBeUndefined();
    await spire.startAgain();
    await until('the entry', async () => (await ours('/sa/heir')) !== undefined);
    await remove('heir');
    await until('it goes', async () => (await ours('/sa/heir')) === undefined);
    expect(await entries()).toEqual(before);
  });

  test('a namespace that loses its label makes no new entries, and keeps those of what runs; one that goes takes its own', async () => {
    await api.createNamespace('brief', { 'svidecar.dev/injection': 'enabled' });
    await apply('stay', {}, 'brief');
    await until('the entry', async () => (await ours('/sa/stay')) !== undefined);
    const metadata = { labels: { 'svidecar.dev/injection': null } };
    await api.request('PATCH', '/api/v1/namespaces/brief', { metadata });
    await wait(500);
    await apply('new', {}, 'brief');
    await wait(3_000);
    expect(await ours('/sa/stay')).toBeDefined();
    expect(await ours('/sa/new')).toBeUndefined();
    await api.request('DELETE', '/api/v1/namespaces/brief');
    await until('its entries go', async () => (await ours('/sa/stay')) === undefined);
  });

  test('beside spire-controller-manager nothing of either is lost, if that one has a prefix', async () => {
    await apply('beside');
    await until('the entry', async () => (await ours('/sa/beside')) !== undefined);
    await installSpireCrds(api);
    const stationary = {
      apiVersion: 'spire.spiffe.io/v1alpha1',
      kind: 'ClusterStaticEntry',
      metadata: { name: 'static' },
      spec: {
        spiffeID: 'spiffe://example.org/static',
        parentID: parentId,
        selectors: ['k8s:ns:x'],
      },
    };
    await api.kubectl(['apply', '-f', '-'], { input: JSON.stringify(stationary) });
    const before = await entries();
    const polite = await startSpireControllerManager({ api, spire });
    const theirs = async (): Promise<readonly Seen[]> =>
      (await entries()).filter(({ spiffeId }) => spiffeId.endsWith('/static'));
    await until('its own entry', async () => (await theirs()).length === 1);
    // It looks at all entries every second, and so do we.
    await wait(3_500);
    expect((await entries()).filter(({ id }) => !id.startsWith('scm.'))).toEqual(before);
    expect(await theirs()).toHaveLength(1);
    await polite.stop();
    const rude = await startSpireControllerManager({ api, spire }, '');
    await until('it deletes what is not its own', async () =>
      (await entries()).every(({ spiffeId }) => !spiffeId.endsWith('/by-hand')),
    );
    await rude.stop();
    await until('ours are made again', async () => (await ours('/sa/beside')) !== undefined);
    await spire.createEntry({
      parentId,
      spiffeId: 'spiffe://example.org/by-hand',
      selectors: ['k8s:ns:other'],
    });
  });

  test('one command takes out all that svidecar has made, and nothing else', async () => {
    const others = (await entries()).filter(({ id }) => !id.startsWith('svidecar.'));
    expect(others.length).toBeGreaterThan(0);
    await apply('last');
    await until('the entry', async () => (await ours('/sa/last')) !== undefined);
    const command = ['cleanup', '--config', configFile, '--kubeconfig', api.kubeconfig];
    const early = await runSvidecar([...command, '--yes']);
    expect(early.code).toBe(2);
    expect(early.err).toContain('registration: none');
    expect(await count()).toBeGreaterThan(0);
    await writeFile(configFile, `spire: {server: 'unix://${spire.socketPath}'}\n`);
    await until('nobody leads', async () => (await leader()) === undefined);
    const listed = await runSvidecar(command);
    expect(listed.out.trim().split('\n')).toHaveLength(await count());
    const cleaned = await runSvidecar([...command, '--yes']);
    expect(cleaned).toMatchObject({ code: 0, err: '' });
    await wait(2_000);
    expect(await entries()).toEqual(others);
  });
});
