import { describe, expect, test } from 'vitest';
import type { ConsoleEvent } from '../../../../../webhook/console/console-model.ts';
import {
  nothingHeard,
  withEvent,
  withSnapshot,
} from '../../../../../webhook/pages/console/console-state.ts';
import { namespaceRow, standing, workloadRow } from '../../../../fakes/console-facts.ts';

const first = workloadRow(0, 'shop');
const second = workloadRow(1, 'shop');
const state = withSnapshot(
  { ...nothingHeard, line: { kind: 'lost', sinceMs: 1, message: 'away' } },
  {
    version: '7',
    nowS: 130,
    cluster: standing,
    namespaces: [namespaceRow('shop', [first, second])],
    workloads: [first, second],
  },
  100,
);

function changed(
  change: Partial<Extract<ConsoleEvent, { readonly kind: 'changed' }>>,
): ConsoleEvent {
  const nothing = { namespaces: [], goneNamespaces: [], workloads: [], goneWorkloads: [] };
  return { kind: 'changed', version: '8', ...nothing, ...change };
}

describe('what the console has heard', () => {
  test('all of it once: the line is there again, and the clocks are compared', () => {
    expect(state.line).toEqual({ kind: 'live' });
    expect(state.aheadS).toBe(30);
    expect([...state.workloads.keys()]).toEqual([first.id, second.id]);
  });

  test('changes replace, add and take away, and leave what they do not name the same', () => {
    const stale = { ...first, status: 'stale' as const };
    const third = workloadRow(2, 'shop');
    const change = { workloads: [stale, third], goneWorkloads: [second.id] };
    const next = withEvent(state, changed(change), 100);
    expect([...next.workloads.values()]).toEqual([stale, third]);
    expect(next.namespaces).toBe(state.namespaces);
    expect(next.version).toBe('8');
    expect([...state.workloads.values()]).toEqual([first, second]);
  });

  test('a namespace goes', () => {
    const next = withEvent(state, changed({ goneNamespaces: ['shop'] }), 100);
    expect(next.namespaces.size).toBe(0);
    expect(next.workloads).toBe(state.workloads);
  });

  test('a beat heals the line and sets the clock', () => {
    const lost = { ...state, line: { kind: 'lost', sinceMs: 1, message: 'away' } as const };
    const next = withEvent(lost, { kind: 'beat', nowS: 90, version: '9' }, 100);
    expect([next.line.kind, next.aheadS, next.version]).toEqual(['live', -10, '9']);
  });

  test('looks, bans and the cluster by themselves', () => {
    const run = { kind: 'done', finishedS: 1, tookMs: 2 } as const;
    const events: readonly ConsoleEvent[] = [
      { kind: 'run', run: 'doctor', state: run },
      { kind: 'bans' },
      { kind: 'bans' },
      { kind: 'certificates' },
      { kind: 'cluster', cluster: { ...standing, connection: 'away' } },
      { kind: 'reset' },
    ];
    const next = events.reduce((each, event) => withEvent(each, event, 100), state);
    expect(next.runs.get('doctor')).toEqual(run);
    expect(next.changes).toEqual({ bans: 2, certificates: 1 });
    expect(next.cluster?.connection).toBe('away');
    expect(next.workloads).toBe(state.workloads);
  });
});
