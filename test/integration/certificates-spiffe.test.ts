/** The webhook's certificate from real SPIRE, trusted by a real API server. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { isObject, listAt, objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { readCertificates } from '../../certs/plan/certificate-view.ts';
import { startApiServer, type ApiServer } from './harness/api-server.ts';
import { describeWithComponents } from './harness/components.ts';
import { waitUntil } from './harness/processes.ts';
import { installReplicas, type Replica, type Replicas } from './harness/replicas.ts';
import { startSpire, type Spire } from './harness/spire.ts';

const programs = [
  'etcd',
  'kube-apiserver',
  'kube-controller-manager',
  'kubectl',
  'spire-server',
  'spire-agent',
];
const leaseTimes = { durationMs: 3_000, renewDeadlineMs: 2_000, retryMs: 500 };
const hookPath =
  '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/svidecar-pods';

describeWithComponents(programs, "the webhook's certificate from SPIRE", () => {
  let api: ApiServer;
  let spire: Spire;
  let replicas: Replicas;
  let replica: Replica;

  beforeAll(async () => {
    [api, spire] = await Promise.all([startApiServer(), startSpire()]);
    const settings = { kind: 'spiffe', address: spire.endpoint } as const;
    replicas = await installReplicas(api, { settings, leaseTimes }, { host: 'localhost' });
    await api.createNamespace('shop', { 'svidecar.dev/injection': 'enabled' });
    replica = await replicas.start('webhook');
  });
  afterAll(async () => {
    await replicas.stop();
    await Promise.all([spire.stop(), api.stop()]);
  });

  async function bundle(): Promise<string> {
    const { body } = await api.request('GET', hookPath);
    const [hook] = listAt(isObject(body) ? body : {}, 'webhooks').filter(isObject);
    const base64 = stringAt(objectAt(hook, 'clientConfig'), 'caBundle') ?? '';
    return Buffer.from(base64, 'base64').toString();
  }

  async function admit(): Promise<boolean> {
    const annotations = { 'inject.svidecar.dev/templates': 'spiffe-socket' };
    const pod: JsonObject = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { generateName: 'pod-', annotations },
      spec: { containers: [{ name: 'app', image: 'app:1' }] },
    };
    const path = '/api/v1/namespaces/shop/pods?dryRun=All';
    const { status, body } = await api.request('POST', path, pod);
    return status === 201 && JSON.stringify(body).includes('SPIFFE_ENDPOINT_SOCKET');
  }

  const entry = {
    spiffeId: 'spiffe://example.org/ns/svidecar/sa/svidecar',
    selectors: [`unix:uid:${process.getuid?.() ?? 0}`],
    dnsNames: ['svidecar.svidecar.svc', 'localhost'],
    x509TtlS: 30,
  };
  let wrongEntry: string;

  test('says what is missing while no entry matches it, and while the entry lacks the DNS name', async () => {
    await waitUntil('it asks', async () =>
      (await replica.readyz()).includes('no registration entry'),
    );
    wrongEntry = await spire.createEntry({ ...entry, dnsNames: ['other.svc'] });
    await waitUntil('it has an SVID', async () => (await replica.readyz()).includes('-dns'));
    expect(await replica.readyz()).toContain('svidecar.svidecar.svc');
  });

  test('is served once the entry has the DNS name, and every hook trusts it: pods are injected', async () => {
    await spire.deleteEntry(wrongEntry);
    await spire.createEntry(entry);
    await waitUntil('it is ready', () => replica.isReady());
    await waitUntil('a pod is injected', admit, { deadlineMs: 5_000 });
    expect(await replica.metric('svidecar_certificate_trusted')).toBe(1);
  });

  test('is renewed by SPIRE, also by a new authority, which is in the caBundle first', async () => {
    const before = await replica.metric('svidecar_certificate_not_after_seconds');
    await spire.server.command(['localauthority', 'x509', 'prepare']);
    await waitUntil(
      'both authorities are trusted',
      async () => readCertificates(await bundle()).length === 2,
    );
    const prepared = await spire.server.command(['localauthority', 'x509', 'show']);
    const id = stringAt(objectAt(prepared, 'prepared'), 'authority_id') ?? '';
    const oldAnchor = await replica.metric('svidecar_certificate_authority_not_after_seconds');
    await spire.server.command(['localauthority', 'x509', 'activate', '-authorityID', id]);
    let failures = 0;
    await waitUntil('it is signed by the new one', async () => {
      if (!(await admit())) failures += 1;
      return (
        (await replica.metric('svidecar_certificate_authority_not_after_seconds')) !== oldAnchor &&
        (await replica.metric('svidecar_certificate_not_after_seconds')) !== before
      );
    });
    expect(failures).toBe(0);
    expect(await replica.metric('svidecar_certificate_trusted')).toBe(1);
  });

  test('is served on while the agent is away', async () => {
    await spire.withoutAgent(async () => {
      expect(await admit()).toBe(true);
    });
  });
});
