/** Reviews that come in the very moment in which their connection would end. */
import { readFile } from 'node:fs/promises';
import { setTimeout as wait } from 'node:timers/promises';
import type { TLSSocket } from 'node:tls';
import { expect, test } from 'vitest';
import { reviewOf } from '../../fakes/reviewer.ts';
import { allOf, handshake } from './clients.ts';
import { serveWebhook } from './served-webhook.ts';
import { slowness } from '../harness/pace.ts';

const body = reviewOf('u');
const review = `POST /mutate HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`;

/** Neither timers nor sockets are looked at meanwhile. */
function block(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

async function answered(socket: TLSSocket): Promise<void> {
  const answer = new Promise((resolve) => socket.once('data', resolve));
  socket.write(review);
  await answer;
}

test.each(['opened in advance', 'used before'])(
  'a review that was sent before the drain ended is answered, on a connection %s',
  async (kind) => {
    const { port, server } = await serveWebhook({ drainMs: 0 });
    const socket = await handshake(port);
    if (kind === 'used before') await answered(socket);
    // The server is the last to know that the handshake is over.
    else await wait(100);
    const all = allOf(socket);
    // What follows happens as something is read, and timers come before what is read next.
    await readFile(import.meta.filename);
    const stopped = server.stop();
    socket.write(review);
    block(50);
    expect(await all).toMatch(/^HTTP\/1\.1 200 /);
    await stopped;
  },
);

test.each(['\r\n', '\n', '\r\n\r\n\r\n'])(
  'a connection on which only %j is said is not kept for ever',
  async (nothing) => {
    const { port } = await serveWebhook({
      drainMs: 0,
      keepAliveTimeoutMs: 1_500,
      headersTimeoutMs: 200,
    });
    const socket = await handshake(port);
    const isOver = { yes: false };
    const ended = allOf(socket).then(() => {
      isOver.yes = true;
    });
    // Node.js looks once in a second: it has given up counting by then.
    await wait(1_200);
    const begun = performance.now();
    while (!isOver.yes && performance.now() - begun < 40_000) {
      socket.write(nothing);
      await wait(100);
    }
    socket.destroy();
    await ended;
    expect(performance.now() - begun).toBeLessThan(2_500 * slowness);
  },
);
