/** The commands of README.md and docs/install.md, taken from there and run as a new user would. */
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { isObject, listAt, objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { startApiServer, type ApiServer } from '../harness/api-server.ts';
import { describeWithComponents, programPath } from '../harness/components.ts';
import { runCommand, waitUntil, type CommandResult } from '../harness/processes.ts';
import { installWebhook } from '../harness/webhook.ts';
import { apply, asks, guard, podOf, podsIn, tryToCreate } from './guarded-cluster.ts';

const programs = ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kubectl', 'helm'];
const shop = readFileSync('test/integration/fixtures/shop.yaml', 'utf8');

/** The commands of a section's blocks, block by block. */
function commandsIn(file: string, heading: string): readonly (readonly string[])[] {
  const section = readFileSync(file, 'utf8')
    .split(/^## /m)
    .find((text) => text.startsWith(`${heading}\n`));
  const blocks = [...(section ?? '').matchAll(/^```console\n([\s\S]*?)^```/gm)];
  return blocks.map(([, block = '']) =>
    block
      .split('\n')
      .filter((line) => line.startsWith('$ '))
      .map((line) => line.slice(2)),
  );
}

// The first block is a release's, which test/e2e/release.test.ts follows.
const [, readmeInstall = []] = commandsIn('README.md', 'Install');
const [readmeDemo = []] = commandsIn('README.md', 'First workload');
const [readmeUndo = []] = commandsIn('README.md', 'Undo');
const [byKustomize = []] = commandsIn('docs/install.md', 'kustomize');
const [byHelm = []] = commandsIn('docs/install.md', 'Helm');
const [offKustomize = [], offHelm = [], uninject = []] = commandsIn(
  'docs/install.md',
  'Uninstalling',
);

describeWithComponents(programs, 'the documented commands on a real API server', () => {
  let api: ApiServer;
  let stop: () => Promise<void> = () => Promise.resolve();

  beforeAll(async () => {
    api = await startApiServer();
    await api.createNamespace('shop');
  });
  afterAll(async () => {
    await stop();
    await api.stop();
  });

  /** In one shell each, in the clone. */
  async function follow(commands: readonly string[]): Promise<readonly CommandResult[]> {
    expect(commands.length).toBeGreaterThan(0);
    const path = [
      dirname(programPath('kubectl')),
      dirname(programPath('helm')),
      resolve('node_modules/.bin'),
      process.env['PATH'],
    ];
    const env = { KUBECONFIG: api.kubeconfig, PATH: path.join(':') };
    const results: CommandResult[] = [];
    for (const command of commands) {
      const result = await runCommand('bash', ['-o', 'pipefail', '-c', command], { env });
      expect(result.code, `${command}\n${result.stderr}`).toBe(0);
      results.push(result);
    }
    return results;
  }
  async function deployment(space: string, name: string): Promise<JsonObject> {
    const { body } = await api.request(
      'GET',
      `/apis/apps/v1/namespaces/${space}/deployments/${name}`,
    );
    return isObject(body) ? body : {};
  }
  /** No node runs these pods: a process does what they would, with their rights, and hooks that call it by its URL. */
  async function serveInsteadOfPods(): Promise<void> {
    await stop();
    await removeHooks();
    const webhook = await installWebhook(api);
    stop = () => webhook.stop();
  }
  async function removeHooks(): Promise<void> {
    await api.kubectl([
      'delete',
      'mutatingwebhookconfigurations',
      'svidecar-pods',
      'svidecar-workloads',
    ]);
  }
  const isGuarded = async (): Promise<boolean> =>
    (await tryToCreate(api, 'shop', podOf(asks('jwt-inject')))).stderr.includes(guard);
  async function untilGone(): Promise<void> {
    await waitUntil(
      'its namespace is gone',
      async () => (await api.request('GET', '/api/v1/namespaces/svidecar')).status === 404,
    );
    // The API server forgets a policy a moment after its object is gone.
    await waitUntil('the guard is gone', async () => !(await isGuarded()));
  }

  test('README: installed by one command, the demo is injected by the next, and says so', async () => {
    await follow(readmeInstall);
    await waitUntil(
      'its pods are admitted',
      async () => (await podsIn(api, 'svidecar')).length === 2,
    );
    await serveInsteadOfPods();
    const [demo] = await follow(readmeDemo);
    expect(demo?.stderr).toContain('svidecar: injected jwt-validate');
    expect(demo?.stderr).toContain('svidecar: injected jwt-inject');
    expect(JSON.stringify(await deployment('demo', 'backend'))).toContain('"name":"auth-helper"');
    await waitUntil('its pods get in', async () => (await podsIn(api, 'demo')).length === 3);
  });

  test('README: and undone by another', async () => {
    const template = async (name: string): Promise<string> =>
      JSON.stringify((await deployment('demo', name))['spec']);
    expect(await template('frontend')).toContain('"name":"auth-helper"');
    await follow(readmeUndo);
    expect(await template('frontend')).not.toMatch(/auth-helper|svidecar\.dev\/injected/);
    expect(await template('backend')).toContain('auth-helper');
  });

  test('docs/install.md: a namespace is let in', async () => {
    // Those that call a URL cannot become ones that call a Service.
    await removeHooks();
    await follow(byKustomize);
    await serveInsteadOfPods();
    const { stderr } = await apply(api, 'shop', shop);
    expect(stderr).toContain('svidecar: injected jwt-inject');
    await waitUntil('the pod is there', async () => (await podsIn(api, 'shop')).length === 1);
  });

  test('and all is taken away; the workload stays, injected, until its parts are taken out', async () => {
    await stop();
    const before = (await podsIn(api, 'shop')).map((each) =>
      stringAt(objectAt(each, 'metadata'), 'uid'),
    );
    await follow(offKustomize);
    await untilGone();
    expect(
      (await podsIn(api, 'shop')).map((each) => stringAt(objectAt(each, 'metadata'), 'uid')),
    ).toEqual(before);
    expect(JSON.stringify(await deployment('shop', 'frontend'))).toContain('auth-helper');
    await follow(uninject);
    const { spec } = await deployment('shop', 'frontend');
    const template = objectAt(isObject(spec) ? spec : {}, 'template');
    expect(JSON.stringify(template)).not.toContain('auth-helper');
    const [volume] = listAt(objectAt(template, 'spec'), 'volumes');
    expect(volume).toMatchObject({ configMap: { name: 'frontend-envoy' } });
  });

  test('docs/install.md: helm installs it, and takes it away', async () => {
    await follow(byHelm);
    await waitUntil('the guard is at work', isGuarded);
    await waitUntil(
      'its pods are admitted',
      async () => (await podsIn(api, 'svidecar')).length === 2,
    );
    await follow(offHelm);
    await untilGone();
  });
});
