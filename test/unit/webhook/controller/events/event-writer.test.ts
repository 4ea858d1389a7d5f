import { setTimeout as wait } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { isObject, objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { SilentLog } from '../../../../fakes/silent-log.ts';
import { ApiRefusal, type KubernetesApi } from '../../../../../webhook/kube/kubernetes-api.ts';
import { EventWriter } from '../../../../../webhook/controller/events/event-writer.ts';
import {
  defaultClusterLimits,
  type ClusterLimits,
} from '../../../../../webhook/controller/cluster-limits.ts';
import type { DesiredEvent } from '../../../../../webhook/desired/events.ts';

const event: DesiredEvent = {
  namespace: 'shop',
  regarding: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web', uid: 'u1' },
  type: 'Warning',
  reason: 'Refused',
  action: 'Inject',
  note: 'refused: so',
};
const news: DesiredEvent = { ...event, type: 'Normal', reason: 'Injected' };

interface Stage {
  readonly writer: EventWriter;
  readonly created: JsonObject[];
  readonly log: SilentLog;
  /** Moves the writer's clock. */
  readonly pass: (ms: number) => void;
  answer: (body: JsonObject) => void;
}

function stage(limits: Partial<ClusterLimits> = {}): Stage {
  let nowMs = 1_000_000_000_000;
  const created: JsonObject[] = [];
  const log = new SilentLog();
  const unused = (): never => {
    throw new TypeError('an event writer only creates');
  };
  const api: KubernetesApi = {
    get: unused,
    apply: unused,
    remove: unused,
    watch: unused,
    replace: unused,
    merge: unused,
    create: (_path, body) => {
      if (isObject(body)) created.push(body);
      made.answer(body);
      return Promise.resolve(body);
    },
  };
  const writer = new EventWriter({
    api,
    clock: { now: () => nowMs },
    log,
    limits: { ...defaultClusterLimits, ...limits },
    instance: 'svidecar-1',
  });
  writer.start(new AbortController().signal);
  const made: Stage = {
    writer,
    created,
    log,
    pass: (ms) => (nowMs += ms),
    answer: () => undefined,
  };
  return made;
}

/** Lets the answers of the fake come in. */
const settled = (): Promise<void> => wait(0);

test('a warning is written once, when it has lasted', async () => {
  const { writer, created, pass } = stage();
  expect(writer.stand('shop', [event])).toBe(5_000);
  await settled();
  expect(created).toEqual([]);
  pass(5_000);
  expect(writer.stand('shop', [event])).toBeUndefined();
  await settled();
  writer.stand('shop', [event]);
  await settled();
  expect(created).toMatchObject([
    {
      apiVersion: 'events.k8s.io/v1',
      eventTime: '2001-09-09T01:46:45.000000Z',
      reportingController: 'svidecar.dev/webhook',
      reportingInstance: 'svidecar-1',
      regarding: { kind: 'Deployment', name: 'web', namespace: 'shop', uid: 'u1' },
    },
  ]);
});

test('a fault that is over in time is never told', async () => {
  const { writer, created, pass } = stage();
  writer.stand('shop', [event]);
  writer.stand('shop', []);
  pass(6_000);
  expect(writer.stand('shop', [event])).toBe(5_000);
  await settled();
  expect(created).toEqual([]);
});

test('a fault that lasts is told again after the API server has forgotten it', async () => {
  const { writer, created, pass } = stage({ settleMs: 0 });
  writer.stand('shop', [event]);
  await settled();
  pass(60 * 60_000);
  writer.stand('shop', [event]);
  await settled();
  expect(created).toHaveLength(1);
  pass(6 * 60_000);
  writer.stand('shop', [event]);
  await settled();
  expect(created).toHaveLength(2);
});

test('what another replica wrote counts as told', async () => {
  const other = stage();
  other.answer = () => {
    throw new ApiRefusal(409, 'AlreadyExists', { message: 'it exists' });
  };
  other.writer.stand('shop', [news]);
  await settled();
  other.writer.stand('shop', [news]);
  await settled();
  expect(other.created).toHaveLength(1);
  expect(other.writer.counts).toEqual({ written: 0, existed: 1, failed: 0, dropped: 0 });
  expect(other.log.lines).toEqual([]);
});

test('what failed is tried again at the next look, and logged', async () => {
  const made = stage();
  made.answer = () => {
    throw new ApiRefusal(403, 'Forbidden', { message: 'no' });
  };
  made.writer.stand('shop', [news]);
  await settled();
  made.answer = () => undefined;
  made.writer.stand('shop', [news]);
  await settled();
  expect(made.writer.counts).toEqual({ written: 1, existed: 0, failed: 1, dropped: 0 });
  expect(made.log.lines).toMatchObject([{ level: 'warn', fields: { reason: 'Injected' } }]);
});

test('of many at once a burst is written, the rest slowly, and more than may wait is dropped', async () => {
  const made = stage({ eventBurst: 3, eventsWaiting: 10, eventEveryMs: 60_000 });
  const many = Array.from({ length: 20 }, (_, i) => ({ ...news, note: `n ${i}` }));
  made.writer.stand('shop', many);
  for (let i = 0; i < 10; i += 1) await settled();
  expect(made.created.map((body) => stringAt(body, 'note'))).toEqual(['n 0', 'n 1', 'n 2']);
  expect(made.writer.counts.dropped).toBe(10);
  expect(made.writer.waiting).toBe(7);
  made.pass(2 * 60_000);
  made.writer.stand('shop', many);
  for (let i = 0; i < 10; i += 1) await settled();
  expect(made.created).toHaveLength(5);
  expect(objectAt(made.created[4], 'metadata')['namespace']).toBe('shop');
});
