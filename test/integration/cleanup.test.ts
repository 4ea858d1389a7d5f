/** `svidecar cleanup` on a real SPIRE server and a real API server, after the controller's own keepers have written there. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { isObject, listAt, objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { ClusterSpiffeIdKeeper } from '../../webhook/controller/clusterspiffeids/cluster-spiffe-id-keeper.ts';
import { RelationshipKeeper } from '../../webhook/controller/federation/relationship-keeper.ts';
import { leaseRecord } from '../../webhook/controller/federation/relationship-record.ts';
import { entryName } from '../../webhook/identity/entry-name.ts';
import { connect } from '../../webhook/kube/connection.ts';
import { checkConfig } from '../../webhook/request/injector-config.ts';
import { openSpireServer } from '../../webhook/spire/open-spire-server.ts';
import type { SpireServerApi } from '../../webhook/spire/spire-server-api.ts';
import { runSvidecar, type CliResult } from '../fakes/fake-terminal.ts';
import { SilentLog } from '../fakes/silent-log.ts';
import { spireEntry } from '../fakes/spire-entry-fake.ts';
import { startApiServer, type ApiServer } from './harness/api-server.ts';
import { describeWithComponents } from './harness/components.ts';
import { installSpireCrds } from './harness/spire-controller-manager.ts';
import { startSpireServer, type SpireServer } from './harness/spire-server.ts';
import { createWorkFolder, type WorkFolder } from './harness/work-folder.ts';

const programs = ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kubectl', 'spire-server'];
const leases = '/apis/coordination.k8s.io/v1/namespaces/svidecar/leases';
const objects = '/apis/spire.spiffe.io/v1alpha1/clusterspiffeids';
const parentId = 'spiffe://example.org/ns/spire/sa/spire-agent';
const signal = AbortSignal.timeout(120_000);

describeWithComponents(programs, 'clean-up', () => {
  let api: ApiServer;
  let spire: SpireServer;
  let other: SpireServer;
  let work: WorkFolder;
  let server: SpireServerApi;
  let config: ReturnType<typeof checkConfig>;

  beforeAll(async () => {
    [api, spire, other, work] = await Promise.all([
      startApiServer(),
      startSpireServer(),
      startSpireServer({ trustDomain: 'other.org', bundleEndpoint: { profile: 'https_spiffe' } }),
      createWorkFolder('clean-up'),
    ]);
    server = openSpireServer({ address: `unix://${spire.socketPath}`, workloadApi: '' });
    await api.createNamespace('svidecar');
    await api.request('POST', leases, { metadata: { name: 'svidecar-registrations' } });
    const ofOther = {
      trustDomain: 'other.org',
      bundleEndpoint: other.bundleUrl,
      profile: 'https_spiffe',
      endpointSpiffeId: 'spiffe://other.org/spire/server',
      bundle: await other.showBundle(),
    };
    const bundleEndpoint = 'https://bundles.invalid/';
    const ofKnown = { trustDomain: 'known.org', bundleEndpoint, profile: 'https_web' };
    config = checkConfig({ federation: [ofOther, ofKnown] }, 'test');
    for (const trustDomain of ['known.org', 'theirs.org'])
      await spire.setBundle(trustDomain, await other.showBundle());
    await makeInSpire();
  });
  afterAll(async () => {
    server.close();
    await Promise.all([api.stop(), spire.stop(), other.stop()]);
    await work.remove();
  });

  /** As the leader makes them: the bundle of other.org comes with its relationship, and the entry federates after. */
  async function makeInSpire(): Promise<void> {
    const content = spireEntry({
      spiffeId: 'spiffe://example.org/ns/shop/sa/orders',
      parentId,
      selectors: ['k8s:ns:shop'],
    });
    const entry = { ...content, id: entryName('', 'shop', content) };
    expect(await server.createEntries([entry], signal)).toMatchObject([{ kind: 'done' }]);
    await spire.createEntry({
      parentId,
      spiffeId: 'spiffe://example.org/by-hand',
      selectors: ['k8s:ns:x'],
    });
    const cluster = await connect({ kind: 'kubeconfig', path: api.kubeconfig });
    const keeper = new RelationshipKeeper({
      record: leaseRecord(cluster, `${leases}/svidecar-registrations`),
      log: new SilentLog(),
    });
    await keeper.reconcile(server, config.federation, signal);
    await server.updateEntries([{ ...entry, federatesWith: ['other.org'] }], signal);
    const theirs = {
      trustDomain: 'theirs.org',
      bundleEndpoint: 'https://theirs.invalid/',
      profile: { kind: 'https_web' },
      bundle: undefined,
    } as const;
    expect(await server.createRelationship(theirs, signal)).toEqual({ kind: 'done' });
  }

  /** As the leader makes them. */
  async function makeObjects(): Promise<void> {
    const cluster = await connect({ kind: 'kubeconfig', path: api.kubeconfig });
    const keeper = new ClusterSpiffeIdKeeper({
      api: cluster,
      config: () => config,
      ignoredNamespaces: () => new Set(),
      stored: {
        federations: () => ({ all: [['other.org'], []], envoys: [] }),
        isCurrent: () => true,
      },
      leads: () => true,
      clock: { now: () => 0 },
      log: new SilentLog(),
    });
    await keeper.reconcile(signal);
  }

  async function makeForeignObjects(): Promise<void> {
    for (const metadata of [
      // A name of ours without the label, and the label without a name of ours.
      { name: `svidecar-federated-${'0'.repeat(32)}` },
      { name: 'theirs', labels: { 'app.kubernetes.io/managed-by': 'svidecar' } },
    ]) {
      const spec = { spiffeIDTemplate: 'spiffe://example.org/x' };
      const { status } = await api.request('POST', objects, {
        apiVersion: 'spire.spiffe.io/v1alpha1',
        kind: 'ClusterSPIFFEID',
        metadata,
        spec,
      });
      expect(status).toBe(201);
    }
  }

  async function configure(text: string): Promise<void> {
    const path = '/api/v1/namespaces/svidecar/configmaps';
    await api.request('DELETE', `${path}/svidecar`);
    const data = { 'config.yaml': text };
    const { status } = await api.request('POST', path, { metadata: { name: 'svidecar' }, data });
    expect(status).toBe(201);
  }

  const cleanup = (...more: readonly string[]): Promise<CliResult> =>
    runSvidecar(['cleanup', '--spire-server', spire.socketPath, ...more]);
  const here = (...more: readonly string[]): Promise<CliResult> =>
    cleanup('--kubeconfig', api.kubeconfig, ...more);
  const names = async (): Promise<readonly string[]> => {
    const { body } = await api.request('GET', objects);
    return listAt(isObject(body) ? body : {}, 'items')
      .filter(isObject)
      .map((each: JsonObject) => stringAt(objectAt(each, 'metadata'), 'name') ?? '');
  };
  const relationships = async (): Promise<readonly string[]> =>
    (await server.listRelationships(signal)).map(({ trustDomain }) => trustDomain).toSorted();

  test('without --yes all that is ours is listed, and nothing written; without CRDs there are no objects of ours', async () => {
    const { code, out, err } = await here();
    expect(out.trim().split('\n')).toEqual([
      expect.stringMatching(/^entry svidecar\.shop\.[0-9a-f]{32} spiffe:.*orders$/),
      'relationship other.org, with its bundle',
      'relationship known.org',
    ]);
    expect([code, err]).toEqual([
      0,
      "svidecar's: 1 entries, 2 federation relationships, 0 ClusterSPIFFEID objects, 0 EnvoyFilters; 1 entries of others stay. Delete them with --yes\n",
    ]);
    expect(await relationships()).toEqual(['known.org', 'other.org', 'theirs.org']);
    await installSpireCrds(api);
    await makeObjects();
    await makeForeignObjects();
    expect((await here()).out).toContain('ClusterSPIFFEID svidecar-helpers\n');
  });

  test.each([
    ['registration: entries', 'registration: entries'],
    ['registration: clusterspiffeid', 'registration: clusterspiffeid'],
    [
      'federation: [{trustDomain: b.test, bundleEndpoint: "https://b.test/", profile: https_web}]',
      'federation with b.test',
    ],
  ])('refuses while the cluster has %s', async (text, said) => {
    await configure(text);
    const { code, err } = await here('--yes');
    expect(code).toBe(2);
    expect(err).toContain(`the configuration says ${said}, so`);
    expect(err).toContain('set registration: none and federation: [] first');
    expect(await relationships()).toHaveLength(3);
  });

  test('without the cluster it says what was not looked at, and how to', async () => {
    const { code, out, err } = await cleanup('--kubeconfig', join(work.path, 'none'));
    expect([code, out.split('\n').length]).toEqual([3, 2]);
    expect(err).toMatch(/^federation relationships in SPIRE were not looked at: .*--kubeconfig/m);
    expect(err).toMatch(/^ClusterSPIFFEID objects were not looked at: .*kubectl delete/m);
  });

  test('a bundle that an entry of others federates with stays, and is told of, until that is changed', async () => {
    await configure('registration: none');
    const id = await spire.createEntry({
      parentId,
      spiffeId: 'spiffe://example.org/federated',
      selectors: ['k8s:ns:y'],
      federatesWith: ['spiffe://other.org'],
    });
    const { code, out, err } = await here('--yes');
    expect([code, out]).toEqual([
      1,
      'deleted 1 entries, 1 federation relationships, 2 ClusterSPIFFEID objects, 0 EnvoyFilters; 2 entries of others stay\n',
    ]);
    expect(err).toMatch(/^the bundle of trust domain other.org.*changed by whoever made them$/m);
    await spire.deleteEntry(id);
  });

  test('then all that is ours is gone, and nothing else', async () => {
    expect(await here('--yes')).toEqual({
      code: 0,
      out: 'deleted 0 entries, 1 federation relationships, 0 ClusterSPIFFEID objects, 0 EnvoyFilters; 1 entries of others stay\n',
      err: '',
    });
    expect((await server.listEntries(signal)).map(({ spiffeId }) => spiffeId)).toEqual([
      'spiffe://example.org/by-hand',
    ]);
    expect(await relationships()).toEqual(['theirs.org']);
    // Which SPIRE had before.
    const bundles = await server.federatedTrustDomains(signal);
    expect(bundles.toSorted()).toEqual(['known.org', 'theirs.org']);
    expect(await names()).toEqual([`svidecar-federated-${'0'.repeat(32)}`, 'theirs']);
    const { body } = await api.request('GET', `${leases}/svidecar-registrations`);
    expect(JSON.stringify(body)).not.toContain('federation-relationships');
    expect((await here()).err).toContain('There is nothing to do');
  });

  test("what SPIRE cannot be asked about holds up nothing else; a configuration that may not be read isn't guessed", async () => {
    await makeObjects();
    const gone = ['cleanup', '--spire-server', join(work.path, 'none.sock')];
    const there = await runSvidecar([...gone, '--kubeconfig', api.kubeconfig, '--yes']);
    expect(there.code).toBe(3);
    expect(there.err).toMatch(/^entries in SPIRE were not looked at: .*give --spire-server/);
    expect(there.out).toContain('2 ClusterSPIFFEID objects');
    const stranger = await api.kubeconfigFor('stranger');
    const refused = await cleanup('--kubeconfig', stranger);
    expect(refused.code).toBe(3);
    expect(refused.err).toContain('give --config');
    const file = join(work.path, 'config.yaml');
    await writeFile(file, 'registration: none\n');
    const poor = await cleanup('--kubeconfig', stranger, '--config', file, '--yes');
    expect(poor.code).toBe(3);
    expect(poor.err).toContain('not allowed to list clusterspiffeids.spire.spiffe.io');
  });
});
