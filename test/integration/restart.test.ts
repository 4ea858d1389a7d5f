/** `svidecar restart` with the real webhook and the real controllers; a pod becomes ready when the test says so, as a kubelet would. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { isObject, listAt, objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { anewWords } from '../../webhook/objects/anew-words.ts';
import { asks, deployment, envoyYaml } from './console/console-shop.ts';
import { startApiServer, type ApiServer } from './harness/api-server.ts';
import { describeWithComponents } from './harness/components.ts';
import { makePodsReady } from './harness/pods-made-ready.ts';
import { runCommand, waitUntil } from './harness/processes.ts';
import { installWebhook, type InstalledWebhook } from './harness/webhook.ts';

const programs = ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kubectl'];
const path = '/apis/apps/v1/namespaces/edge/deployments';
const sets = '/apis/apps/v1/namespaces/edge/replicasets';
const crons = '/apis/batch/v1/namespaces/edge/cronjobs';
const names = ['front', 'back', 'till'];

/** As a shell would read them. */
function wordsOf(command: string): readonly string[] {
  const words = command.replace(`'$(date +%s)'`, '1').split(' ');
  return words.slice(1).map((word) => word.replaceAll("'", ''));
}

describeWithComponents(programs, 'svidecar restart', () => {
  let api: ApiServer;
  let webhook: InstalledWebhook;

  beforeAll(async () => {
    api = await startApiServer();
    webhook = await installWebhook(api);
    await api.createNamespace('edge', { 'svidecar.dev/injection': 'enabled' });
    const data = { 'envoy.yaml': envoyYaml };
    await api.request('POST', '/api/v1/namespaces/edge/configmaps', {
      metadata: { name: 'envoy' },
      data,
    });
    for (const name of names) {
      const object = deployment(name, asks);
      const made = await api.request('POST', path, {
        ...object,
        spec: { ...objectAt({ ...object }, 'spec'), replicas: 1 },
      });
      expect(made.status).toBe(201);
    }
    const { spec } = deployment('alone', asks) as { readonly spec: JsonObject };
    const template = objectAt(spec, 'template');
    const job = { ...template, spec: { ...objectAt(template, 'spec'), restartPolicy: 'Never' } };
    const cron = { schedule: '0 0 1 1 *', jobTemplate: { spec: { template: job } } };
    await api.request('POST', sets, { metadata: { name: 'alone' }, spec });
    await api.request('POST', crons, { metadata: { name: 'nightly' }, spec: cron });
    // Asks for nothing: never touched.
    await api.request('POST', path, deployment('quiet'));
  });
  afterAll(async () => {
    await webhook.stop();
    await api.stop();
  });

  function restart(...flags: readonly string[]): ReturnType<typeof runCommand> {
    return restartBy(webhook.configFile, ...flags);
  }

  function restartBy(
    configFile: string,
    ...flags: readonly string[]
  ): ReturnType<typeof runCommand> {
    const main = join(import.meta.dirname, '../../webhook/main.ts');
    const given = ['--kubeconfig', api.kubeconfig, '--config', configFile];
    return runCommand(process.execPath, [main, 'restart', ...flags, ...given], {
      deadlineMs: 60_000,
    });
  }

  async function specs(): Promise<readonly unknown[]> {
    const { body } = await api.request('GET', path);
    return listAt(isObject(body) ? body : {}, 'items').map(
      (each) => isObject(each) && each['spec'],
    );
  }

  /** Requests of memory of the helper in the stored pod templates, by workload. */
  async function requests(): Promise<Readonly<Record<string, string>>> {
    const found = await Promise.all(
      names.map(async (name): Promise<[string, string]> => {
        const { body } = await api.request('GET', `${path}/${name}`);
        const spec = objectAt(
          objectAt(objectAt(isObject(body) ? body : {}, 'spec'), 'template'),
          'spec',
        );
        const [helper] = listAt(spec, 'initContainers').filter(isObject);
        return [
          name,
          stringAt(objectAt(objectAt(helper, 'resources'), 'requests'), 'memory') ?? '',
        ];
      }),
    );
    return Object.fromEntries(found);
  }

  test('with nothing stale there is nothing to do', async () => {
    const said = await restart('--stale', '--yes');
    expect(said).toMatchObject({ code: 0, stdout: '', stderr: 'nothing to restart\n' });
  });

  test('after a change of the configuration it lists what is stale, and touches nothing', async () => {
    await writeFile(webhook.configFile, 'helper: {memoryRequest: 80Mi}\n');
    await waitUntil('the webhook has the new configuration', async () => {
      const object = deployment('probe', asks);
      const { body } = await api.request('POST', `${path}?dryRun=All`, object);
      return JSON.stringify(body).includes('80Mi');
    });
    const said = await restart('--stale');
    expect(said.stdout.split('\n').map((line) => line.split(':')[0])).toEqual([
      'CronJob edge/nightly  stale',
      'Deployment edge/back  stale',
      'Deployment edge/front  stale',
      'Deployment edge/till  stale',
      '',
    ]);
    // A CronJob is told of, and not restarted.
    expect(said).toMatchObject({ code: 1, stderr: '3 to restart; --yes does it\n' });
    expect(await requests()).toEqual({ front: '64Mi', back: '64Mi', till: '64Mi' });
  });

  test('what is advised for kinds that are not restarted has their pod templates injected anew', async () => {
    for (const [kind, name, path] of [
      ['ReplicaSet', 'alone', `${sets}/alone`],
      ['CronJob', 'nightly', `${crons}/nightly`],
    ] as const) {
      const [advice = ''] = anewWords({ kind, name, namespace: 'edge' }).split(', so that');
      expect(JSON.stringify(await api.request('GET', path))).toContain('64Mi');
      const said = await api.kubectl(wordsOf(advice));
      expect(said.code, said.stderr).toBe(0);
      expect(JSON.stringify(await api.request('GET', path))).toContain('80Mi');
      await api.request('DELETE', path);
    }
  });

  test('what does not become ready stops the rest', async () => {
    const said = await restart('--stale', '--yes', '--patience', '3s');
    expect(said.code).toBe(1);
    expect(said.stdout).toContain('Deployment edge/back  restarted, and not ready: ');
    expect(said.stderr).toContain('2 more were not touched: run it again to go on');
    expect(await requests()).toEqual({ front: '64Mi', back: '80Mi', till: '64Mi' });
  });

  test('a run goes on only once what was restarted before is ready, and so says a list', async () => {
    const words = 'Deployment edge/back  was restarted before, and is not ready: ';
    const listed = await restart('--stale');
    expect(listed).toMatchObject({ code: 1, stderr: '2 to restart; --yes does it\n' });
    expect(listed.stdout).toContain(words);
    const said = await restart('--stale', '--yes', '--patience', '1s');
    expect(said.code).toBe(1);
    expect(said.stdout).toContain(words);
    expect(said.stderr).toContain('2 more were not touched');
    expect(await requests()).toEqual({ front: '64Mi', back: '80Mi', till: '64Mi' });
  });

  test('with pods that become ready the others follow, no faster than they may', async () => {
    const over = new AbortController();
    const kubelet = makePodsReady(api, 'edge', over.signal);
    const began = performance.now();
    const said = await restart('--stale', '--yes', '--per-minute', '10');
    over.abort();
    await kubelet;
    expect(said).toMatchObject({ code: 0 });
    const ready = said.stdout.split('\n').filter((line) => line.endsWith('restarted, and ready'));
    expect(ready).toHaveLength(2);
    // One every six seconds.
    expect(performance.now() - began).toBeGreaterThan(6_000);
    expect(await requests()).toEqual({ front: '80Mi', back: '80Mi', till: '80Mi' });
    expect(await restart('--stale')).toMatchObject({ code: 0, stderr: 'nothing to restart\n' });
  });

  test('what would stay as it is, is not restarted: the webhook goes by something else, or the workload is paused', async () => {
    const other = `${webhook.configFile}.other`;
    await writeFile(other, 'helper: {memoryRequest: 96Mi}\n');
    await api.request('PATCH', `${path}/till`, { spec: { paused: true } });
    const before = await specs();
    const said = await restartBy(other, '--stale', '--yes', '--per-minute', '1');
    expect(said.code).toBe(1);
    const words = said.stdout.split('\n').filter((line) => line.includes('not restarted'));
    expect(words).toEqual([
      expect.stringContaining('edge/back  not restarted: svidecar in the cluster would leave it'),
      expect.stringContaining('edge/front  not restarted: svidecar in the cluster would leave it'),
      'Deployment edge/till  not restarted: it is paused; kubectl rollout resume deployment/till -n edge',
    ]);
    expect(await specs()).toEqual(before);
  });

  test('without svidecar in the cluster nothing is restarted, and it says so', async () => {
    const hooks = await api.kubectl(['delete', 'mutatingwebhookconfigurations', '--all']);
    expect(hooks.code, hooks.stderr).toBe(0);
    const said = await restart('--stale', '--missing', '--yes');
    expect(said).toMatchObject({ code: 3, stdout: '' });
    expect(said.stderr).toContain('svidecar is not installed in this cluster');
  });
});
