/**
 * From nothing but the files of two releases: verified, installed, used, upgraded and taken back under load, and removed, as
 * docs/install.md says it.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { listAt, objectAt, type JsonObject } from '#kernel/json.ts';
import { Admissions } from '../integration/harness/admissions.ts';
import { runCommand } from '../integration/harness/processes.ts';
import { shopParts } from '../integration/harness/shop-fixture.ts';
import { createWorkFolder, type WorkFolder } from '../integration/harness/work-folder.ts';
import { clusterApi, type ClusterApi } from './harness/cluster-api.ts';
import { describeOnCluster, repository } from './harness/cluster.ts';
import { stepsOf, type Step } from './harness/console-blocks.ts';
import {
  loadImagesOfTree,
  newerRelease,
  olderRelease,
  type MadeRelease,
} from './harness/made-releases.ts';
import { Newcomer } from './harness/newcomer.ts';
import { withoutEntriesByHand } from './harness/shared-registrations.ts';
import { underLoad } from './harness/under-load.ts';
import { nameOf, Workloads } from './harness/workloads.ts';

const stepsIn = (page: string): readonly Step[] =>
  stepsOf(readFileSync(join(repository, page), 'utf8'));
const steps = stepsIn('docs/install.md');
/** What README says of a release; its last one is for a clone. */
const readme = stepsIn('README.md').filter(
  ({ section, command }) => section === 'Install' && !command.startsWith('kubectl apply -k'),
);
const looks = steps.filter(({ command }) => command.includes('kubectl get --raw'));
/** Containerd's own program is asked by the cluster's script. */
const isOfImages = /^grep -o '(images\S+)' SHA256SUMS \| xargs -n 1 ctr /;
const chart = `"$(grep -o 'chart/.*\\.tgz$' SHA256SUMS)"`;
const injected = ['backend', 'frontend'];
const shop = shopParts();
/** Milliseconds for both releases, and for what is done with them: several times what a quiet machine takes. */
const releasesMs = 600_000;
const long = { timeout: 300_000 };
/** Milliseconds between two admissions of a kind, and requests a second to the demo. */
const admissionEveryMs = 200;
const rate = 4;
/** Cluster-scoped kinds that svidecar has objects of, and those of its namespace. */
const clusterKinds =
  'mutatingwebhookconfigurations,validatingadmissionpolicies,validatingadmissionpolicybindings,clusterroles,clusterrolebindings';
const ownKinds =
  'all,configmaps,secrets,leases,roles,rolebindings,serviceaccounts,poddisruptionbudgets';

