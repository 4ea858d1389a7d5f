/** The guard and the real webhook together: an outage lets nobody in without protection, and stops nobody who has it. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isObject, listAt, objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { startApiServer, type ApiServer } from '../harness/api-server.ts';
import { describeWithComponents } from '../harness/components.ts';
import { waitUntil, type CommandResult } from '../harness/processes.ts';
import { installWebhook, type InstalledWebhook } from '../harness/webhook.ts';
import { apply, guard, makeNamespace, podsIn, untilRefusedWith } from './guarded-cluster.ts';

const programs = ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kubectl'];
const shop = await readFile(join(import.meta.dirname, '../fixtures/shop.yaml'), 'utf8');

let api: ApiServer;

/** The helper's settings, as the status names them. */
function settingsIn(pod: JsonObject | undefined): string | undefined {
  const annotations = objectAt(objectAt(pod ?? {}, 'metadata'), 'annotations');
  const status: unknown = JSON.parse(stringAt(annotations, 'svidecar.dev/status') ?? '{}');
  return stringAt(objectAt(isObject(status) ? status : {}, 'helper'), 'settings');
}

/** Why controllers could not make pods, by their events. */
async function refusals(space: string): Promise<string> {
  const { body } = await api.request('GET', `/api/v1/namespaces/${space}/events`);
  return listAt(isObject(body) ? body : {}, 'items')
    .filter(isObject)
    .filter((event) => event['reason'] === 'FailedCreate')
    .map((event) => stringAt(event, 'message') ?? '')
    .join('\n');
}

