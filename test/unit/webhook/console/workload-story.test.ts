import { describe, expect, it } from 'vitest';
import type { WorkloadRow } from '../../../../webhook/console/console-model.ts';
import {
  eventViews,
  offeredActions,
  podView,
  undoOf,
} from '../../../../webhook/console/workload-story.ts';
import { injectBackend, pod } from '../../../fakes/workloads.ts';

const prod = { context: 'prod', kubeconfig: undefined };

const row: WorkloadRow = {
  id: 'shop/Deployment/frontend',
  namespace: 'shop',
  kind: 'Deployment',
  name: 'frontend',
  status: 'stale',
  why: { id: 'injected', message: 'older' },
  templates: [],
  pods: { total: 0, ready: 0, injected: 0 },
  revision: 1,
};

describe('a pod', () => {
  it('says what it waits for, and whether it has what it asks for', () => {
    const containerStatuses = [
      { restartCount: 2, state: { running: {} } },
      { restartCount: 5, state: { waiting: { reason: 'CrashLoopBackOff' } } },
    ];
    const status = { phase: 'Running', startTime: '2026-11-30T00:00:00Z', containerStatuses };
    expect(podView({ ...pod(injectBackend), status })).toEqual({
      name: 'frontend-1',
      phase: 'CrashLoopBackOff',
      isReady: false,
      restarts: 7,
      startedS: Date.UTC(2026, 10, 30) / 1_000,
      injection: 'missing',
    });
    const conditions = [{ type: 'Ready', status: 'True' }];
    expect(podView({ ...pod({}), status: { conditions } })).toMatchObject({
      phase: 'Unknown',
      isReady: true,
      injection: 'not_asked',
    });
  });
});

describe('events', () => {
  it('are the newest first, of both APIs, and without tokens', () => {
    const events = eventViews([
      { type: 'Normal', reason: 'Old', lastTimestamp: '2026-01-01T00:00:00Z', count: 3 },
      {
        type: 'Warning',
        reason: 'New',
        eventTime: '2026-02-01T00:00:00.5Z',
        message: 'token eyJhbGciOiJub25lIn0.e30.c2ln',
        involvedObject: { kind: 'Pod', name: 'x' },
      },
      { reason: 'Never' },
    ]);
    expect(events.map(({ reason }) => reason)).toEqual(['New', 'Old', 'Never']);
    expect(events[0]).toMatchObject({ type: 'Warning', count: 1, about: 'Pod/x' });
    expect(events[0]?.message).toBe('token (not shown)');
    expect(events[1]?.count).toBe(3);
  });
});

describe('what can be done', () => {
  it('is a restart where that helps', () => {
    expect(offeredActions(row, 'there')).toMatchObject([
      { action: { kind: 'restart', name: 'frontend' } },
    ]);
    expect(offeredActions({ ...row, status: 'injected' }, 'there')).toEqual([]);
    expect(offeredActions({ ...row, kind: 'CronJob' }, 'there')).toEqual([]);
    for (const id of ['namespace_not_labelled', 'not_installed']) {
      const vain: WorkloadRow = { ...row, status: 'missing', why: { id, message: '' } };
      expect(offeredActions(vain, 'there')).toEqual([]);
    }
    expect(offeredActions(row, 'none')).toEqual([]);
    expect(offeredActions(row, 'unknown')).toHaveLength(1);
  });

  it('is undone in the same cluster, whatever kubectl talks to by then', () => {
    const commands = undoOf(row, { context: 'prod', kubeconfig: "/tmp/jo's" });
    expect(commands).toHaveLength(3);
    for (const { command } of commands)
      expect(command).toContain(String.raw`--context prod --kubeconfig '/tmp/jo'\''s'`);
  });

  it('is undone in manifests whose name only their owner knows', () => {
    const manifests = undoOf(row, prod).at(-1);
    expect(manifests?.command).toBe(
      'svidecar uninject MANIFESTS | kubectl apply -f - --context prod',
    );
    expect(manifests?.words).toContain('in place of MANIFESTS');
  });

  it('is undone at the place where the pod template is', () => {
    const [optOut, ask] = undoOf({ ...row, kind: 'CronJob' }, prod);
    expect(optOut?.command).toBe(
      `kubectl patch cronjob/frontend -n shop --context prod --type merge -p '{"spec":{"jobTemplate":{"spec":{"template":{"metadata":{"annotations":{"svidecar.dev/inject":"false"}}}}}}}'`,
    );
    expect(ask?.command).toContain('"inject.svidecar.dev/templates":null');
    expect(undoOf({ ...row, status: 'not_asked' }, prod)).toEqual([]);
    expect(undoOf({ ...row, kind: 'Rollout' }, prod)).toEqual([]);
  });
});