describeOnCluster('two releases, from their files alone', (cluster) => {
  const demo = new Workloads(cluster, 'demo');
  let work: WorkFolder;
  let newcomer: Newcomer;
  let api: ClusterApi;
  let older: MadeRelease;
  let newer: MadeRelease;

  beforeAll(async () => {
    work = await createWorkFolder('release');
    const key = join(work.path, 'key');
    await runCommand('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'key', '-f', key]);
    const [type = '', text = ''] = readFileSync(`${key}.pub`, 'utf8').split(' ');
    writeFileSync(join(work.path, 'SIGNERS'), `NAME ${type} ${text}\n`);
    older = await olderRelease(join(work.path, 'older'), key);
    newer = await newerRelease(join(work.path, 'newer'), key);
    newcomer = await Newcomer.arrive(cluster, join(work.path, 'home'));
    api = await clusterApi(cluster, work.path);
    // Other files of this run install it, and use the demo.
    const kustomize = join(repository, 'manifests/tutorial/svidecar');
    await cluster.kubectl(['delete', '-k', kustomize, '--ignore-not-found']);
    await cluster.kubectl(['delete', 'namespace', demo.namespace, '--ignore-not-found']);
    await withoutEntriesByHand(cluster, demo.namespace);
    await cluster.kubectl(['apply', '-f', '-'], admittedNamespace);
    await api.request('POST', '/api/v1/namespaces/admitted/configmaps', shop.source);
  }, releasesMs);
  afterAll(async () => {
    await api.stop();
    await cluster.kubectl([
      'delete',
      'namespace',
      demo.namespace,
      'admitted',
      '--ignore-not-found',
    ]);
    await withoutEntriesByHand(cluster, demo.namespace);
    await loadImagesOfTree(cluster, work.path);
    await work.remove();
  });

  async function load(command: string, folder: string): Promise<void> {
    const [, pattern = ''] = isOfImages.exec(command) ?? [];
    const sums = readFileSync(join(folder, 'SHA256SUMS'), 'utf8');
    const listed = (names: RegExp): readonly string[] =>
      [...sums.matchAll(names)].map(([name]) => name);
    const named = listed(new RegExp(pattern, 'gm'));
    // Releases before 0.2.0 have no others.
    const files = named.length > 0 ? named : listed(/images\/.*-amd64\.tar$/gm);
    expect(files.length).toBe(3);
    const { code, stderr } = await cluster.run([
      'load',
      ...files.map((name) => join(folder, name)),
    ]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  }

  /** The commands of a section of docs/install.md, in the release's folder. */
  async function follow(section: string, { folder }: MadeRelease): Promise<void> {
    const own = steps.filter((step) => step.section === section);
    expect(own).not.toEqual([]);
    for (const { command } of own.filter(isImport)) await load(command, folder);
    expect(
      await newcomer.follows(
        folder,
        own.filter((step) => !isImport(step)),
      ),
    ).toEqual([]);
  }

  /** What cannot be said in words of a page. */
  async function does({ folder }: MadeRelease, line: string): Promise<string> {
    const { code, output } = await newcomer.does(folder, line);
    expect(code, `${line}\n${output}`).toBe(0);
    return output;
  }

  /** The demo's pods, and how often each of their containers was started anew. */
  async function pods(): Promise<unknown> {
    const all = await demo.list(['pods']);
    return all.map((pod) => {
      const status = objectAt(pod, 'status');
      const containers = ['initContainerStatuses', 'containerStatuses'].flatMap((field) =>
        listAt(status, field),
      );
      return [
        nameOf(pod),
        containers.map((each) => (each as { restartCount: number }).restartCount),
      ];
    });
  }

  /** No request to the demo is lost meanwhile, and no admission fails or passes un-injected. */
  async function unharmed(happens: () => Promise<unknown>): Promise<void> {
    const objects = [shop.pod, deploymentOf(shop.pod)];
    const admissions = objects.map((object) => new Admissions(api, 'admitted', object));
    let isOver = false;
    const flow = admissions.map(async (each) => {
      while (!isOver) await each.run(5, admissionEveryMs);
    });
    const { sent, failures } = await underLoad(cluster, { url: demo.url, rate }, happens).finally(
      () => {
        isOver = true;
      },
    );
    await Promise.all(flow);
    for (const { outcomes } of admissions) {
      expect(outcomes).toMatchObject({ uninjected: [], refused: [] });
      expect(outcomes.injected).toBeGreaterThan(10);
    }
    expect(failures).toEqual([]);
    expect(sent).toBeGreaterThan(rate * 3);
    // One is let in, and the other is not, as before.
    expect(await newcomer.follows(work.path, looks)).toEqual([]);
  }

  async function saysStale(release: MadeRelease, isStale: boolean): Promise<void> {
    const { code, output } = await newcomer.does(release.folder, 'svidecar check -n demo -q');
    expect({ code, stale: /helper_current/.test(output) }, output).toEqual({
      code: isStale ? 5 : 0,
      stale: isStale,
    });
  }

  async function restartsStale(release: MadeRelease, isStale: boolean): Promise<void> {
    const restart = 'svidecar restart -n demo --stale --per-minute 30 --yes';
    await unharmed(async () => {
      const said = await does(release, restart);
      expect(said).toContain(isStale ? '2 to restart' : 'nothing to restart');
      await demo.rolledOut(injected);
    });
    await saysStale(release, false);
  }

  async function isGone(): Promise<void> {
    const left = await cluster.kubectl(['get', clusterKinds, '--output', 'name']);
    expect(left.split('\n').filter((name) => /\/svidecar(?!:coredns)/.test(name))).toEqual([]);
  }

  test("README's commands are those of docs/install.md", () => {
    expect(readme.length).toBe(5);
    expect(looks.length).toBe(2);
    const commands = steps.map(({ command }) => command);
    expect(commands).toEqual(expect.arrayContaining(readme.map(({ command }) => command)));
  });

  test('the files of both are those that were released', long, async () => {
    for (const release of [older, newer]) await follow('Are these the files', release);
  });

  test('the older one is installed by its chart, and the demo runs', long, async () => {
    await follow('The command line', older);
    await follow('The images', older);
    await follow('The chart', older);
    await follow('The demo', older);
    await saysStale(older, false);
  });

  test('an upgrade harms nobody, and restarts no pod', long, async () => {
    await follow('The images', newer);
    const before = await pods();
    await unharmed(() => does(newer, `helm upgrade svidecar ${chart} --namespace svidecar --wait`));
    expect(await pods()).toEqual(before);
  });

  test('what is stale then is said, and rolled out when asked for', long, async () => {
    await follow('The command line', newer);
    const isNewer = older.version !== newer.version;
    await saysStale(newer, isNewer);
    await restartsStale(newer, isNewer);
  });

  test('the way back is the same', long, async () => {
    const before = await pods();
    await unharmed(() => does(newer, 'helm rollback svidecar --namespace svidecar --wait'));
    expect(await pods()).toEqual(before);
    await follow('The command line', older);
    const isNewer = older.version !== newer.version;
    await saysStale(older, isNewer);
    await restartsStale(older, isNewer);
  });

  test('uninstalled, it leaves what the page says', long, async () => {
    await does(older, 'helm uninstall svidecar --namespace svidecar --wait');
    await isGone();
    await cluster.kubectl(['wait', '--for=delete', 'pods', '--all', '-n', 'svidecar']);
    const left = await cluster.kubectl(['get', ownKinds, '-n', 'svidecar', '--output', 'name']);
    expect(left.trim().split('\n').sort()).toEqual([
      'configmap/kube-root-ca.crt',
      'lease.coordination.k8s.io/svidecar',
      'secret/svidecar-tls',
      'serviceaccount/default',
    ]);
    await demo.answers();
    await does(older, 'kubectl delete namespace svidecar');
  });

  test('by plain YAML it is installed, upgraded and used', long, async () => {
    await follow('Plain YAML instead', older);
    const yaml = 'kubectl apply --server-side -f manifests/install-kind.yaml';
    const wait = 'kubectl rollout status -n svidecar deployment/svidecar --timeout 120s';
    await unharmed(() => does(newer, `${yaml} && ${wait}`));
    await follow('The command line', newer);
    await withoutEntriesByHand(cluster, demo.namespace);
    await follow('The demo', newer);
  });

  test('a revision in another namespace takes over, and the old one goes', long, async () => {
    const home = '--namespace svidecar-next';
    const install = `helm install svidecar-next ${chart} ${home} --create-namespace`;
    await unharmed(async () => {
      await does(newer, `${install} --set revision=next --wait`);
      await does(newer, 'kubectl label namespace demo svidecar.dev/revision=next');
      const said = await does(newer, 'svidecar restart -n demo --stale --revision next --yes');
      expect(said).toContain('2 to restart');
      await demo.rolledOut(injected);
      await does(newer, 'svidecar revision default next --yes');
      await does(newer, 'kubectl label namespace demo svidecar.dev/revision-');
      await does(newer, 'kubectl delete -f manifests/install-kind.yaml');
    });
    await saysStale(newer, false);

    await does(newer, `helm uninstall svidecar-next ${home}`);
    await does(newer, 'kubectl delete mutatingwebhookconfiguration svidecar-default');
    await does(newer, 'kubectl delete namespace svidecar-next --wait=false');
    await isGone();
    await demo.answers();
  });
});

function isImport({ command }: Step): boolean {
  return isOfImages.test(command);
}

function deploymentOf(pod: JsonObject): JsonObject {
  const { metadata, spec } = pod;
  const selector = { matchLabels: objectAt(objectAt(pod, 'metadata'), 'labels') };
  const kind = 'Deployment';
  return { apiVersion: 'apps/v1', kind, spec: { selector, template: { metadata, spec } } };
}

const admittedNamespace = JSON.stringify({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name: 'admitted', labels: { 'svidecar.dev/injection': 'enabled' } },
});
