import { describe, expect, test } from 'vitest';
import type { JsonObject } from '#kernel/json.ts';
import { sorted } from '../../../../webhook/cli/commands/restart.ts';
import { restartAll } from '../../../../webhook/cli/restart-one-by-one.ts';
import type { UnfinishedWorkload } from '../../../../webhook/console-cluster/judged-workloads.ts';
import type { WorkloadRow } from '../../../../webhook/console/console-model.ts';
import type { KubernetesApi } from '../../../../webhook/kube/kubernetes-api.ts';
import { unfinishedIn } from '../../../../webhook/objects/rollout.ts';

const ready = { replicas: 2, updatedReplicas: 2, availableReplicas: 2 };
const unready = { ...ready, availableReplicas: 1 };

function row(name: string, kind = 'Deployment'): WorkloadRow {
  const pods = { total: 2, ready: 2, injected: 2 };
  const id = `shop/${kind}/${name}`;
  return { id, namespace: 'shop', kind, name, status: 'stale', templates: [], pods, revision: 1 };
}

function object(kind: string, status: JsonObject, spec: JsonObject = {}): JsonObject {
  const metadata = { annotations: { 'kubectl.kubernetes.io/restartedAt': '2026-01-02T03:04:05Z' } };
  return { kind, spec: { replicas: 2, ...spec, template: { metadata } }, status };
}

function before(name: string, status: JsonObject, spec: JsonObject = {}): UnfinishedWorkload {
  const unfinished = unfinishedIn(object('Deployment', status, spec));
  if (unfinished === undefined) throw new Error('unfinished');
  return { namespace: 'shop', kind: 'Deployment', name, ...unfinished };
}

interface Scene {
  readonly all: readonly WorkloadRow[];
  readonly awaited?: readonly UnfinishedWorkload[];
  /** By name. */
  readonly objects: Readonly<Record<string, JsonObject>>;
  readonly interrupted?: AbortSignal;
}

async function roll({ all, awaited = [], objects, interrupted }: Scene) {
  let told = '';
  const restarted: string[] = [];
  const nameOf = (path: string): string => path.split('?')[0]?.split('/').at(-1) ?? '';
  // Nothing else of it is asked.
  const api = {
    get: (path: string) => Promise.resolve(objects[nameOf(path)] ?? {}),
    merge: (path: string) => {
      if (!path.includes('dryRun')) restarted.push(nameOf(path));
      return Promise.resolve({});
    },
  } as unknown as KubernetesApi;
  let now = 0;
  const isDone = await restartAll(
    { all, awaited },
    {
      api,
      judge: () => undefined,
      pace: { everyMs: 0, patienceMs: 1 },
      terminal: {
        out: (text) => (told += text),
        err: (text) => (told += text),
        hasColor: false,
        isInteractive: false,
        isPiped: false,
        readStdin: () => '',
        untilInterrupted: () => interrupted ?? new AbortController().signal,
        now: () => now++,
      },
    },
  );
  return { isDone, restarted, told };
}

describe('one after the other', () => {
  test('what was restarted before and is not ready yet stops a run before it begins', async () => {
    const { isDone, restarted, told } = await roll({
      all: [row('w4')],
      awaited: [before('w3', unready)],
      objects: { w3: object('Deployment', unready), w4: object('Deployment', ready) },
    });
    expect({ isDone, restarted }).toEqual({ isDone: false, restarted: [] });
    expect(told).toContain(
      'Deployment shop/w3  was restarted before, and is not ready: 1 of 2 pods are ready\n',
    );
    expect(told).toContain('1 more were not touched: run it again to go on');
  });

  test('once it is ready the run goes on', async () => {
    const { isDone, restarted } = await roll({
      all: [row('w4')],
      awaited: [before('w3', unready)],
      objects: { w3: object('Deployment', ready), w4: object('Deployment', ready) },
    });
    expect({ isDone, restarted }).toEqual({ isDone: true, restarted: ['w4'] });
  });

  test.each([
    [{ type: 'OnDelete' }, 0, 'delete its pods one by one'],
    [{ rollingUpdate: { partition: 1 } }, 1, 'its partition keeps pods below number 1'],
  ])('pods that stay as they were (%j) are told of, and hold nothing up', async (...scene) => {
    const [updateStrategy, updatedReplicas, words] = scene;
    const { isDone, restarted, told } = await roll({
      all: [row('a', 'StatefulSet'), row('b')],
      objects: {
        a: object('StatefulSet', { ...ready, updatedReplicas }, { updateStrategy }),
        b: object('Deployment', ready),
      },
    });
    expect({ isDone, restarted }).toEqual({ isDone: false, restarted: ['a', 'b'] });
    expect(told).toContain('StatefulSet shop/a  restarted, but ');
    expect(told).toContain(words);
    expect(told).toContain('Deployment shop/b  restarted, and ready');
  });

  test('an interruption is not said to be an unready workload', async () => {
    const over = new AbortController();
    const objects = {
      get a() {
        over.abort();
        return object('Deployment', unready);
      },
    };
    // Ctrl-C comes while it is waited for.
    const interrupted = over.signal;
    const { isDone, told } = await roll({ all: [row('a'), row('b')], objects, interrupted });
    expect(isDone).toBe(false);
    expect(told).toContain('restarted, and not waited for to the end: 1 of 2 pods are ready');
    expect(told).toContain('stopped, because it was interrupted; 1 more were not touched');
  });
});

test('what is unready comes first where it is to be restarted, and else is waited for, for some days', () => {
  const restartedMs = Date.parse('2026-01-02T03:04:05Z');
  const paused = before('w5', { ...ready, updatedReplicas: 0 }, { paused: true });
  const unfinished = [before('w2', unready), before('w3', unready), paused];
  const names = (all: readonly { readonly name: string }[]): readonly string[] =>
    all.map(({ name }) => name);
  const { chosen, awaited, kept } = sorted([row('w1'), row('w2')], { unfinished }, restartedMs);
  expect(names(chosen)).toEqual(['w2', 'w1']);
  expect(names(awaited)).toEqual(['w3']);
  expect(names(kept)).toEqual(['w5']);
  const later = sorted([row('w1'), row('w2')], { unfinished }, restartedMs + 8 * 86_400_000);
  expect([names(later.chosen), names(later.awaited)]).toEqual([['w1', 'w2'], []]);
});

test('only a restart is remembered, of what is restarted', () => {
  const never = { ...object('Deployment', unready), spec: { replicas: 2 } };
  expect(unfinishedIn(never)).toBeUndefined();
  expect(unfinishedIn(object('Deployment', ready))).toBeUndefined();
  expect(unfinishedIn(object('Job', unready))).toBeUndefined();
});
