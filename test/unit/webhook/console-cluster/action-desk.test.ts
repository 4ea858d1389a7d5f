import { beforeEach, describe, expect, it } from 'vitest';
import type { JsonObject } from '#kernel/json.ts';
import { unjudged, type BoardWorkload } from '../../../../webhook/console/board-entries.ts';
import { CoverageBoard } from '../../../../webhook/console/coverage-board.ts';
import type { WorkloadVerdict } from '../../../../webhook/console/judge-workload.ts';
import { ActionDesk } from '../../../../webhook/console-cluster/action-desk.ts';
import { ShownBans } from '../../../../webhook/console-cluster/shown-bans.ts';
import type { KubernetesApi } from '../../../../webhook/kube/kubernetes-api.ts';

const list = 'shop/svidecar-bans/bans.jsonl';
const session = 'one';
const verdict: WorkloadVerdict = { kind: 'injected', why: undefined, templates: [] };

function stored(kind: string, name: string, isInjected: boolean): BoardWorkload {
  const banLists = [{ name: 'svidecar-bans', key: 'bans.jsonl' }];
  const seen = { asks: true, isInjected, templates: [], configMaps: [], banLists };
  return { namespace: 'shop', kind, name, version: '1', seen };
}

describe('what is restarted from the console', () => {
  let board: CoverageBoard;
  let desk: ActionDesk;
  let patched: string[];

  beforeEach(() => {
    board = new CoverageBoard();
    board.setHooks('there');
    board.putNamespace({ name: 'shop', label: 'enabled', isEnding: false });
    patched = [];
    const merge = (path: string): Promise<JsonObject> => {
      patched.push(path);
      return Promise.resolve({});
    };
    // Nothing else of it is asked.
    const api = { merge } as unknown as KubernetesApi;
    const clock = { now: () => 0 };
    desk = new ActionDesk({
      api,
      board,
      clock,
      bans: new ShownBans({ api, board, clock }),
      target: { context: 'prod', kubeconfig: undefined },
      durationS: () => 60,
    });
    for (const kind of ['Deployment', 'Job', 'CronJob']) put(stored(kind, 'stale', true));
  });

  function put(workload: BoardWorkload, is: WorkloadVerdict['kind'] = 'injected'): void {
    const { namespace, kind, name, version } = workload;
    board.putWorkload(workload);
    const verdicts = { verdict: { ...verdict, kind: is }, podVerdict: undefined };
    board.setVerdicts(`${namespace}/${kind}/${name}`, version, verdicts);
    board.flush();
  }
  function restart(workloadKind: string, name = 'stale', namespace = 'shop') {
    return desk.prepare({ kind: 'restart', namespace, workloadKind, name }, session);
  }

  it('is what is stale or runs without, and nothing else', async () => {
    const { id, command } = restart('Deployment');
    expect(command).toBe('kubectl rollout restart deployment/stale -n shop --context prod');
    await desk.carryOut(id, session);
    expect(patched).toHaveLength(1);
    put(stored('Deployment', 'well', true), 'unchanged');
    put(stored('Deployment', 'bad', true), 'refused');
    expect(() => restart('Deployment', 'well')).toThrow('is injected: from here only');
    expect(() => restart('Deployment', 'bad')).toThrow('is refused: from here only');
    expect(() => restart('Deployment', 'coredns', 'kube-system')).toThrow('is not there any more');
    const verdicts = { verdict: unjudged('x', 'may not be read'), podVerdict: undefined };
    board.setVerdicts('shop/Deployment/stale', '1', verdicts);
    board.flush();
    expect(() => restart('Deployment')).toThrow('is unknown (may not be read)');
  });

  it('is nothing where svidecar is not installed', () => {
    board.setHooks('none');
    board.flush();
    expect(() => restart('Deployment')).toThrow('only where that helps');
  });

  it('is looked at again when it is carried out', async () => {
    const { id } = restart('Deployment');
    put({ ...stored('Deployment', 'stale', true), version: '2' }, 'unchanged');
    await expect(desk.carryOut(id, session)).rejects.toThrow('is injected: from here only');
    expect(patched).toEqual([]);
  });

  it('says how else, for a kind that is not restarted', () => {
    expect(() => restart('CronJob')).toThrow('its next run makes new pods');
    expect(() => restart('Job')).toThrow('delete it and create it again');
  });

  it('is carried out by the session that prepared it alone', async () => {
    const { id } = restart('Deployment');
    await expect(desk.carryOut(id, 'another')).rejects.toThrow('prepare it again');
    expect(patched).toEqual([]);
    await desk.carryOut(id, session);
    expect(patched).toHaveLength(1);
  });

  it('bans by no claim that its command could not say', () => {
    const ban = { kind: 'ban_add', list, claim: 'a=b', value: 'v' } as const;
    expect(() => desk.prepare(ban, session)).toThrow("a claim's name may neither");
    expect(desk.prepare({ ...ban, claim: 'sub' }, session).command).toContain("'sub={value}'");
  });
});
