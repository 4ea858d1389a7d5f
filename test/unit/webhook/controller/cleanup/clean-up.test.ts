import { expect, test } from 'vitest';
import {
  findOurs,
  takeAway,
  type CleanUpSite,
} from '../../../../../webhook/controller/cleanup/clean-up.ts';
import { ApiRefusal, type KubernetesApi } from '../../../../../webhook/kube/kubernetes-api.ts';
import { FakeSpire } from '../../../../fakes/fake-spire.ts';
import { spireEntry } from '../../../../fakes/spire-entry-fake.ts';

const digest = '0123456789abcdef0123456789abcdef';
const oursOfShop = `svidecar.shop.${digest}`;

function siteOf(spire: FakeSpire, cluster: CleanUpSite['cluster']): CleanUpSite {
  const { signal } = new AbortController();
  return { spire: spire.api, cluster, namespace: 'svidecar', clusterName: '', signal };
}

function refuse(status: number): Promise<never> {
  return Promise.reject(new ApiRefusal(status, 'Refused', { message: `refused, ${status}` }));
}

/** One ClusterSPIFFEID of ours, whose removal is answered with a status; no Lease. */
function clusterWith(statusOfRemoval: number): KubernetesApi {
  const labels = { 'app.kubernetes.io/managed-by': 'svidecar' };
  const items = [{ metadata: { name: 'svidecar-helpers', labels, uid: 'u' } }];
  return {
    get: (path) => (path.includes('/leases/') ? refuse(404) : Promise.resolve({ items })),
    remove: () => refuse(statusOfRemoval),
    replace: () => refuse(405),
    apply: () => refuse(405),
    create: () => refuse(405),
    merge: () => refuse(405),
    watch: () => refuse(405),
  };
}

test('only entries with a name of ours go, in the cluster that the configuration names; what SPIRE keeps is told of', async () => {
  const spire = new FakeSpire();
  const kept = `svidecar.shop.${digest.replace('0', 'f')}`;
  for (const id of [oursOfShop, kept, 'by-hand', `svidecar-two.shop.${digest}`])
    spire.entries.set(id, spireEntry({ id }));
  spire.refusals.set(kept, 'a fault');
  const site = siteOf(spire, { reason: 'there is none' });
  const ours = await findOurs(site);
  expect(ours.others).toBe(2);
  expect(await takeAway(ours, site)).toEqual({
    entries: 1,
    relationships: 0,
    objects: 0,
    envoyFilters: 0,
    stays: [expect.stringMatching(`^SPIRE does not delete ${kept}: a fault .INTERNAL.$`)],
  });
  expect([...spire.entries.keys()]).toEqual([kept, 'by-hand', `svidecar-two.shop.${digest}`]);
});

test('where nobody answers nothing is known, and nothing is written', async () => {
  const spire = new FakeSpire();
  spire.fault = 'SPIRE_UNREACHABLE';
  const site = siteOf(spire, { reason: 'there is none' });
  const ours = await findOurs(site);
  expect(ours).toEqual({
    entries: { kind: 'unseen', reason: 'SPIRE says SPIRE_UNREACHABLE' },
    others: 0,
    relationships: { kind: 'unseen', reason: 'there is none' },
    objects: { kind: 'unseen', reason: 'there is none' },
    envoyFilters: { kind: 'unseen', reason: 'there is none' },
  });
  expect(await takeAway(ours, site)).toMatchObject({ entries: 0, stays: [] });
  expect(spire.counts.delete).toBe(0);
});

test('where nothing is recorded SPIRE is not asked for relationships: objects go without it', async () => {
  const spire = new FakeSpire();
  spire.fault = 'SPIRE_FORBIDDEN';
  const { relationships, objects } = await findOurs(siteOf(spire, clusterWith(404)));
  expect(relationships).toEqual({ kind: 'seen', items: [] });
  expect(objects).toMatchObject({ kind: 'seen', items: [{ name: 'svidecar-helpers' }] });
});

test.each([
  [404, 1, []],
  [409, 0, ['ClusterSPIFFEID svidecar-helpers is not deleted: refused, 409']],
])('an object whose removal is answered with %i', async (status, objects, stays) => {
  const site = siteOf(new FakeSpire(), clusterWith(status));
  expect(await takeAway(await findOurs(site), site)).toMatchObject({ objects, stays });
});

const filterName = `istio-svidecar-${digest}`;

/** EnvoyFilters of ours and of others, and one object that names ours. */
function clusterWithFilters(listOfUser: string, removed: string[]): KubernetesApi {
  const labels = { 'app.kubernetes.io/managed-by': 'svidecar' };
  const filter = { namespace: 'shop', name: filterName, labels, uid: 'u' };
  const filters = [
    { metadata: filter },
    { metadata: { ...filter, name: 'theirs' } },
    { metadata: { ...filter, namespace: 'other' } },
    { metadata: { ...filter, name: filterName.replace('0', 'f'), labels: {} } },
  ];
  const marks = { labels: { 'svidecar.dev/envoy-filter': filterName } };
  const template = { metadata: marks };
  const metadata = { namespace: 'shop', name: 'web', ...marks };
  const user = { metadata, spec: { template, jobTemplate: { spec: { template } } } };
  return {
    ...clusterWith(404),
    get: (path) => {
      if (path.includes('/leases/')) return refuse(404);
      if (path.includes('/envoyfilters?')) return Promise.resolve({ items: filters });
      return Promise.resolve({ items: path.includes(`/${listOfUser}?`) ? [user] : [] });
    },
    remove: (path) => {
      removed.push(path);
      return Promise.resolve();
    },
  };
}

test.each([
  ['deployments', 'Deployment'],
  ['cronjobs', 'CronJob'],
  ['pods', 'Pod'],
])(
  'an EnvoyFilter that one of the %s needs stays, and the others of ours go',
  async (...[list, kind]) => {
    const removed: string[] = [];
    const site = siteOf(new FakeSpire(), clusterWithFilters(list, removed));
    const { envoyFilters, stays } = await takeAway(await findOurs(site), site);
    expect(envoyFilters).toBe(1);
    expect(removed).toEqual([
      `/apis/networking.istio.io/v1alpha3/namespaces/other/envoyfilters/${filterName}`,
    ]);
    expect(stays).toEqual([
      expect.stringContaining(`EnvoyFilter shop/${filterName} stays: ${kind} shop/web needs it`),
    ]);
  },
);

test('where nobody may tell who needs the EnvoyFilters, none is deleted', async () => {
  const removed: string[] = [];
  const cluster = clusterWithFilters('pods', removed);
  const get: KubernetesApi['get'] = (path, ...rest) =>
    path.includes('/statefulsets?') ? refuse(403) : cluster.get(path, ...rest);
  const site = siteOf(new FakeSpire(), { ...cluster, get });
  const ours = await findOurs(site);
  expect(ours.envoyFilters).toMatchObject({ kind: 'unseen' });
  await takeAway(ours, site);
  expect(removed).toEqual([]);
});
