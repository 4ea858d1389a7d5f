/** Something that listens where Redis should, and says what it likes: whoever is connected to it goes on, on both runtimes. */
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { afterAll, describe, expect, test } from 'vitest';
import { runtimes } from '../runtimes.ts';
import { StoreWatcher } from './watcher.ts';

const started: { stop(): unknown }[] = [];
afterAll(async () => {
  await Promise.all(started.map((each) => each.stop()));
});

/** In place of the answer to the second PING, when it is connected. */
const strange: Readonly<Record<string, string>> = {
  'lists of millions in each other': '*30000000\r\n'.repeat(20),
  'a text that does not end': `$4000000000\r\n${'x'.repeat(9 * 1_048_576)}`,
  'a number of a million digits': `(${'1'.repeat(1_000_000)}`,
  'lists in each other without end': '*1\r\n'.repeat(200_000),
  'changes of what is no list': '>2\r\n$10\r\ninvalidate\r\n:5\r\n',
  'another protocol': 'HTTP/1.1 400 Bad Request\r\n\r\n',
};

const usual: ReadonlyMap<string, string> = new Map([
  ['HELLO', '%1\r\n$6\r\nserver\r\n$5\r\nredis\r\n'],
  ['CLIENT', '+OK\r\n'],
  ['PING', '+PONG\r\n'],
]);

function answer(socket: Socket, reply: string): void {
  let pings = 0;
  socket.on('error', () => undefined);
  socket.on('data', (chunk) => {
    for (const [, word = ''] of chunk.toString().matchAll(/\r\n(HELLO|CLIENT|PING)\r\n/g)) {
      if (word === 'PING') pings += 1;
      socket.write(pings > 1 ? reply : (usual.get(word) ?? ''));
    }
  });
}

async function startServer(reply: string): Promise<string> {
  const server = createServer((socket) => {
    answer(socket, reply);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  started.push({ stop: () => server.close() });
  // Listening on loopback on a free port: a number.
  return `redis://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe.each(Object.keys(strange))('%s', (name) => {
  test.each(runtimes)('ends a connection on %s, and no more', async (runtime) => {
    const watcher = new StoreWatcher(runtime, { url: await startServer(strange[name] ?? '') });
    started.push(watcher);
    for (let turn = 0, seen = 0; turn < 2; turn += 1) {
      await watcher.isUp(seen);
      await watcher.says(({ kind }) => kind === 'down', { seen });
      seen = watcher.lines.length;
    }
    expect(await watcher.stop()).toBe(0);
  });
});
