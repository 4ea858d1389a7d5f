import { describe, expect, it } from 'vitest';
import type { BoardWorkload, SeenPod } from '../../../../webhook/console/board-entries.ts';
import { CoverageBoard } from '../../../../webhook/console/coverage-board.ts';
import type { WorkloadVerdict } from '../../../../webhook/console/judge-workload.ts';

function workload(name: string, changes: Partial<BoardWorkload> = {}): BoardWorkload {
  const seen = { asks: true, isInjected: true, templates: ['a'], configMaps: [], banLists: [] };
  return { namespace: 'shop', kind: 'Deployment', name, version: '1', seen, ...changes };
}

function pod(name: string, changes: Partial<SeenPod> = {}): SeenPod {
  return {
    namespace: 'shop',
    name,
    version: '1',
    root: { kind: 'Deployment', name: 'a' },
    replicaSet: 'a-1',
    isReady: true,
    asks: true,
    isInjected: true,
    ...changes,
  };
}

function verdict(kind: WorkloadVerdict['kind']): {
  verdict: WorkloadVerdict;
  podVerdict: undefined;
} {
  return { verdict: { kind, why: undefined, templates: ['a'] }, podVerdict: undefined };
}

function boardWith(...workloads: readonly BoardWorkload[]): CoverageBoard {
  const board = new CoverageBoard();
  board.putNamespace({ name: 'shop', label: 'enabled', isEnding: false });
  for (const each of workloads) board.putWorkload(each);
  return board;
}

describe('the board', () => {
  it('tells what has changed since a moment, and each thing once', () => {
    const board = boardWith(workload('a'), workload('b'));
    expect(board.flush()).toBe(true);
    const first = board.moment;
    expect(board.flush()).toBe(false);
    board.setVerdicts('shop/Deployment/a', '1', verdict('unchanged'));
    board.flush();
    board.setVerdicts('shop/Deployment/a', '1', verdict('injected'));
    board.flush();
    const change = board.changesSince(first);
    expect(change?.workloads).toMatchObject([{ name: 'a', status: 'stale' }]);
    expect(change?.namespaces).toMatchObject([{ counts: { stale: 1, unknown: 1 } }]);
    expect(board.changesSince(board.moment)?.workloads).toEqual([]);
    expect(board.changesSince(board.moment + 1)).toBeUndefined();
  });

  it('tells what is gone, and not what came back', () => {
    const board = boardWith(workload('a'), workload('b'));
    board.flush();
    const { moment } = board;
    board.dropWorkload('shop/Deployment/a');
    board.dropWorkload('shop/Deployment/b');
    board.flush();
    board.putWorkload(workload('b'));
    board.flush();
    expect(board.changesSince(moment)).toMatchObject({
      goneWorkloads: ['shop/Deployment/a'],
      workloads: [{ name: 'b' }],
    });
    board.dropWorkload('shop/Deployment/b');
    board.dropNamespace('shop');
    board.flush();
    expect(board.changesSince(moment)).toMatchObject({ goneNamespaces: ['shop'] });
    expect(board.namespaceRows()).toEqual([]);
  });

  it('forgets what is long gone, and says so to whoever comes back from before', () => {
    const board = boardWith(workload('kept'));
    board.flush();
    const { moment } = board;
    for (let i = 0; i < 10_100; i += 1) board.putWorkload(workload(`w${i}`));
    board.flush();
    const between = board.moment;
    for (let i = 0; i < 10_100; i += 1) board.dropWorkload(`shop/Deployment/w${i}`);
    board.flush();
    expect(board.changesSince(moment)).toBeUndefined();
    expect(board.changesSince(between)).toBeUndefined();
    expect(board.changesSince(board.moment)).toBeDefined();
  });

  it('judges anew only what has changed', () => {
    const board = boardWith();
    expect(board.putWorkload(workload('a'))).toBe(true);
    board.setVerdicts('shop/Deployment/a', '1', verdict('unchanged'));
    expect(board.putWorkload(workload('a'))).toBe(false);
    expect(board.putWorkload(workload('a', { version: '2' }))).toBe(true);
    board.setVerdicts('shop/Deployment/a', '1', verdict('refused'));
    board.flush();
    expect(board.row('shop/Deployment/a')?.status).toBe('injected');
    board.forgetVerdicts();
    expect(board.putWorkload(workload('a', { version: '2' }))).toBe(true);
  });

  it('counts pods at their workload, and says where some run without', () => {
    const board = boardWith(workload('a'));
    board.setVerdicts('shop/Deployment/a', '1', verdict('unchanged'));
    board.pods.put(pod('a-1-x'));
    board.pods.put(pod('a-1-y', { isInjected: false, isReady: false }));
    board.flush();
    expect(board.row('shop/Deployment/a')).toMatchObject({
      status: 'missing',
      why: { id: 'pods_without', message: '1 of 2 pods run without it' },
      pods: { total: 2, ready: 1, injected: 1 },
    });
    board.pods.drop('shop', 'a-1-y');
    board.flush();
    expect(board.row('shop/Deployment/a')?.status).toBe('injected');
  });

  it('knows what has no row of its own by its pods: ReplicaSets, other controllers, and pods alone', () => {
    const board = boardWith();
    board.pods.put(pod('a-1-x'));
    const rollout = { root: { kind: 'Rollout', name: 'r' }, replicaSet: undefined };
    board.pods.put(pod('r-x', rollout));
    board.pods.put(pod('lone', { root: { kind: 'Pod', name: 'lone' }, replicaSet: undefined }));
    board.flush();
    const ids = board.rows().map(({ id }) => id);
    expect(ids.sort()).toEqual(['shop/Pod/lone', 'shop/ReplicaSet/a-1', 'shop/Rollout/r']);
    board.putWorkload(workload('a'));
    board.flush();
    expect(board.rows().map(({ id }) => id)).toContain('shop/Deployment/a');
    expect(board.row('shop/ReplicaSet/a-1')).toBeUndefined();
    board.dropWorkload('shop/Deployment/a');
    board.flush();
    expect(board.row('shop/ReplicaSet/a-1')).toBeDefined();
  });

  it('gives the pods of a Job to the CronJob that made it', () => {
    const madeBy = { kind: 'CronJob', name: 'nightly' };
    const board = boardWith(
      workload('nightly', { kind: 'CronJob' }),
      workload('nightly-1', { kind: 'Job', madeBy }),
    );
    board.pods.put(pod('p', { root: { kind: 'Job', name: 'nightly-1' }, replicaSet: undefined }));
    board.flush();
    expect(board.rows().map(({ id }) => id)).toEqual(['shop/CronJob/nightly']);
    expect(board.row('shop/CronJob/nightly')?.pods.total).toBe(1);
    board.dropWorkload('shop/Job/nightly-1');
    board.pods.drop('shop', 'p');
    board.flush();
    expect(board.row('shop/CronJob/nightly')?.pods.total).toBe(0);
  });

  it('takes names of the prototype for names', () => {
    const board = boardWith(workload('constructor'), workload('__proto__'));
    board.putNamespace({ name: 'constructor', label: 'none', isEnding: false });
    board.flush();
    expect(board.rows()).toHaveLength(2);
    expect(board.namespaceRows().map(({ name }) => name)).toContain('constructor');
  });
});
