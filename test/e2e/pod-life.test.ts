import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { isObject, listAt, objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { waitUntil } from '../integration/harness/processes.ts';
import { describeOnCluster } from './harness/cluster.ts';
import { demoIn } from './harness/demo-in.ts';
import {
  endOf,
  installSvidecar,
  isTrue,
  killContainer,
  nameOf,
  restartsOf,
  startOf,
  statusOf,
  Workloads,
} from './harness/workloads.ts';

const labels = ['svidecar.dev/injection: enabled'];
const both = ['backend', 'frontend'];
const containers = ['app', 'envoy', 'auth-helper'];

describeOnCluster('the life of injected pods', (cluster) => {
  /** Pod Security `restricted`, the socket by CSI, a quota on everything. */
  const life = new Workloads(cluster, 'life');
  /** The socket from the node. */
  const onNode = new Workloads(cluster, 'life-on-node');

  beforeAll(async () => {
    await installSvidecar(cluster);
    await cluster.kubectl(['create', 'namespace', life.namespace]);
    await life.kubectl(['apply', '-f', '-'], fixture('quota.yaml'));
    await cluster.kubectl(['apply', '-f', '-'], demoIn({ namespace: life.namespace, labels }));
    const fromNode = demoIn({ namespace: onNode.namespace, labels, socket: 'hostPath' });
    await cluster.kubectl(['apply', '-f', '-'], fromNode);
    await life.rolledOut(both);
    await life.answers();
    await life.kubectl(
      ['apply', '-f', '-'],
      fixture('asking.yaml').replace('/ns/demo/', `/ns/${life.namespace}/`),
    );
  });
  afterAll(async () => {
    await cluster.kubectl([
      'delete',
      'namespace',
      life.namespace,
      onNode.namespace,
      '--wait=false',
    ]);
  });

  test('the helper has what it needs before the other containers start', async () => {
    for (const app of both) {
      const pod = await life.onlyPod(app);
      expect(statusOf(pod, 'auth-helper')).toMatchObject({ started: true, ready: true });
      const log = await life.kubectl(['logs', nameOf(pod), '-c', 'auth-helper']);
      // Later lines tell of renewals.
      const inHand = log.split('\n').find((line) => /"level":"info".*"state":/.test(line)) ?? '';
      expect(inHand).not.toContain('waiting');
      const inHandAt = Date.parse(/"time":"([^"]+)"/.exec(inHand)?.[1] ?? '');
      for (const container of ['app', 'envoy']) {
        // The kubelet's times have whole seconds.
        expect(startOf(statusOf(pod, container)) + 1_000).toBeGreaterThan(inHandAt);
      }
    }
  });

  test('the helper ends after the other containers', async () => {
    const pod = nameOf(await life.onlyPod('frontend'));
    const watched = watchEnds(life, pod);
    await life.kubectl(['delete', 'pod', pod]);
    const ends = await watched;
    for (const container of ['app', 'envoy']) {
      expect(ends.get(container)).toBeGreaterThan(0);
      expect(ends.get('auth-helper')).toBeGreaterThanOrEqual(ends.get(container) ?? 0);
    }
    await life.rolledOut(both);
  });

  test.for(containers)('a crash of %s is its own restart, and nothing else', async (container) => {
    const before = await life.onlyPod('frontend');
    killContainer(before, container);
    await waitUntil(`${container} runs again`, async () => {
      const now = await life.onlyPod('frontend');
      return (
        restartsOf(now, container) === restartsOf(before, container) + 1 && isTrue(now, 'Ready')
      );
    });
    const after = await life.onlyPod('frontend');
    expect(nameOf(after)).toBe(nameOf(before));
    for (const other of containers.filter((name) => name !== container)) {
      expect(restartsOf(after, other)).toBe(restartsOf(before, other));
    }
    await life.answers();
  });

  test('while the SPIRE agent is away running pods go on; a new one waits, and starts when the socket comes', async () => {
    const spire = new Workloads(cluster, 'spire');
    const absent = (value: string): string =>
      `{"spec":{"template":{"spec":{"nodeSelector":{"absent":${value}}}}}}`;
    await spire.kubectl(['patch', 'daemonset', 'spire-agent', '-p', absent('"true"')]);
    await spire.kubectl([
      'wait',
      '--for=delete',
      'pod',
      '-l',
      'app=spire-agent',
      '--timeout',
      '60s',
    ]);
    try {
      await life.kubectl(['scale', 'deployment/frontend', '--replicas', '2']);
      await waitUntil('the new helper waits', async () => {
        const fresh = (await life.podsOf('frontend')).find((pod) => !isTrue(pod, 'Ready')) ?? {};
        expect(statusOf(fresh, 'auth-helper')).toMatchObject({ started: false });
        const log = await life.kubectl(['logs', nameOf(fresh), '-c', 'auth-helper']);
        return log.includes('check that the SPIRE agent runs on this node');
      });
      expect((await life.page()).status).toBe(200);
    } finally {
      await spire.kubectl(['patch', 'daemonset', 'spire-agent', '-p', absent('null')]);
    }
    await life.rolledOut(['frontend']);
    const restarts = (await life.podsOf('frontend')).map((pod) => restartsOf(pod, 'auth-helper'));
    expect(Math.min(...restarts)).toBe(0);
    await life.kubectl(['scale', 'deployment/frontend', '--replicas', '1']);
    await life.rolledOut(['frontend']);
  });

  test('an evicted pod is replaced by an injected one', async () => {
    const before = nameOf(await life.onlyPod('frontend'));
    await life.evict(before);
    await life.rolledOut(['frontend']);
    const after = await life.onlyPod('frontend');
    expect(nameOf(after)).not.toBe(before);
    expect(statusOf(after, 'auth-helper')).toMatchObject({ ready: true });
    await life.answers();
  });

  test('with the socket from the node it is the same', async () => {
    await onNode.rolledOut(both);
    const pod = await onNode.onlyPod('frontend');
    expect(statusOf(pod, 'auth-helper')).toMatchObject({ ready: true });
    expect(JSON.stringify(objectAt(pod, 'spec'))).not.toContain('csi.spiffe.io');
    await onNode.answers();
  });

  test('a quota on everything lets the pods in, since the helper names requests and limits', async () => {
    const [quota] = await life.list(['resourcequota']);
    expect(objectAt(objectAt(quota, 'status'), 'used')['pods']).not.toBe('0');
    const { initContainers = [] } = objectAt(await life.onlyPod('frontend'), 'spec');
    const helper = listAt({ initContainers }, 'initContainers')
      .filter(isObject)
      .find(({ name }) => name === 'auth-helper');
    for (const kind of ['requests', 'limits']) {
      expect(Object.keys(objectAt(objectAt(helper, 'resources'), kind)).sort()).toEqual([
        'cpu',
        'memory',
      ]);
    }
  });

  test('Jobs of a CronJob finish: the helper does not hold them up, and ends last', async () => {
    let done: JsonObject | undefined;
    const isDone = async (): Promise<boolean> => {
      const all = await life.list(['pods', '-l', 'app=asking']);
      done = all.find((pod) => stringAt(objectAt(pod, 'status'), 'phase') === 'Succeeded');
      return done !== undefined;
    };
    await waitUntil('a Job is complete', isDone, { deadlineMs: 100_000 });
    const pod = done ?? {};
    expect(await life.kubectl(['logs', nameOf(pod), '-c', 'app'])).toContain('Jacob Marley');
    expect(endOf(statusOf(pod, 'app'))).toBeGreaterThan(0);
    expect(endOf(statusOf(pod, 'envoy'))).toBeGreaterThanOrEqual(endOf(statusOf(pod, 'app')));
    expect(endOf(statusOf(pod, 'auth-helper'))).toBeGreaterThanOrEqual(
      endOf(statusOf(pod, 'envoy')),
    );
  });
});

function fixture(name: string): string {
  return readFileSync(join(import.meta.dirname, 'fixtures', name), 'utf8');
}

/** Watches a pod while it ends. @returns when each container ended, in Unix milliseconds */
async function watchEnds(workloads: Workloads, pod: string): Promise<ReadonlyMap<string, number>> {
  const selected = `fieldSelector=metadata.name=${pod}&timeoutSeconds=12`;
  const path = `/api/v1/namespaces/${workloads.namespace}/pods?watch=1&${selected}`;
  const events = (await workloads.kubectl(['get', '--raw', path])).trim().split('\n');
  const last: unknown = JSON.parse(events.at(-1) ?? '{}');
  const gone = objectAt(isObject(last) ? last : {}, 'object');
  return new Map(containers.map((name) => [name, endOf(statusOf(gone, name))]));
}
