/** The webhook's certificate from real cert-manager, by our manifests and chart, trusted by a real API server. */
import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { isObject, listAt, objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { readCertificates, type CertificateView } from '../../certs/plan/certificate-view.ts';
import { Admissions } from './harness/admissions.ts';
import { startApiServer, type ApiServer } from './harness/api-server.ts';
import { startCertManager, type CertManager } from './harness/cert-manager.ts';
import { caBundles } from './harness/ca-bundles.ts';
import { describeWithComponents } from './harness/components.ts';
import { hooksAreFollowed } from './harness/hooks-followed.ts';
import { mountSecret, type MountedSecret } from './harness/mounted-secret.ts';
import { waitUntil } from './harness/processes.ts';
import { installReplicas, type Replica, type Replicas } from './harness/replicas.ts';
import { shopParts } from './harness/shop-fixture.ts';
import { createWorkFolder, type WorkFolder } from './harness/work-folder.ts';
import { chart, helm, kindOf, kustomize, objectsIn, overlayOf } from './manifests/render.ts';

const programs = [
  'etcd',
  'kube-apiserver',
  'kube-controller-manager',
  'kubectl',
  'helm',
  'cert-manager',
  'cert-manager-files',
];
const kustomization = ['manifests/kustomize/base', 'manifests/kustomize/components/cert-manager'];
/** Milliseconds; a kubelet takes longer. Admissions go on meanwhile: it is longer than the pause of `Admissions.between`. */
const mountDelayMs = 4_000;
const shop = shopParts();

/** The Service leads to this process, and the hooks call it there as they are: by its name, which the certificate has. */
function onLoopback(object: JsonObject, port: number): JsonObject {
  if (kindOf(object) === 'Service') {
    return { ...object, spec: { type: 'ExternalName', externalName: 'localhost' } };
  }
  if (kindOf(object) !== 'MutatingWebhookConfiguration') return object;
  const webhooks = listAt(object, 'webhooks')
    .filter(isObject)
    .map((webhook) => {
      const service = { ...objectAt(objectAt(webhook, 'clientConfig'), 'service'), port };
      return { ...webhook, clientConfig: { service } };
    });
  return { ...object, webhooks };
}

function isSame(one: CertificateView | undefined, other: CertificateView | undefined): boolean {
  return one !== undefined && one.fingerprint === other?.fingerprint;
}

describeWithComponents(programs, "the webhook's certificate from cert-manager", () => {
  let api: ApiServer;
  let certManager: CertManager;
  let work: WorkFolder;
  let replicas: Replicas;
  let replica: Replica;
  let mounted: MountedSecret;

  beforeAll(async () => {
    [api, work] = await Promise.all([startApiServer(), createWorkFolder('mounted')]);
    certManager = await startCertManager(api);
    const overlay = await overlayOf(kustomization[0] ?? '', kustomization[1] ?? '');
    const objects = objectsIn(await kustomize(overlay.path));
    await overlay.remove();
    replicas = await installReplicas(
      api,
      { settings: { kind: 'files', folder: work.path } },
      { manifests: (port) => Promise.resolve(objects.map((each) => onLoopback(each, port))) },
    );
    await api.createNamespace('shop', { 'svidecar.dev/injection': 'enabled' });
    await api.request('POST', '/api/v1/namespaces/shop/configmaps', shop.source);
    mounted = await mountSecret(api, {
      folder: work.path,
      namespace: 'svidecar',
      secret: 'svidecar-tls',
      delayMs: mountDelayMs,
    });
    replica = await replicas.start('webhook');
  });
  afterAll(async () => {
    await replicas.stop();
    await mounted.stop();
    await Promise.all([certManager.stop(), api.stop()]);
    await work.remove();
  });

  async function read(path: string): Promise<JsonObject> {
    const { body } = await api.request('GET', path);
    return isObject(body) ? body : {};
  }

  /** A key of a Secret; empty where it has none. */
  async function kept(secret: string, key = 'tls.crt', namespace = 'svidecar'): Promise<string> {
    const data = objectAt(await read(`/api/v1/namespaces/${namespace}/secrets/${secret}`), 'data');
    return Buffer.from(stringAt(data, key) ?? '', 'base64').toString();
  }

  /** Every hook trusts the authority that the Secret names, perhaps among others. */
  async function isTrusted(namespace: string): Promise<boolean> {
    const [authority] = readCertificates(await kept('svidecar-tls', 'ca.crt', namespace));
    const all = (await caBundles(api)).map(readCertificates);
    return all.length === 3 && all.every((each) => each.some((one) => isSame(one, authority)));
  }

  async function notAfter(): Promise<number> {
    return (await replica.metric('svidecar_certificate_not_after_seconds')) ?? 0;
  }

  /** Admissions at a steady rate until `act` is done; no connection outlives a step of it. */
  async function during(act: (step: () => Promise<void>) => Promise<void>): Promise<Admissions> {
    const admissions = new Admissions(api, 'shop', shop.pod);
    const state = { isOver: false };
    const flow = async (): Promise<void> => {
      while (!state.isOver) await admissions.run(5, 50);
    };
    const flowing = flow();
    const step = (): Promise<void> => admissions.between(() => replicas.cutConnections());
    try {
      await act(step);
    } finally {
      state.isOver = true;
      await flowing;
    }
    return admissions;
  }

  /** Nothing was refused or let pass without the helper. */
  function expectAllInjected({ outcomes }: Admissions): void {
    expect(outcomes).toMatchObject({ uninjected: [], refused: [] });
    expect(outcomes.injected).toBeGreaterThan(5);
  }

  /** A renewed leaf reaches the replica. @param harm what makes cert-manager issue it */
  async function renewedBy(harm: () => Promise<unknown>, step: () => Promise<void>): Promise<void> {
    const before = await kept('svidecar-tls');
    await harm();
    await waitUntil('there is another leaf', async () => {
      const now = await kept('svidecar-tls');
      return now !== '' && now !== before;
    });
    await step();
    await mounted.follows();
    const expected = Date.parse(new X509Certificate(await kept('svidecar-tls')).validTo);
    await waitUntil('it is served', async () => (await notAfter()) * 1000 === expected);
    await step();
  }

  test('is issued for the name that the API server calls, and its authority gets into every hook', async () => {
    const leaf = new X509Certificate(await kept('svidecar-tls'));
    expect(leaf.subjectAltName).toBe('DNS:svidecar.svidecar.svc');
    expect(leaf.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1']);
    await waitUntil('every hook has its authority', () => isTrusted('svidecar'));
    await replicas.takesReviews(replica);
    const admissions = new Admissions(api, 'shop', shop.pod);
    await admissions.run(5, 20);
    expect(admissions.outcomes).toEqual({ injected: 5, uninjected: [], refused: [] });
  });

  test.each([
    ['renewed', () => certManager.renew('svidecar', 'svidecar-serving')],
    [
      'issued again for a deleted Secret',
      () => api.request('DELETE', '/api/v1/namespaces/svidecar/secrets/svidecar-tls'),
    ],
  ])('%s, it is served without a failed admission', async (_name, harm) => {
    expectAllInjected(await during((step) => renewedBy(harm, step)));
  });

  test('a renewed authority trusts the leaf of before, until the next one is mounted', async () => {
    const before = await kept('svidecar-authority');
    const [old] = readCertificates(before);
    const admissions = await during(async (step) => {
      await certManager.renew('svidecar', 'svidecar-authority');
      await waitUntil('it is renewed', async () => (await kept('svidecar-authority')) !== before);
      await step();
      await renewedBy(async () => {
        await certManager.renew('svidecar', 'svidecar-serving');
        await waitUntil('every hook has the renewed one', async () => {
          const [authority] = readCertificates(await kept('svidecar-tls', 'ca.crt'));
          return !isSame(authority, old) && (await isTrusted('svidecar'));
        });
        await hooksAreFollowed(api);
        await step();
      }, step);
    });
    expectAllInjected(admissions);
  });

  test('the API server never refused svidecar a right, of those that the component leaves it', async () => {
    const events = (await readFile(api.auditLog, 'utf8')).trimEnd().split('\n');
    const own = events
      .filter((line) => line.includes('"username":"system:serviceaccount:svidecar:svidecar"'))
      .map((line) => JSON.parse(line) as { responseStatus: { code: number }; requestURI: string });
    expect(own.filter(({ responseStatus: { code } }) => code === 401 || code === 403)).toEqual([]);
    expect(await readFile(join(work.path, 'tls.key'), 'utf8')).toContain('PRIVATE KEY');
    expect(await readFile(replica.logFile, 'utf8')).not.toContain('PRIVATE KEY');
  });

  test('the chart with certificates.source=cert-manager is issued one too, in a namespace of another name', async () => {
    await api.kubectl(['delete', 'mutatingwebhookconfigurations', '--all']);
    const { code, stderr } = await helm(
      [
        'install',
        'svidecar',
        chart,
        '--namespace=identity',
        '--create-namespace',
        '--set=certificates.source=cert-manager',
        '--take-ownership',
      ],
      api.kubeconfig,
    );
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    await waitUntil('every hook has its authority', () => isTrusted('identity'));
    const leaf = new X509Certificate(await kept('svidecar-tls', 'tls.crt', 'identity'));
    expect(leaf.subjectAltName).toBe('DNS:svidecar.identity.svc');
  });
});
