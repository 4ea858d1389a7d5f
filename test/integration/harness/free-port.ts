/**
 * Ports for programs that cannot choose one themselves. Files of tests run in processes of their own, several at once: each has
 * blocks of ports that no other hands out, so that a port may be taken into use much later, and again after a kill.
 */
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';

/** Below the ports that Linux takes for outgoing connections, and that Kubernetes takes for Services. */
const ports = { first: 10_240, last: 29_999, block: 32 } as const;
const attempts = 100;

/** Of this process's newest block. */
let left: number[] = [];

/** Undefined where somebody listens already. */
async function listening(port: number): Promise<Server | undefined> {
  const server = createServer();
  server.listen(port, '127.0.0.1');
  return once(server, 'listening').then(
    () => server,
    () => undefined,
  );
}

/** The first port of a block is listened on as long as this process lives: that is what keeps others away. */
async function newBlock(): Promise<number[]> {
  const blocks = Math.floor((ports.last + 1 - ports.first) / ports.block);
  for (let attempt = 0; attempt < attempts; attempt += 1) {
    const first = ports.first + ports.block * randomInt(blocks);
    const guard = await listening(first);
    if (guard === undefined) continue;
    guard.unref();
    return Array.from({ length: ports.block - 1 }, (_, index) => first + 1 + index);
  }
  throw new Error(`found no block of free ports in ${attempts} tries`);
}

/**
 * A TCP port on loopback that nobody listens on now, and that nobody is given before or after.
 * @throws {Error} when none is found
 */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < attempts; attempt += 1) {
    if (left.length === 0) left = await newBlock();
    const port = left.shift();
    const server = port === undefined ? undefined : await listening(port);
    if (port === undefined || server === undefined) continue;
    server.close();
    await once(server, 'close');
    return port;
  }
  throw new Error(`found no free port in ${attempts} tries`);
}
