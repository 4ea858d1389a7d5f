/** The kustomize manifests on a real API server: accepted, and their conditions let through only what asked for us. */
import { createServer, type Server } from 'node:https';
import { json } from 'node:stream/consumers';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isObject, listAt, objectAt, stringAt } from '#kernel/json.ts';
import type { JsonObject } from '#kernel/json.ts';
import { startApiServer, type ApiServer } from '../harness/api-server.ts';
import { createAuthority } from '../harness/authority.ts';
import { describeWithComponents } from '../harness/components.ts';
import type { CommandResult } from '../harness/processes.ts';

const programs = ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kubectl'];
const install = ['apply', '-k', 'manifests/kustomize/base'];
const asksForIt = { 'inject.svidecar.dev/templates': 'jwt-inject' };

/** Answers every review "allowed" and remembers what came. */
class RecordingHook {
  /** `KIND namespace/name OPERATION` */
  readonly seen: string[] = [];
  readonly #server: Server;
  constructor(certificate: { certificatePem: string; keyPem: string }) {
    const { certificatePem: cert, keyPem: key } = certificate;
    this.#server = createServer({ cert, key }, (request, reply) => {
      void json(request).then((review) => {
        const asked = objectAt(isObject(review) ? review : {}, 'request');
        const kind = stringAt(objectAt(asked, 'kind'), 'kind') ?? '';
        const name = stringAt(asked, 'name') ?? '';
        this.seen.push(
          `${kind} ${asked['namespace'] as string}/${name} ${asked['operation'] as string}`,
        );
        const response = { uid: asked['uid'], allowed: true };
        reply.setHeader('content-type', 'application/json');
        reply.end(
          JSON.stringify({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', response }),
        );
      });
    });
  }
  async listen(): Promise<number> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new TypeError('expected a port');
    return address.port;
  }
  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}

type Annotations = Readonly<Record<string, string>>;

const podSpec = { containers: [{ name: 'app', image: 'app:1' }], restartPolicy: 'Always' };
const jobPodSpec = { ...podSpec, restartPolicy: 'Never' };

function workload(kind: string, name: string, annotations: Annotations | undefined): JsonObject {
  const labels = { app: name };
  const metadata = annotations === undefined ? { labels } : { labels, annotations };
  const selector = { matchLabels: labels };
  const template = { metadata, spec: podSpec };
  const jobTemplate = { spec: { template: { metadata, spec: jobPodSpec } } };
  const specs: Record<string, JsonObject> = {
    Deployment: { replicas: 0, selector, template },
    StatefulSet: { replicas: 0, selector, template, serviceName: 'x' },
    DaemonSet: { selector, template },
    ReplicaSet: { replicas: 0, selector, template },
    Job: { suspend: true, template: jobTemplate.spec.template },
    CronJob: { suspend: true, schedule: '0 0 * * *', jobTemplate },
  };
  const apiVersion = kind === 'Job' || kind === 'CronJob' ? 'batch/v1' : 'apps/v1';
  return { apiVersion, kind, metadata: { name }, spec: specs[kind] };
}

const workloadKinds = ['Deployment', 'StatefulSet', 'DaemonSet', 'ReplicaSet', 'Job', 'CronJob'];

function pod(name: string, metadata: JsonObject): JsonObject {
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name, ...metadata }, spec: podSpec };
}

