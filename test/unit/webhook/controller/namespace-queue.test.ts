import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { defaultClusterLimits } from '../../../../webhook/controller/cluster-limits.ts';
import { NamespaceQueue } from '../../../../webhook/controller/namespace-queue.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

const limits = {
  ...defaultClusterLimits,
  gatherMs: 50,
  firstRetryMs: 200,
  lastRetryMs: 1_000,
  namespacesAtOnce: 2,
};

interface Work {
  readonly namespace: string;
  readonly end: (againInMs?: number) => void;
  readonly fail: () => void;
}

function makeQueue(): { queue: NamespaceQueue; begun: Work[]; failed: string[] } {
  const begun: Work[] = [];
  const failed: string[] = [];
  const queue = new NamespaceQueue({
    work: (namespace) =>
      new Promise((resolve, reject) => {
        const fail = (): void => {
          reject(new Error('no'));
        };
        begun.push({ namespace, end: resolve, fail });
      }),
    failed: (namespace) => failed.push(namespace),
    limits,
    random: () => 0,
  });
  return { queue, begun, failed };
}

const pass = (ms: number): Promise<unknown> => vi.advanceTimersByTimeAsync(ms);

test('several asks within the gathering time are one, and the first sets the time', async () => {
  const { queue, begun } = makeQueue();
  queue.add('a');
  await pass(40);
  queue.add('a');
  await pass(10);
  expect(begun.map(({ namespace }) => namespace)).toEqual(['a']);
  begun[0]?.end();
  await pass(1_000);
  expect(begun).toHaveLength(1);
  expect(queue.size).toBe(0);
});

test('a namespace is worked on by one at a time; what comes meanwhile is one more round', async () => {
  const { queue, begun } = makeQueue();
  queue.add('a');
  await pass(50);
  queue.add('a');
  queue.add('a');
  await pass(500);
  expect(begun).toHaveLength(1);
  begun[0]?.end();
  await pass(50);
  expect(begun).toHaveLength(2);
});

test('no more than so many at once; the rest follows in order', async () => {
  const { queue, begun } = makeQueue();
  for (const name of ['a', 'b', 'c', 'd']) queue.add(name);
  await pass(60);
  expect(begun.map(({ namespace }) => namespace)).toEqual(['a', 'b']);
  begun[1]?.end();
  await pass(0);
  expect(begun.map(({ namespace }) => namespace)).toEqual(['a', 'b', 'c']);
});

test('failures wait longer and longer, also when asked for meanwhile; a success forgets them', async () => {
  const { queue, begun, failed } = makeQueue();
  queue.add('a');
  await pass(50);
  for (const delayMs of [200, 400, 800, 1_000, 1_000]) {
    const before = begun.length;
    begun.at(-1)?.fail();
    await pass(0);
    queue.add('a');
    await pass(delayMs - 1);
    expect(begun).toHaveLength(before);
    await pass(2);
    expect(begun).toHaveLength(before + 1);
  }
  expect(failed).toHaveLength(5);
  begun.at(-1)?.end();
  await pass(0);
  queue.add('a');
  await pass(50);
  expect(begun).toHaveLength(7);
});

test('comes again when the work asks for it, sooner when something happens', async () => {
  const { queue, begun } = makeQueue();
  queue.add('a');
  await pass(50);
  begun[0]?.end(5_000);
  await pass(1_000);
  queue.add('a');
  await pass(50);
  expect(begun).toHaveLength(2);
  begun[1]?.end(5_000);
  await pass(5_000);
  expect(begun).toHaveLength(3);
});

test('nothing begins after the end', async () => {
  const { queue, begun } = makeQueue();
  queue.add('a');
  queue.close();
  queue.add('b');
  await pass(10_000);
  expect(begun).toEqual([]);
});
