/** Pods with Istio's proxy in each of its forms, sent to an API server with a real istiod and our webhook. */
import { readFile } from 'node:fs/promises';
import { isObject, listAt, objectAt, stringAt, type Json, type JsonObject } from '#kernel/json.ts';
import { statusOf, strip } from '../../webhook/injection/status.ts';
import type { ApiServer } from './harness/api-server.ts';
import { istioFile } from './harness/istiod.ts';
import { waitUntil } from './harness/processes.ts';
import { apply } from './harness/webhook.ts';

/** As Istio's documentation has it. @see https://istio.io/latest/docs/ops/integrations/spire/ */
export const documentedTemplate = `spec:
  containers:
  - name: istio-proxy
    volumeMounts:
    - name: workload-socket
      mountPath: /run/secrets/workload-spiffe-uds
      readOnly: true
  volumes:
  - name: workload-socket
    csi:
      driver: csi.spiffe.io
      readOnly: true
`;

/** Istio's template for gateways with the volume as it was before 1.27. */
export async function oldGatewayTemplate(): Promise<string> {
  const chart = 'manifests/charts/istio-control/istio-discovery/files';
  const text = await readFile(istioFile(chart, 'gateway-injection-template.yaml'), 'utf8');
  const old = text.replace(
    '- emptyDir:\n    name: workload-socket',
    '- emptyDir: {}\n    name: workload-socket',
  );
  if (old === text) throw new Error('the gateway template has no workload-socket as it was known');
  return old;
}

export interface PodTemplate {
  readonly metadata: { readonly labels?: JsonObject; readonly annotations?: JsonObject };
  readonly spec: JsonObject;
}

/** No token of the pod's own: its volume has a name of chance. */
const podSpec = { automountServiceAccountToken: false };
const appSpec = { ...podSpec, containers: [{ name: 'app', image: 'app:1' }] };
const istiosTemplates = 'inject.istio.io/templates';

export const proxyKinds = ['a native sidecar', 'a container', 'a gateway'] as const;
type ProxyKind = (typeof proxyKinds)[number];

/** @param isDocumented whether Istio's documented template is asked for as well */
export const proxies: Readonly<Record<ProxyKind, (isDocumented: boolean) => PodTemplate>> = {
  'a native sidecar': (isDocumented) => ({
    metadata: isDocumented ? { annotations: { [istiosTemplates]: 'sidecar,spire' } } : {},
    spec: appSpec,
  }),
  'a container': (isDocumented) => ({
    metadata: {
      annotations: {
        'sidecar.istio.io/nativeSidecar': 'false',
        ...(isDocumented ? { [istiosTemplates]: 'sidecar,spire' } : {}),
      },
    },
    spec: appSpec,
  }),
  'a gateway': (isDocumented) => ({
    metadata: {
      labels: { 'sidecar.istio.io/inject': 'true' },
      annotations: { [istiosTemplates]: isDocumented ? 'gateway,spire' : 'gateway' },
    },
    spec: { ...podSpec, containers: [{ name: 'istio-proxy', image: 'auto' }] },
  }),
};

export function askForSpire({ metadata, spec }: PodTemplate, more: JsonObject = {}): PodTemplate {
  const asks = { 'inject.svidecar.dev/templates': 'istio-spire', ...more };
  return { metadata: { ...metadata, annotations: { ...metadata.annotations, ...asks } }, spec };
}

/** Of a controller: Istio and we look at it, and nothing is stored that could be collected for want of it. */
export const fakeOwner = {
  apiVersion: 'apps/v1',
  kind: 'ReplicaSet',
  name: 'frontend',
  uid: '00000000-0000-4000-8000-000000000000',
  controller: true,
};

interface Answer {
  readonly status: number;
  readonly body: JsonObject;
}

/** What the API server would store, or why it would not. */
export async function createPod(
  api: ApiServer,
  space: string,
  { metadata, spec, owner }: PodTemplate & { readonly owner?: JsonObject },
): Promise<Answer> {
  const owners = owner === undefined ? {} : { ownerReferences: [owner] };
  return post(api, `/api/v1/namespaces/${space}/pods?dryRun=All`, {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'frontend', ...metadata, ...owners },
    spec,
  });
}

function deploymentOf({ metadata, spec }: PodTemplate): JsonObject {
  const labels = { ...metadata.labels, app: 'frontend' };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { generateName: 'frontend-' },
    spec: {
      selector: { matchLabels: labels },
      template: { metadata: { ...metadata, labels }, spec },
    },
  };
}

/** The pod template that a Deployment is stored with. */
export async function injectWorkload(
  api: ApiServer,
  space: string,
  template: PodTemplate,
): Promise<PodTemplate> {
  const path = `/apis/apps/v1/namespaces/${space}/deployments?dryRun=All`;
  const { status, body } = await post(api, path, deploymentOf(template));
  if (status !== 201) throw new Error(`the Deployment was refused: ${JSON.stringify(body)}`);
  const stored = objectAt(specOf(body), 'template');
  const { app: _, ...labels } = objectAt(objectAt(stored, 'metadata'), 'labels');
  const annotations = objectAt(objectAt(stored, 'metadata'), 'annotations');
  return { metadata: { labels, annotations }, spec: specOf(stored) };
}

