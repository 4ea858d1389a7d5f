import { expect, test } from 'vitest';
import { HttpConnections } from '../../../../webhook/server/http-connections.ts';

class FakePeer {
  readonly remoteAddress: string;
  readonly remotePort: number;
  isOpen = true;
  #close: () => void = () => undefined;

  constructor(remoteAddress: string, remotePort: number) {
    this.remoteAddress = remoteAddress;
    this.remotePort = remotePort;
  }

  once(_event: 'close', listener: () => void): void {
    this.#close = listener;
  }

  destroy(): void {
    this.isOpen = false;
    this.#close();
  }
}

const limits = { maxUnanswered: 4, maxUnansweredEach: 3, maxAnswered: 3, maxAnsweredEach: 2 };

interface Door {
  readonly connections: HttpConnections;
  readonly open: (address: string, count?: number) => readonly FakePeer[];
  readonly displaced: () => number;
}

function makeDoor(): Door {
  let displaced = 0;
  let port = 0;
  const connections = new HttpConnections(limits, () => (displaced += 1));
  const open = (address: string, count = 1): readonly FakePeer[] =>
    Array.from({ length: count }, () => {
      const peer = new FakePeer(address, (port += 1));
      connections.opened(peer);
      return peer;
    });
  return { connections, open, displaced: () => displaced };
}

const openOf = (peers: readonly FakePeer[]): readonly boolean[] => peers.map((peer) => peer.isOpen);

test('a stranger with many silent connections displaces only its own', () => {
  const { open, displaced } = makeDoor();
  const honest = open('api');
  const silent = open('stranger', 10);
  expect(openOf(honest)).toEqual([true]);
  expect(silent.filter((peer) => peer.isOpen)).toEqual(silent.slice(-3));
  expect(displaced()).toBe(7);
});

test('where many addresses fill the place, the oldest gives way to the newest', () => {
  const { open } = makeDoor();
  const silent = ['a', 'b', 'c', 'd'].flatMap((address) => open(address));
  const honest = open('api');
  expect(openOf([...silent, ...honest])).toEqual([false, true, true, true, true]);
});

test('a connection that was answered is not displaced by silent ones', () => {
  const { connections, open } = makeDoor();
  const kept = open('api');
  for (const peer of kept) connections.answered(peer);
  open('stranger', 10);
  open('api', 10);
  expect(openOf(kept)).toEqual([true]);
});

test('of answered connections the one whose answer is longest ago gives way', () => {
  const { connections, open } = makeDoor();
  const peers = open('api', 2);
  for (const peer of [...peers, ...peers.slice(0, 1)]) connections.answered(peer);
  for (const peer of open('api')) connections.answered(peer);
  expect(openOf(peers)).toEqual([true, false]);
});

test('one that waits for its answer does not give way while others are idle', () => {
  const { connections, open } = makeDoor();
  const unanswered = open('api', 3);
  for (const peer of unanswered.slice(0, 1)) connections.asked(peer);
  open('api');
  expect(openOf(unanswered)).toEqual([true, false, true]);
  const answered = open('other', 2);
  for (const peer of answered) connections.answered(peer);
  for (const peer of answered.slice(0, 1)) connections.asked(peer);
  for (const peer of open('other')) connections.answered(peer);
  expect(openOf(answered)).toEqual([true, false]);
});

test('closed connections take no place', () => {
  const { open, displaced } = makeDoor();
  for (const peer of open('api', 3)) peer.destroy();
  const next = open('api', 3);
  expect(openOf(next)).toEqual([true, true, true]);
  expect(displaced()).toBe(0);
});