describeWithComponents(programs, 'the guard beside the real webhook', () => {
  let webhook: InstalledWebhook;
  beforeAll(async () => {
    api = await startApiServer();
    webhook = await installWebhook(api);
  });
  afterAll(async () => {
    await webhook.stop();
    await api.stop();
  });

  /** @returns the pods once there are this many that are not on their way out. */
  async function untilPods(space: string, wanted: number): Promise<readonly JsonObject[]> {
    let found: readonly JsonObject[] = [];
    await waitUntil(`${space} has ${wanted} pods`, async () => {
      found = (await podsIn(api, space)).filter(
        (each) => objectAt(each, 'metadata')['deletionTimestamp'] === undefined,
      );
      return found.length === wanted;
    });
    return found;
  }
  const untilRefused = (space: string, message: string): Promise<void> =>
    waitUntil(`a pod of ${space} is refused`, async () =>
      (await refusals(space)).includes(message),
    );
  const scale = (space: string, replicas: number): Promise<CommandResult> =>
    api.kubectl(['scale', '-n', space, 'deployment/frontend', `--replicas=${replicas}`]);
  const restart = (space: string): Promise<CommandResult> =>
    api.kubectl(['rollout', 'restart', '-n', space, 'deployment/frontend']);
  const containers = (object: JsonObject | undefined): readonly unknown[] =>
    listAt(objectAt(object ?? {}, 'spec'), 'initContainers').map(
      (each) => isObject(each) && each['name'],
    );

  test.each(['enabled', 'pod'] as const)(
    'what the webhook injected is let in, in a namespace labelled "%s"',
    async (injection) => {
      const space = await makeNamespace(api, injection);
      await apply(api, space, shop);
      const [made] = await untilPods(space, 1);
      expect(containers(made)).toEqual(['auth-helper']);
      expect(await refusals(space)).toBe('');
    },
  );

  test('a forged status gets a pod past the webhook, but not past the guard', async () => {
    const space = await makeNamespace(api, 'pod');
    const forged = JSON.stringify({ version: '9', templates: ['jwt-inject'], undo: {} });
    await apply(
      api,
      space,
      shop.replace(
        'svidecar.dev/audience: backend',
        `svidecar.dev/audience: backend\n        svidecar.dev/status: '${forged}'`,
      ),
    );
    await untilRefused(space, 'has no container auth-helper');
    expect(await podsIn(api, space)).toEqual([]);
  });

  describe('while the webhook is away', () => {
    let before: string;
    let reset: string;
    let changed: string;
    let plain: string;
    const onlySocket = shop.replace('templates: jwt-inject', 'templates: spiffe-socket');
    const both = shop.replace('templates: jwt-inject', 'templates: jwt-inject,spiffe-socket');

    beforeAll(async () => {
      [before, reset, changed, plain] = [
        await makeNamespace(api, 'enabled'),
        await makeNamespace(api, 'enabled'),
        await makeNamespace(api, 'enabled'),
        await makeNamespace(api, 'enabled'),
      ];
      for (const space of [before, reset]) await apply(api, space, shop);
      await apply(api, changed, onlySocket);
      await Promise.all([before, reset, changed].map((space) => untilPods(space, 1)));
      await webhook.stop();
    });

    test('workloads that were injected before get new pods', async () => {
      await scale(before, 3);
      await untilPods(before, 3);
    });

    test('a new workload is stored with a warning, and its pods stay out', async () => {
      const { stderr } = await apply(api, plain, shop);
      expect(stderr).toContain('svidecar has not injected it');
      await untilRefused(plain, guard);
      expect(await podsIn(api, plain)).toEqual([]);
    });

    test('so do pods whose Envoy an apply has put back to its source', async () => {
      await apply(api, reset, shop);
      await scale(reset, 2);
      await untilRefused(reset, 'its Envoy does not read the configuration that asks the helper');
      await untilPods(reset, 1);
    });

    test('and those that ask for more than was injected', async () => {
      await apply(api, changed, both);
      await untilRefused(changed, 'was injected without jwt-inject');
      await untilPods(changed, 1);
    });

    test('whoever changes settings of an injected workload is warned that they do not arrive', async () => {
      const other = shop.replace('svidecar.dev/audience: backend', 'svidecar.dev/audience: other');
      const { stderr } = await apply(api, before, other);
      expect(stderr).toContain(
        'annotations of this Deployment changed, but nothing of what was injected',
      );
    });

    test('with failurePolicy Fail even those injected before stay out, by the component fail-closed', async () => {
      await failurePolicy('Fail');
      await scale(before, 4);
      await untilRefused(before, 'failed calling webhook "pods.svidecar.dev"');
      await untilPods(before, 3);
      await failurePolicy('Ignore');
    });

    test('pods of svidecar itself and of kube-system come back, with either policy', async () => {
      for (const policy of ['Fail', 'Ignore']) {
        await failurePolicy(policy);
        for (const space of ['svidecar', 'kube-system']) {
          await api.kubectl([
            'label',
            'namespace',
            space,
            'svidecar.dev/injection=enabled',
            '--overwrite',
          ]);
        }
        await apply(api, 'kube-system', shop);
        await untilPods('svidecar', 2);
        for (const space of ['svidecar', 'kube-system']) {
          const old = (await podsIn(api, space)).length;
          await api.kubectl([
            'delete',
            'pods',
            '-n',
            space,
            '--all',
            '--grace-period=0',
            '--force',
          ]);
          expect(old).toBeGreaterThan(0);
          await untilPods(space, old);
        }
      }
    });

    test('all of them come in when it is back; those that asked for more after a restart', async () => {
      // Another process with another authority: it would not be ready while hooks trust the old one alone.
      await api.kubectl(['delete', 'mutatingwebhookconfigurations', '--all']);
      webhook = await installWebhook(api);
      const spaces = [before, plain, reset, changed];
      await Promise.all(spaces.map((space) => scale(space, 0)));
      for (const space of spaces) {
        await untilPods(space, 0);
        await restart(space);
        await scale(space, 1);
        const [made] = await untilPods(space, 1);
        expect(containers(made)).toEqual(['auth-helper']);
        if (space === before) expect(settingsIn(made)).toContain('"audience": "other"');
      }
    });
  });

  async function failurePolicy(value: string): Promise<void> {
    const patch = [{ op: 'replace', path: '/webhooks/0/failurePolicy', value }];
    const args = [
      'patch',
      'mutatingwebhookconfiguration',
      'svidecar-pods',
      '--type=json',
      '-p',
      JSON.stringify(patch),
    ];
    expect(await api.kubectl(args)).toMatchObject({ code: 0 });
    await untilRefusedWith(api, value === 'Fail' ? 'failed calling webhook' : guard);
  }
});
