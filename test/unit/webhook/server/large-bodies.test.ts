import { expect, test } from 'vitest';
import { LargeBodies } from '../../../../webhook/server/large-bodies.ts';

function makeQueue(maxWaiting: number): {
  readonly turns: string[];
  readonly queue: LargeBodies;
  readonly enter: (name: string) => (() => void) | undefined;
} {
  const queue = new LargeBodies(maxWaiting);
  const turns: string[] = [];
  return { turns, queue, enter: (name) => queue.enter(() => turns.push(name)) };
}

test('gives one turn at a time, in order', () => {
  const { turns, enter } = makeQueue(5);
  const [leaveA, leaveB] = [enter('a'), enter('b'), enter('c')];
  expect(turns).toEqual(['a']);
  leaveA?.();
  expect(turns).toEqual(['a', 'b']);
  leaveB?.();
  expect(turns).toEqual(['a', 'b', 'c']);
});

test('leaving twice gives the turn back once', () => {
  const { turns, enter } = makeQueue(5);
  const leaveA = enter('a');
  enter('b');
  enter('c');
  leaveA?.();
  leaveA?.();
  expect(turns).toEqual(['a', 'b']);
});

test('one that leaves while it waits is passed over', () => {
  const { turns, queue, enter } = makeQueue(5);
  const leaveA = enter('a');
  const leaveB = enter('b');
  enter('c');
  leaveB?.();
  expect(queue.waiting).toBe(1);
  leaveA?.();
  expect(turns).toEqual(['a', 'c']);
});

test('a full queue says so, and a free one takes the next at once', () => {
  const { turns, enter } = makeQueue(1);
  const leaveA = enter('a');
  const leaveB = enter('b');
  expect(enter('c')).toBeUndefined();
  leaveB?.();
  leaveA?.();
  enter('d');
  expect(turns).toEqual(['a', 'd']);
});
