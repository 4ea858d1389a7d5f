/** Two installations on one API server, as real processes: who is asked, who is the default, and what is left when one goes. */
import { readFile } from 'node:fs/promises';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { isObject, listAt, objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { driftOfDefault } from '../../webhook/checks/default-hooks.ts';
import { statusOf } from '../../webhook/injection/status.ts';
import { runSvidecar } from '../fakes/fake-terminal.ts';
import { Admissions } from './harness/admissions.ts';
import { startApiServer, type ApiServer } from './harness/api-server.ts';
import { createAuthority } from './harness/authority.ts';
import { describeWithComponents } from './harness/components.ts';
import { hooksAreFollowed, hooksPath } from './harness/hooks-followed.ts';
import { waitUntil } from './harness/processes.ts';
import { accountOf, installReplicas, type Replica, type Replicas } from './harness/replicas.ts';
import {
  calledHooks,
  deployment,
  injectedFromFiles,
  injector,
  pod,
  shop,
  specOf,
  statusTextOf,
} from './harness/revised-shop.ts';

const programs = ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kubectl'];
/** A leaf of an hour: certificates are no matter here. */
const lives = { leafS: 3_600, authorityS: 36_000, settleS: 1 };
const leaseTimes = { durationMs: 3_000, renewDeadlineMs: 2_000, retryMs: 500 };
const certificate = { settings: { kind: 'self_signed' as const, lives }, leaseTimes };
/** Milliseconds that a start may take on a machine with other work. */
const startMs = 90_000;
/** Milliseconds in which a controller that would write does. */
const quietMs = 1_500;
const label = 'svidecar.dev/revision';

describeWithComponents(programs, 'two revisions', () => {
  let api: ApiServer;
  let unnamed: Replicas;
  let canary: Replicas;
  let first: Replica;
  let second: Replica;
  let admissions: Admissions;
  const flow = new AbortController();
  let flowing: Promise<void> = Promise.resolve();

  beforeAll(async () => {
    api = await startApiServer();
    unnamed = await installReplicas(api, certificate);
    canary = await installReplicas(api, certificate, { revision: 'canary', namespace: 'platform' });
    [first, second] = await Promise.all([unnamed.start('old-1'), canary.start('canary-1')]);
    await unnamed.takesReviews(first, startMs);
    await canary.takesReviews(second, startMs);
    for (const [name, revision] of [['plain'], ['trial', 'canary'], ['lost', 'nobody']]) {
      const named = revision === undefined ? {} : { [label]: revision };
      await api.createNamespace(name ?? '', { 'svidecar.dev/injection': 'enabled', ...named });
      await api.request('POST', `/api/v1/namespaces/${name ?? ''}/configmaps`, shop.source);
    }
    admissions = new Admissions(api, 'plain', shop.pod);
    flowing = admit();
  });
  afterAll(async () => {
    flow.abort();
    await flowing;
    await Promise.all([unnamed.stop(), canary.stop()]);
    await api.stop();
  });

  async function admit(): Promise<void> {
    while (!flow.signal.aborted) await admissions.run(10, 20);
  }

  async function send(
    path: string,
    object: JsonObject,
  ): Promise<{ status: number; body: JsonObject }> {
    const { status, body } = await api.request('POST', path, object);
    return { status, body: isObject(body) ? body : {} };
  }

  function sendPod(namespace: string, name: string, names?: string): ReturnType<typeof send> {
    const object = pod(names);
    const metadata = { ...objectAt(object, 'metadata'), name };
    return send(`/api/v1/namespaces/${namespace}/pods?dryRun=All`, { ...object, metadata });
  }

  function deployments(namespace: string, query = ''): string {
    return `/apis/apps/v1/namespaces/${namespace}/deployments${query}`;
  }

  async function live(namespace: string): Promise<JsonObject> {
    const { body } = await api.request('GET', `${deployments(namespace)}/web`);
    return isObject(body) ? body : {};
  }

  /** By name, which revision svidecar's ConfigMaps of a namespace are labelled with. */
  async function kept(namespace: string): Promise<Readonly<Record<string, string>>> {
    const { body } = await api.request('GET', `/api/v1/namespaces/${namespace}/configmaps`);
    const ours = listAt(isObject(body) ? body : {}, 'items')
      .filter(isObject)
      .map((each) => objectAt(each, 'metadata'))
      .filter((each) => objectAt(each, 'labels')['app.kubernetes.io/managed-by'] === 'svidecar');
    return Object.fromEntries(
      ours.map((each) => [
        stringAt(each, 'name') ?? '',
        stringAt(objectAt(each, 'labels'), label) ?? 'unnamed',
      ]),
    );
  }

  /** That what the Deployment's status names is there, and whose it is. */
  async function keptBy(namespace: string, revision: string): Promise<void> {
    await waitUntil(`what web in ${namespace} needs is there, of ${revision}`, async () => {
      const status = statusOf(objectAt(objectAt(await live(namespace), 'spec'), 'template'));
      const there = await kept(namespace);
      const names = [status?.helper?.configMap, status?.envoy?.derived];
      return names.every((name) => name !== undefined && there[name] === revision);
    });
  }

  async function called(name: string): Promise<readonly string[]> {
    return calledHooks(await readFile(api.auditLog, 'utf8'), name);
  }

  function svidecar(...words: readonly string[]): ReturnType<typeof runSvidecar> {
    return runSvidecar([...words, '--kubeconfig', api.kubeconfig]);
  }

  /** The installation without a name, as docs/revisions.md says it. */
  async function svidecarIsDeleted(): Promise<void> {
    const page = await readFile('docs/revisions.md', 'utf8');
    const commands = [...page.matchAll(/^\$ kubectl delete (.*) \\\n +(.*)$/gm)];
    expect(commands).toHaveLength(2);
    for (const [, flags = '', kinds = ''] of commands) {
      const words = `${flags.replaceAll("'", '')} ${kinds} --wait=false`.split(' ');
      const { code, stderr } = await api.kubectl(['delete', ...words]);
      expect(code, stderr).toBe(0);
    }
  }

  function expectNoneFailed(): void {
    expect(admissions.outcomes).toMatchObject({ uninjected: [], refused: [] });
  }

  const choices = [
    { namespace: 'plain', names: undefined, by: 'unnamed', hook: 'svidecar-KIND KIND' },
    {
      namespace: 'plain',
      names: 'canary',
      by: 'canary',
      hook: 'svidecar-KIND-canary labelled-KIND',
    },
    { namespace: 'trial', names: undefined, by: 'canary', hook: 'svidecar-KIND-canary KIND' },
    {
      namespace: 'trial',
      names: 'canary',
      by: 'canary',
      hook: 'svidecar-KIND-canary labelled-KIND',
    },
    {
      namespace: 'lost',
      names: 'canary',
      by: 'canary',
      hook: 'svidecar-KIND-canary labelled-KIND',
    },
  ] as const;

  test.each(choices)(
    'in $namespace, a template that names $names is for $by alone',
    async (choice) => {
      const { namespace, names, by, hook } = choice;
      const name = `in-${namespace}-${names ?? 'none'}`;
      const workload = await send(
        deployments(namespace, '?dryRun=All'),
        deployment(`${name}-workload`, names),
      );
      const single = await sendPod(namespace, `${name}-pod`, names);
      expect([workload.status, injector(workload.body)]).toEqual([201, by]);
      expect([single.status, injector(single.body)]).toEqual([201, by]);
      await waitUntil('the audit log has it', async () => (await called(`${name}-pod`)).length > 0);
      expect(await called(`${name}-pod`)).toEqual([
        `${hook.replaceAll('KIND', 'pods')}.svidecar.dev`,
      ]);
      expect(await called(`${name}-workload`)).toEqual([
        `${hook.replaceAll('KIND', 'workloads')}.svidecar.dev`,
      ]);
    },
  );

  test.each(choices)(
    'in $namespace, a template that names $names is injected from files as by the webhook',
    async ({ namespace, names }) => {
      const object = deployment('from-files', names);
      const { body } = await send(deployments(namespace, '?dryRun=All'), object);
      const labels = { [label]: namespace === 'trial' ? 'canary' : 'nobody' };
      const metadata = { name: namespace, ...(namespace === 'plain' ? {} : { labels }) };
      const items = [{ apiVersion: 'v1', kind: 'Namespace', metadata }, shop.source, object];
      const injected = await injectedFromFiles(items, ['-n', namespace]);
      const [own] = injected.filter((each) => each['kind'] === 'Deployment');
      const stored = await send(deployments(namespace, '?dryRun=All'), own ?? {});
      expect(specOf(own)).not.toEqual(specOf(object));
      expect(specOf(stored.body)).toEqual(specOf(body));
      expect(statusTextOf(own)).toBe(statusTextOf(body));
    },
  );

  test('where nobody is chosen, a pod is refused, and the words name the revision', async () => {
    for (const [namespace, names] of [
      ['lost'],
      ['plain', 'nobody'],
      ['trial', 'default'],
      ['plain', ''],
    ]) {
      const { status, body } = await sendPod(namespace ?? '', 'for-nobody', names);
      expect(status, JSON.stringify(body)).toBe(403);
      const words = names === '' ? 'is empty and so names nobody' : `revision ${names ?? 'nobody'}`;
      expect(body['message']).toContain(words);
    }
  });

  test('the checks name who is for nobody, and find nothing else wrong with two installations', async () => {
    const { out } = await svidecar('check', '-o', 'json');
    const report: unknown = JSON.parse(out);
    const faults = listAt(isObject(report) ? report : {}, 'checks')
      .filter(isObject)
      .filter((each) => /^(revision|webhook_c|guard|annotation)/.test(stringAt(each, 'id') ?? ''))
      .flatMap((each) => listAt(each, 'findings').filter(isObject));
    expect(faults.map((each) => [objectAt(each, 'where')['name'], each['key']])).toEqual([
      ['lost', label],
    ]);
  });

  test('each keeps the ConfigMaps of what it injected, under names of its own', async () => {
    for (const namespace of ['plain', 'trial'])
      expect((await send(deployments(namespace), deployment('web'))).status).toBe(201);
    await keptBy('plain', 'unnamed');
    await keptBy('trial', 'canary');
    const one = Object.keys(await kept('plain'));
    const other = Object.keys(await kept('trial'));
    expect(one.filter((name) => other.includes(name))).toEqual([]);
  });

  test('from files they have the same names, labels and contents', async () => {
    for (const [namespace, revision] of [['plain'], ['trial', 'canary']]) {
      const flags = revision === undefined ? [] : ['--revision', revision];
      const items = [shop.source, deployment('web')];
      const [, ...made] = (
        await injectedFromFiles(items, ['-n', namespace ?? '', ...flags])
      ).filter((each) => each['kind'] === 'ConfigMap');
      expect(made).toHaveLength(2);
      for (const each of made) {
        const name = stringAt(objectAt(each, 'metadata'), 'name') ?? '';
        const path = `/api/v1/namespaces/${namespace ?? ''}/configmaps/${name}`;
        const { body } = await api.request('GET', path);
        const there = isObject(body) ? body : {};
        expect(there['data']).toEqual(each['data']);
        const labels = objectAt(objectAt(there, 'metadata'), 'labels');
        expect(labels).toEqual(objectAt(each, 'metadata')['labels']);
      }
    }
  });

  test('the default moves, and back, while pods come and go', async () => {
    const plan = await svidecar('revision', 'default', 'canary');
    expect(plan.code).toBe(1);
    expect(plan.out).toContain('name: svidecar-default');
    for (const [words, by] of [
      [['canary'], 'canary'],
      [[], 'unnamed'],
      [['canary'], 'canary'],
    ] as const) {
      const moved = await svidecar('revision', 'default', ...words, '--yes');
      expect(moved.code, moved.err).toBe(0);
      const { injected } = admissions.outcomes;
      await waitUntil('pods come meanwhile', () =>
        Promise.resolve(admissions.outcomes.injected > injected + 30),
      );
      await hooksAreFollowed(api);
      const { status, body } = await send(deployments('plain', '?dryRun=All'), deployment(`moved`));
      expect([status, injector(body)]).toEqual([201, by]);
    }
    expect((await svidecar('revision', 'list')).out).toMatch(/^canary +default/m);
    expectNoneFailed();
  });

  test('a default that is no copy any more is told of, and the same command mends it', async () => {
    const path = `${hooksPath}/svidecar-pods-canary`;
    const drift = async (): Promise<readonly string[]> => {
      const { body } = await api.request('GET', hooksPath);
      const objects = listAt(isObject(body) ? body : {}, 'items').filter(isObject);
      return driftOfDefault(objects.map((object) => ({ object }))).map(({ message }) => message);
    };
    expect(await drift()).toEqual([]);
    const { body } = await api.request('GET', path);
    const hooks = listAt(isObject(body) ? body : {}, 'webhooks').filter(isObject);
    const webhooks = hooks.map((hook) => ({ ...hook, timeoutSeconds: 7 }));
    expect((await api.request('PATCH', path, { webhooks })).status).toBe(200);
    expect(await drift()).toEqual([
      expect.stringContaining('hook pods.svidecar.dev differs in timeoutSeconds'),
      expect.stringContaining('hook pod-updates.svidecar.dev differs in timeoutSeconds'),
    ]);
    const renewed = await svidecar('revision', 'default', 'canary', '--yes');
    expect(renewed.code, renewed.err).toBe(0);
    expect(await drift()).toEqual([]);
  });

  test('what has to be rolled out for it is listed', async () => {
    const { out } = await svidecar('restart', '--stale');
    expect(out).toContain(
      'Deployment plain/web  stale: was injected by the installation without a name, and is for revision canary now',
    );
    expect(out).not.toContain('trial/web');
  });

  test('a workload is taken over at its next roll-out, and not before', async () => {
    const before = await kept('plain');
    const path = `${deployments('plain')}/web`;
    await api.request('PATCH', path, { metadata: { annotations: { 'example.org/mark': 'a' } } });
    expect(injector(await live('plain'))).toBe('unnamed');
    const annotations = { 'kubectl.kubernetes.io/restartedAt': '2026-11-30T11:00:00Z' };
    await api.request('PATCH', path, { spec: { template: { metadata: { annotations } } } });
    expect(injector(await live('plain'))).toBe('canary');
    await keptBy('plain', 'canary');
    // Pods of before may still run by these.
    expect(await kept('plain')).toMatchObject(before);
  });

  test('the old one goes with its manifests, and takes nothing of the new one along', async () => {
    const before = { plain: await kept('plain'), trial: await kept('trial') };
    await svidecarIsDeleted();
    await first.stop();
    await wait(quietMs);
    expect({ plain: await kept('plain'), trial: await kept('trial') }).toEqual(before);
    for (const namespace of ['plain', 'trial']) {
      const { status, body } = await send(
        deployments(namespace, '?dryRun=All'),
        deployment('after'),
      );
      expect([status, injector(body)]).toEqual([201, 'canary']);
    }
    expectNoneFailed();
    expect(admissions.outcomes.injected).toBeGreaterThan(100);
  });

  test('the authority in the hooks of the default is kept by the revision that it names', async () => {
    const bundles = async (name: string): Promise<readonly unknown[]> => {
      const { body } = await api.request('GET', `${hooksPath}/${name}`);
      const hooks = listAt(isObject(body) ? body : {}, 'webhooks').filter(isObject);
      return hooks.map((hook) => objectAt(hook, 'clientConfig')['caBundle']);
    };
    const [own] = await bundles('svidecar-pods-canary');
    const stranger = Buffer.from((await createAuthority('stranger')).caPem).toString('base64');
    const change = [{ op: 'replace', path: '/webhooks/0/clientConfig/caBundle', value: stranger }];
    const patch = [
      'patch',
      'mutatingwebhookconfiguration',
      'svidecar-default',
      '--type=json',
      '-p',
    ];
    const { code, stderr } = await api.kubectl([...patch, JSON.stringify(change)]);
    expect(code, stderr).toBe(0);
    await waitUntil('it trusts the revision again', async () => {
      const all = await bundles('svidecar-default');
      const texts = all.map((each) => Buffer.from(String(each), 'base64').toString());
      return texts.every((text) => text.includes(Buffer.from(String(own), 'base64').toString()));
    });
  });

  test('one in another namespace is held to its own writes as well', async () => {
    const account = await accountOf(api, 'platform', 'svidecar-canary');
    const create = ['create', 'configmap', 'any', '-n', 'trial', '--kubeconfig', account];
    const { code, stderr } = await api.kubectl(create);
    expect(code).toBe(1);
    expect(stderr).toContain("ValidatingAdmissionPolicy 'svidecar-own-writes-canary'");
  });

  test('no ConfigMap was written by both', async () => {
    const writers = new Map<string, Set<string>>();
    for (const line of (await readFile(api.auditLog, 'utf8')).trimEnd().split('\n')) {
      const [, user] =
        /"username":"system:serviceaccount:(?:svidecar|platform):(svidecar[a-z-]*)"/.exec(line) ??
        [];
      const [, name] =
        /"resource":"configmaps",("namespace":"[a-z]+","name":"[^"]+")/.exec(line) ?? [];
      if (
        user === undefined ||
        name === undefined ||
        !/"verb":"(?:create|patch|update|delete)"/.test(line)
      )
        continue;
      writers.set(name, (writers.get(name) ?? new Set()).add(user));
    }
    expect(writers.size).toBeGreaterThan(4);
    expect([...writers].filter(([, users]) => users.size > 1)).toEqual([]);
  });
});