/** The pods of a Deployment that is stored; its controllers make them. */
export async function podsOf(
  api: ApiServer,
  space: string,
  template: PodTemplate,
): Promise<readonly JsonObject[]> {
  const path = `/apis/apps/v1/namespaces/${space}/deployments`;
  const { body } = await post(api, path, deploymentOf(template));
  const name = stringAt(objectAt(body, 'metadata'), 'name') ?? '';
  let pods: readonly JsonObject[] = [];
  await waitUntil(`${name} has a pod`, async () => {
    const answer = await api.request('GET', `/api/v1/namespaces/${space}/pods`);
    pods = listAt(isObject(answer.body) ? answer.body : {}, 'items')
      .filter(isObject)
      .filter((pod) => stringAt(objectAt(pod, 'metadata'), 'name')?.startsWith(name) === true);
    return pods.length > 0;
  });
  return pods;
}

async function post(api: ApiServer, path: string, object: JsonObject): Promise<Answer> {
  const { status, body } = await api.request('POST', path, object);
  // Answers of the API server are JSON objects.
  return { status, body: isObject(body) ? body : {} };
}

export function specOf(object: JsonObject): JsonObject {
  return objectAt(object, 'spec');
}

export function socketVolume(pod: JsonObject): Json | undefined {
  return listAt(specOf(pod), 'volumes').find(
    (volume) => isObject(volume) && volume['name'] === 'workload-socket',
  );
}

/** Where Istio's proxy, or another container, mounts it. */
export function socketMounts(pod: JsonObject, of = 'istio-proxy'): readonly string[] {
  return ['containers', 'initContainers']
    .flatMap((list) => listAt(specOf(pod), list))
    .filter(isObject)
    .filter(({ name }) => name === of)
    .flatMap((container) => listAt(container, 'volumeMounts'))
    .filter((mount) => isObject(mount) && mount['name'] === 'workload-socket')
    .map((mount) => stringAt(isObject(mount) ? mount : {}, 'mountPath') ?? '');
}

/** A pod's spec but for the volume that is ours to change; Istio's volumes come in an order of chance. */
export function untouched(spec: JsonObject): JsonObject {
  const others = listAt(spec, 'volumes')
    .filter(isObject)
    .filter(({ name }) => name !== 'workload-socket')
    .toSorted(byName);
  return { ...spec, volumes: others };
}

function byName(one: JsonObject, other: JsonObject): number {
  return (stringAt(one, 'name') ?? '') < (stringAt(other, 'name') ?? '') ? -1 : 1;
}

/** The pod without what we did, and without the annotation that asked for it. */
export function withoutOurs(pod: JsonObject): JsonObject {
  const status = statusOf(pod);
  const bare = status === undefined ? pod : strip(pod, status.undo);
  const { labels, annotations } = objectAt(bare, 'metadata');
  const { 'inject.svidecar.dev/templates': _, ...theirs } = isObject(annotations)
    ? annotations
    : {};
  const volumes = listAt(specOf(bare), 'volumes').filter(isObject).toSorted(byName);
  return { labels: labels ?? {}, annotations: theirs, spec: { ...specOf(bare), volumes } };
}

/** What a second admission must not change. */
export function gistOf(pod: JsonObject): JsonObject {
  const { labels, annotations } = objectAt(pod, 'metadata');
  return { labels: labels ?? {}, annotations: annotations ?? {}, spec: specOf(pod) };
}

const hooks = '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations';

/**
 * In one namespace our hooks are called before Istio's: by name the API server calls `first-svidecar-…` before
 * `istio-…`, and that before `svidecar-…`. Returns when both orders are in force.
 */
export async function putFirst(
  api: ApiServer,
  labels: Readonly<Record<string, string>>,
  space: string,
): Promise<void> {
  const ours = await Promise.all(
    ['svidecar-workloads', 'svidecar-pods'].map(async (name) => {
      const { body } = await api.request('GET', `${hooks}/${name}`);
      return isObject(body) ? body : {};
    }),
  );
  await api.createNamespace(space, labels);
  const isInjected = async (): Promise<boolean> => {
    const { body } = await createPod(api, space, askForSpire(proxies['a native sidecar'](false)));
    return socketVolume(body) !== undefined;
  };
  await apply(
    api,
    ours.map((hook) => chosen(hook, 'NotIn')),
  );
  await waitUntil('our own hooks leave the namespace alone', async () => !(await isInjected()));
  await apply(
    api,
    ours.map((hook) => chosen(hook, 'In')),
  );
  await waitUntil('our hooks that come first see it', isInjected);
}

function chosen(hook: JsonObject, operator: 'In' | 'NotIn'): JsonObject {
  const name = stringAt(objectAt(hook, 'metadata'), 'name') ?? '';
  const order = { key: 'order', operator, values: ['ours-first'] };
  const webhooks = listAt(hook, 'webhooks')
    .filter(isObject)
    .map((webhook) => {
      const expressions = listAt(objectAt(webhook, 'namespaceSelector'), 'matchExpressions');
      return { ...webhook, namespaceSelector: { matchExpressions: [...expressions, order] } };
    });
  const metadata = { name: operator === 'In' ? `first-${name}` : name };
  return { apiVersion: hook['apiVersion'], kind: hook['kind'], metadata, webhooks };
}

/** In which orders hooks were called, by the audit log; each is named by the part of its configuration's name that matches. */
export async function hookOrders(api: ApiServer, names: RegExp): Promise<ReadonlySet<string>> {
  const orders = new Set<string>();
  for (const line of (await readFile(api.auditLog, 'utf8')).trimEnd().split('\n')) {
    const event: unknown = JSON.parse(line);
    const called = Object.entries(objectAt(isObject(event) ? event : {}, 'annotations'))
      .filter(([key]) => key.includes('mutation.webhook.admission.k8s.io/round_0'))
      .toSorted(([one], [other]) => (one < other ? -1 : 1))
      .map(([, value]) => names.exec(JSON.stringify(value))?.[0] ?? '');
    orders.add([...new Set(called)].join(', '));
  }
  return orders;
}
