import { expect, test } from 'vitest';
import { ParseTurns } from '../../../../webhook/server/turns.ts';

interface Queue {
  /** Names in the order in which they had their turn. */
  readonly turns: string[];
  readonly refused: string[];
  readonly queue: ParseTurns;
  readonly enter: (name: string, address?: string) => (() => void) | undefined;
}

function makeQueue(maxWaiting: number): Queue {
  const queue = new ParseTurns(maxWaiting);
  const turns: string[] = [];
  const refused: string[] = [];
  const enter = (name: string, address = 'same'): (() => void) | undefined =>
    queue.enter({
      address,
      begin: () => turns.push(name),
      refuse: () => refused.push(name),
    });
  return { turns, refused, queue, enter };
}

test('gives one turn at a time, in order', () => {
  const { turns, enter } = makeQueue(5);
  const leaveA = enter('a');
  const leaveB = enter('b');
  enter('c');
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

test('turns go round among senders, so one that waits a hundred times holds up nobody else', () => {
  const { turns, enter } = makeQueue(100);
  const leave = enter('flood 0', 'stranger');
  for (let index = 1; index < 50; index += 1) enter(`flood ${index}`, 'stranger');
  const leaveHonest = enter('honest', 'api server');
  leave?.();
  expect(turns).toEqual(['flood 0', 'honest']);
  leaveHonest?.();
  expect(turns.at(-1)).toBe('flood 1');
});

test('in a full queue the last of whoever waits most gives way, and is told', () => {
  const { turns, refused, queue, enter } = makeQueue(3);
  const leave = enter('flood 0', 'stranger');
  for (const name of ['flood 1', 'flood 2', 'flood 3']) enter(name, 'stranger');
  expect(enter('flood 4', 'stranger')).toBeUndefined();
  expect(enter('honest', 'api server')).toBeDefined();
  expect(refused).toEqual(['flood 3']);
  expect(queue.waiting).toBe(3);
  leave?.();
  expect(turns).toEqual(['flood 0', 'honest']);
});

test('one that was refused can leave without harm', () => {
  const { turns, enter } = makeQueue(2);
  const leave = enter('a', 'x');
  enter('b', 'x');
  const leaveRefused = enter('c', 'x');
  enter('d', 'y');
  leaveRefused?.();
  leave?.();
  expect(turns).toEqual(['a', 'd']);
});
