/**
 * Template istio-spire on a real API server with a real istiod: whoever injects first, and whatever Istio's proxy is, its
 * pod gets the Workload API socket and is otherwise Istio's.
 */
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isObject, objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { startApiServer, type ApiServer } from './harness/api-server.ts';
import { describeWithComponents } from './harness/components.ts';
import { istiodPrograms, startIstiod, type Istiod } from './harness/istiod.ts';
import { installWebhook, type InstalledWebhook } from './harness/webhook.ts';
import {
  askForSpire,
  createPod,
  documentedTemplate,
  fakeOwner,
  injectWorkload,
  oldGatewayTemplate,
  podsOf,
  proxies,
  proxyKinds,
  putFirst,
  socketMounts,
  socketVolume,
  specOf,
  withoutOurs,
  gistOf,
  hookOrders,
  untouched,
  type PodTemplate,
} from './istio-pods.ts';

const programs = ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kubectl'];
const csi = { name: 'workload-socket', csi: { driver: 'csi.spiffe.io', readOnly: true } };
/** Where Istio's own container mounts it. */
const istiosMount = '/var/run/secrets/workload-spiffe-uds';

describeWithComponents([...programs, ...istiodPrograms], 'istio-spire', () => {
  let api: ApiServer;
  let istiod: Istiod;
  let webhook: InstalledWebhook;
  beforeAll(async () => {
    api = await startApiServer();
    const templates = { spire: documentedTemplate, old: await oldGatewayTemplate() };
    istiod = await startIstiod(api, {
      values: { sidecarInjectorWebhook: { templates }, revisionTags: ['canary'] },
    });
    webhook = await installWebhook(api);
    const both = { 'istio-injection': 'enabled', 'svidecar.dev/injection': 'enabled' };
    await putFirst(api, { ...both, order: 'ours-first' }, 'first');
    await api.createNamespace('last', both);
    await api.createNamespace('pods-only', { ...both, 'svidecar.dev/injection': 'pod' });
    await api.createNamespace('no-istio', { 'svidecar.dev/injection': 'enabled' });
  });
  afterAll(async () => {
    await webhook.stop();
    await istiod.stop();
    await api.stop();
  });

  /** The pod that a controller makes of the template, where its workload was stored. */
  async function injectedPod(space: string, { metadata, spec }: PodTemplate, by: string) {
    if (by === 'a pod') return createPod(api, space, { metadata, spec });
    const template = await injectWorkload(api, space, { metadata, spec });
    return createPod(api, space, { ...template, owner: fakeOwner });
  }

  const rows = ['last', 'first', 'pods-only'].flatMap((space) =>
    ['a pod', 'a workload'].flatMap((by) => proxyKinds.map((kind) => [kind, space, by] as const)),
  );

  describe.each(rows)('an istio-proxy as %s, ours %s, asked by %s', (kind, space, by) => {
    test.each([false, true])("with Istio's documented template: %s", async (isDocumented) => {
      const template = proxies[kind](isDocumented);
      const { status, body } = await injectedPod(space, askForSpire(template), by);
      if (kind === 'a native sidecar' && isDocumented) {
        expect(status).toBe(422);
        expect(body['message']).toContain('denied the request');
        expect(body['message']).toContain('take that template out of the annotation');
        return;
      }
      expect(status, JSON.stringify(body)).toBe(201);
      expect(socketVolume(body)).toEqual(csi);
      expect(socketMounts(body)).toContain(istiosMount);
      expect(socketMounts(body)).toHaveLength(isDocumented ? 2 : 1);

      const owner = by === 'a pod' ? {} : { owner: fakeOwner };
      const istios = await createPod(api, space, { ...template, ...owner });
      expect(istios.status).toBe(201);
      expect(untouched(specOf(body))).toEqual(untouched(specOf(istios.body)));
      expect(withoutOurs(body)).toEqual(withoutOurs(istios.body));

      const again = await createPod(api, space, podTemplateOf(body));
      expect(gistOf(again.body)).toEqual(gistOf(body));
    });
  });

  test("is a matrix in which ours comes before Istio's, and after it", async () => {
    const orders = await hookOrders(api, /first-svidecar|svidecar|istio/);
    expect(orders).toContain('first-svidecar, istio');
    expect(orders).toContain('istio, svidecar');
  });

  test.each(['a native sidecar', 'a gateway'] as const)(
    'reaches the pods of a real Deployment with %s',
    async (kind) => {
      const pods = await podsOf(api, 'last', askForSpire(proxies[kind](false)));
      expect(pods.map(socketVolume)).toEqual([csi]);
      expect(
        stringAt(
          objectAt(objectAt(pods[0] ?? {}, 'metadata'), 'annotations'),
          'svidecar.dev/status',
        ),
      ).not.toContain('awaits');
    },
  );

  test.each(['last', 'first'])(
    'mends the two sources of a volume that gateways of Istio before 1.27 would get, ours %s',
    async (space) => {
      const template = proxies['a gateway'](false);
      const annotations = { 'inject.istio.io/templates': 'old' };
      const old = { ...template, metadata: { ...template.metadata, annotations } };
      const { status, body } = await injectedPod(space, askForSpire(old), 'a workload');
      expect(status, JSON.stringify(body)).toBe(201);
      expect(socketVolume(body)).toEqual(csi);
    },
  );

  test.each(['last', 'first'])(
    'leaves the helper of jwt-validate in the same pod a socket of its own, ours %s',
    async (space) => {
      const template = proxies['a native sidecar'](false);
      const labels = { 'sidecar.istio.io/inject': 'true' };
      const asked = askForSpire(
        { ...template, metadata: { labels } },
        {
          'inject.svidecar.dev/templates': 'istio-spire,jwt-validate',
          'svidecar.dev/audience': 'spiffe://example.org/ns/shop/sa/backend',
        },
      );
      const { status, body } = await injectedPod(space, asked, 'a workload');
      expect(status, JSON.stringify(body)).toBe(201);
      expect(socketVolume(body)).toEqual(csi);
      expect(socketMounts(body)).toEqual([istiosMount]);
      expect(socketMounts(body, 'auth-helper')).toEqual([]);
      expect(specOf(body)['volumes']).toContainEqual({ ...csi, name: 'spiffe-workload-api' });
      expect(gistOf((await createPod(api, space, podTemplateOf(body))).body)).toEqual(gistOf(body));
    },
  );

  test('mounts the socket from the node where that is asked for', async () => {
    const template = askForSpire(proxies['a native sidecar'](false), {
      'svidecar.dev/socket': 'hostPath',
    });
    const { body } = await createPod(api, 'last', template);
    expect(socketVolume(body)).toMatchObject({ hostPath: { path: '/run/spire/agent-sockets' } });
  });

  test.each(['istio.io/rev', 'sidecar.istio.io/inject'])(
    'serves pods that ask Istio by their own label %s',
    async (label) => {
      const labels = { [label]: label === 'istio.io/rev' ? 'canary' : 'true' };
      const { spec } = proxies['a native sidecar'](false);
      const template = askForSpire({ metadata: { labels }, spec });
      const { body } = await injectedPod('no-istio', template, 'a workload');
      expect(socketVolume(body)).toEqual(csi);
    },
  );

  test.each<[string, PodTemplate['metadata']]>([
    ['has no Istio', {}],
    ['asks for a revision that nobody serves', { labels: { 'istio.io/rev': 'none' } }],
  ])('leaves a pod out that %s, and says why', async (_, metadata) => {
    const { spec } = proxies['a native sidecar'](false);
    const { status, body } = await createPod(api, 'no-istio', askForSpire({ metadata, spec }));
    expect(status).toBe(403);
    expect(body['message']).toContain('has no container istio-proxy: Istio has not injected it');
    expect(body['message']).toContain('Next: see that Istio injects it');
  });

  test.each(['labels', 'annotations'] as const)(
    'refuses a workload whose %s turn Istio off, and says so',
    async (field) => {
      const { spec } = proxies['a native sidecar'](false);
      const metadata = { [field]: { 'sidecar.istio.io/inject': 'false' } };
      const { status, body } = await injectedPod('last', askForSpire({ metadata, spec }), 'a pod');
      expect(status).toBe(422);
      expect(body['message']).toContain('sidecar.istio.io/inject: "false" keeps Istio from');
    },
  );

  test('lets the pods of an injected workload start while no replica answers', async () => {
    const template = await injectWorkload(api, 'last', askForSpire(proxies['a gateway'](false)));
    const native = await injectWorkload(
      api,
      'last',
      askForSpire(proxies['a native sidecar'](false)),
    );
    await webhook.stop();
    for (const each of [template, native]) {
      const { status, body } = await createPod(api, 'last', { ...each, owner: fakeOwner });
      expect(status, JSON.stringify(body)).toBe(201);
      expect(socketVolume(body)).toEqual(csi);
    }
    const late = await createPod(api, 'last', askForSpire(proxies['a native sidecar'](false)));
    expect(late.body['message']).toContain('svidecar has not injected it');
  });

  test('needs no rights of istiod beyond those of its chart', async () => {
    expect(await readFile(istiod.logFile, 'utf8')).not.toContain('forbidden');
  });
});

function podTemplateOf(pod: JsonObject): PodTemplate {
  const { labels, annotations } = objectAt(pod, 'metadata');
  return {
    metadata: {
      ...(isObject(labels) ? { labels } : {}),
      ...(isObject(annotations) ? { annotations } : {}),
    },
    spec: objectAt(pod, 'spec'),
  };
}