describeWithComponents(programs, 'the kustomize manifests', () => {
  let api: ApiServer;
  let hook: RecordingHook;
  let first: CommandResult;
  let again: CommandResult;

  beforeAll(async () => {
    api = await startApiServer();
    const authority = await createAuthority('hook');
    hook = new RecordingHook(await authority.issue({ commonName: 'hook', hosts: ['127.0.0.1'] }));
    const url = `https://127.0.0.1:${await hook.listen()}/mutate`;
    first = await api.kubectl([...install, '--validate=strict']);
    again = await api.kubectl([...install, '--validate=strict', '--dry-run=server']);
    for (const name of ['svidecar-workloads', 'svidecar-pods']) {
      const clientConfig = {
        service: null,
        url,
        caBundle: Buffer.from(authority.caPem).toString('base64'),
      };
      await patchHook(name, clientConfig);
    }
    // The hook of this test injects nothing; the guard only keeps a record of it.
    await api.createNamespace('on', {
      'svidecar.dev/injection': 'enabled',
      'svidecar.dev/guard': 'audit',
    });
    await api.createNamespace('pods-only', {
      'svidecar.dev/injection': 'pod',
      'svidecar.dev/guard': 'audit',
    });
    await api.createNamespace('off');
    await api.request('PATCH', '/api/v1/namespaces/kube-system', {
      metadata: { labels: { 'svidecar.dev/injection': 'enabled' } },
    });
    await api.request('PATCH', '/api/v1/namespaces/svidecar', {
      metadata: { labels: { 'svidecar.dev/injection': 'enabled' } },
    });
    await untilHooksWork();
  });
  afterAll(async () => {
    hook.close();
    await api.stop();
  });

  async function patchHook(name: string, clientConfig: JsonObject): Promise<void> {
    const path = `/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/${name}`;
    const { body } = await api.request('GET', path);
    const webhooks = listAt(isObject(body) ? body : {}, 'webhooks')
      .filter(isObject)
      .map((each) => ({ ...each, clientConfig }));
    const { status } = await api.request('PATCH', path, { webhooks });
    expect(status).toBe(200);
  }

  /** The API server takes a moment to notice new hooks. */
  async function untilHooksWork(): Promise<void> {
    for (let i = 0; i < 100; i += 1) {
      await apply('on', [
        pod(`probe-${i}`, { annotations: asksForIt }),
        workload('Deployment', `probe-${i}`, asksForIt),
      ]);
      if (hook.seen.length >= 2) break;
      await wait(100);
    }
    expect(hook.seen.length).toBeGreaterThanOrEqual(2);
  }

  async function apply(
    namespace: string,
    objects: readonly JsonObject[],
    ...flags: string[]
  ): Promise<void> {
    const input = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects });
    const { code, stderr } = await api.kubectl(
      ['apply', `--namespace=${namespace}`, ...flags, '-f', '-'],
      { input },
    );
    expect(code, stderr).toBe(0);
  }

  /** What the hook saw of objects of this name, and not of what controllers made from them. */
  function seenOf(name: string): readonly string[] {
    return hook.seen.filter((line) => line.includes(`/${name} `)).sort();
  }

  test('are valid to the last field, for the server too, and applying them again changes nothing', () => {
    expect(first).toMatchObject({ code: 0, stderr: '' });
    expect(again).toMatchObject({ code: 0, stderr: '' });
    const lines = again.stdout.trim().split('\n');
    expect(lines.length).toBeGreaterThan(8);
    for (const line of lines) expect(line).toMatch(/ unchanged \(server dry run\)$/);
  });

  test('the pods of the webhook itself are admitted under Pod Security restricted', async () => {
    const { code, stdout, stderr } = await api.kubectl([
      'get',
      'deployment',
      'svidecar',
      '--namespace=svidecar',
      '--output=json',
    ]);
    expect(code, stderr).toBe(0);
    const deployment: unknown = JSON.parse(stdout);
    const spec = objectAt(isObject(deployment) ? deployment : {}, 'spec');
    const template = objectAt(spec, 'template');
    const own = {
      ...template,
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { ...objectAt(template, 'metadata'), name: 'own' },
    };
    await apply('svidecar', [own], '--dry-run=server');
  });

  test('workloads of every kind that ask for injection reach the hook, at creation and at changes', async () => {
    const objects = workloadKinds.map((kind) => workload(kind, 'asks', asksForIt));
    await apply('on', objects);
    expect(seenOf('asks')).toEqual(workloadKinds.map((kind) => `${kind} on/asks CREATE`).sort());
    hook.seen.length = 0;
    await api.kubectl([
      'annotate',
      '--namespace=on',
      'deployments,cronjobs',
      'asks',
      'example.org/a=b',
    ]);
    expect(seenOf('asks')).toEqual(['CronJob on/asks UPDATE', 'Deployment on/asks UPDATE']);
  });

  describe('what carries nothing of ours never reaches the hook', () => {
    test.each([
      ['without annotations', undefined],
      [
        'with annotations of others',
        { 'prometheus.io/scrape': 'true', 'sidecar.istio.io/inject': 'true' },
      ],
      ['with empty annotations', {}],
    ])('workloads of every kind, and a pod, %s', async (_name, annotations) => {
      hook.seen.length = 0;
      const plain = workloadKinds.map((kind) => workload(kind, 'plain', annotations));
      await apply('on', [...plain, pod('plain', annotations === undefined ? {} : { annotations })]);
      expect(seenOf('plain')).toEqual([]);
      const kinds = [...workloadKinds, 'pod'].join(',');
      await api.kubectl([
        'delete',
        '--namespace=on',
        kinds,
        'plain',
        '--wait=true',
        '--grace-period=0',
        '--force',
      ]);
    });
  });

  test('an annotation put on the object instead of the template reaches the hook, which can then say so', async () => {
    const misplaced = {
      ...workload('Deployment', 'misplaced', undefined),
      metadata: { name: 'misplaced', annotations: asksForIt },
    };
    await apply('on', [misplaced]);
    expect(seenOf('misplaced')).toEqual(['Deployment on/misplaced CREATE']);
  });

  test('an update that removes the asking annotation still reaches the hook, by the status left behind', async () => {
    await apply('on', [
      workload('Deployment', 'leaves', { ...asksForIt, 'svidecar.dev/status': '{}' }),
    ]);
    hook.seen.length = 0;
    await apply('on', [workload('Deployment', 'leaves', { 'svidecar.dev/status': '{}' })]);
    expect(seenOf('leaves')).toEqual(['Deployment on/leaves UPDATE']);
  });

  test('pods reach the hook in both kinds of labelled namespaces, workloads only where it is "enabled"', async () => {
    await apply('pods-only', [
      pod('both', { annotations: asksForIt }),
      workload('Deployment', 'both', asksForIt),
    ]);
    await apply('on', [pod('both', { annotations: { 'svidecar.dev/inject': 'false' } })]);
    expect(seenOf('both')).toEqual(['Pod on/both CREATE', 'Pod pods-only/both CREATE']);
  });

  test('nothing from namespaces without the label, from kube-system and from our own ever does', async () => {
    for (const namespace of ['off', 'kube-system']) {
      await apply(namespace, [
        pod('never', { annotations: asksForIt }),
        workload('Deployment', 'never', asksForIt),
      ]);
    }
    await apply('svidecar', [workload('Deployment', 'never', asksForIt)]);
    expect(seenOf('never')).toEqual([]);
  });

  test('updates of pods, subresources, mirror pods and objects on their way out do not either', async () => {
    await apply('on', [pod('quiet', { annotations: asksForIt, finalizers: ['example.org/hold'] })]);
    await apply('on', [workload('Deployment', 'quiet', asksForIt)]);
    hook.seen.length = 0;
    await api.kubectl(['annotate', '--namespace=on', 'pod', 'quiet', 'a=b']);
    await api.kubectl(['scale', '--namespace=on', 'deployment', 'quiet', '--replicas=0']);
    await api.request('PATCH', '/apis/apps/v1/namespaces/on/deployments/quiet', {
      metadata: { finalizers: ['example.org/hold'] },
    });
    hook.seen.length = 0;
    await api.request('DELETE', '/apis/apps/v1/namespaces/on/deployments/quiet');
    await api.request('PATCH', '/apis/apps/v1/namespaces/on/deployments/quiet', {
      metadata: { finalizers: null },
    });
    await api.request('PATCH', '/api/v1/namespaces/on/pods/quiet', {
      metadata: { finalizers: null },
    });
    expect(seenOf('quiet')).toEqual([]);
  });
});
