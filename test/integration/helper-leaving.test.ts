/** Connections that the helper ends, frame by frame and on real Envoy: nothing that a client is just asking is lost. */
import { mkdtempSync, rmSync } from 'node:fs';
import type { Server } from 'node:http';
import * as net from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FrameCursor } from '../../sidecar/http2/frame-cursor.ts';
import { GrpcServer } from '../../sidecar/server/grpc-server.ts';
import { describeWithComponents } from './harness/components.ts';
import { startEnvoy } from './harness/envoy.ts';
import { freePort } from './harness/free-port.ts';
import { waitUntil } from './harness/processes.ts';
import { callBlock, flags, frame, openCall, preface, settings, types } from './hostile/frames.ts';
import { send, startApp } from './mesh/app.ts';
import { proxyConfig } from './mesh/envoy-configs.ts';
import { Program, runtimes } from './runtimes.ts';

const goAway = 7;
const anyStream = 2_147_483_647;

/** A client that writes frames by hand, and answers a ping only when it is told to. */
class HandClient {
  readonly seen: string[] = [];
  readonly #socket: net.Socket;
  isClosed = false;

  constructor(path: string) {
    this.#socket = net.connect(path);
    this.#socket.on('error', () => undefined);
    this.#socket.on('close', () => {
      this.isClosed = true;
    });
    const cursor = new FrameCursor();
    this.#socket.on('data', (chunk: Buffer) => {
      cursor.add(chunk);
      while (cursor.next()) this.#note(cursor);
    });
  }

  #note({ type, stream, bytes, start, flags: flag }: FrameCursor): void {
    if (type === goAway) this.seen.push(`goaway ${bytes.readUInt32BE(start)}`);
    else if (type === types.ping && flag === flags.none) this.seen.push('ping');
    else if (type === types.data) this.seen.push(`answer ${stream}`);
    else if (type === types.reset) this.seen.push(`reset ${stream}`);
  }

  begin(): void {
    this.#socket.write(Buffer.concat([preface, settings()]));
  }

  call(stream: number): void {
    const message = frame([types.data, flags.endStream, stream], Buffer.alloc(5));
    this.#socket.write(Buffer.concat([openCall(stream, callBlock()), message]));
  }

  pong(): void {
    this.#socket.write(frame([types.ping, flags.ack, 0], Buffer.alloc(8)));
  }

  close(): void {
    this.#socket.destroy();
  }

  async sees(...lines: readonly string[]): Promise<void> {
    await expect.poll(() => this.seen).toEqual(lines);
  }
}

describe.each(runtimes)('a helper on %s that ends a connection', (runtime) => {
  const folder = mkdtempSync(join(tmpdir(), 'svidecar-leaving-'));
  let count = 0;
  const start = async (
    limits: object = {},
    drainMs = 2_000,
  ): Promise<{ path: string; program: Program }> => {
    const path = join(folder, `${(count += 1)}.sock`);
    const given = [path, JSON.stringify(limits), `${drainMs}`];
    const program = new Program(runtime, ['test/fakes/grpc-server-program.ts', ...given]);
    await program.says('ready');
    return { path, program };
  };
  afterAll(() => {
    rmSync(folder, { recursive: true });
  });
  const inUse = async (path: string): Promise<HandClient> => {
    const client = new HandClient(path);
    client.begin();
    client.call(1);
    await client.sees('answer 1');
    return client;
  };

  test('because it stops: what the client began before it heard of it is answered', async () => {
    const { path, program } = await start();
    const client = await inUse(path);
    const stopped = program.stop();
    await client.sees('answer 1', `goaway ${anyStream}`, 'ping');
    client.call(3);
    await client.sees('answer 1', `goaway ${anyStream}`, 'ping', 'answer 3');
    client.pong();
    client.call(5);
    const end = ['goaway 3', 'reset 5'];
    await client.sees('answer 1', `goaway ${anyStream}`, 'ping', 'answer 3', ...end.slice(0, 1));
    await expect.poll(() => client.isClosed).toBe(true);
    expect(await stopped).toBe(0);
  });

  test('because another one wants its place: so too, and only for so long', async () => {
    const { path, program } = await start({ maxConnections: 2 });
    const first = await inUse(path);
    const second = await inUse(path);
    const third = await inUse(path);
    await first.sees('answer 1', `goaway ${anyStream}`, 'ping');
    first.call(3);
    await first.sees('answer 1', `goaway ${anyStream}`, 'ping', 'answer 3');
    await expect.poll(() => first.isClosed).toBe(true);
    await third.sees('answer 1');
    await second.sees('answer 1');
    for (const client of [second, third]) client.close();
    await program.stop();
  });

  test('does not end one that was opened in advance, until it has to', async () => {
    const drainMs = 60_000;
    const { path, program } = await start({ prefaceMs: 200 }, drainMs);
    const early = new HandClient(path);
    const never = new HandClient(path);
    await sleep(600);
    early.begin();
    early.call(1);
    await early.sees('answer 1');
    early.close();
    const begun = Date.now();
    expect(await program.stop()).toBe(0);
    expect(Date.now() - begun).toBeLessThan(drainMs / 4);
    await expect.poll(() => never.isClosed).toBe(true);
  });
});

describeWithComponents(
  ['envoy'],
  'an Envoy whose connection to the helper is ended again and again',
  () => {
    let app: Server;
    beforeAll(async () => {
      app = await startApp();
    });
    afterAll(() => {
      app.close();
    });

    test('loses no request', async () => {
      const helper = new GrpcServer({
        methods: new Map([
          ['/envoy.service.auth.v3.Authorization/Check', () => sleep(1, Buffer.alloc(0))],
        ]),
        // Each that comes displaces the other.
        limits: { maxConnections: 1 },
      });
      const port = await freePort();
      const listen = await freePort();
      await helper.listen({ host: '127.0.0.1', port });
      // Listening on loopback on a free port: a number.
      const upstream = (app.address() as AddressInfo).port;
      const config = proxyConfig('inject', { listen, upstream, helper: port });
      const envoy = await startEnvoy(config, { args: ['--concurrency', '1'] });
      const state = { isOver: false };
      const statuses: number[] = [];
      const ask = async (): Promise<void> => {
        while (!state.isOver) statuses.push((await send(listen)).status);
      };
      const asking = Array.from({ length: 8 }, ask);
      try {
        for (let round = 0; round < 40; round += 1) {
          // By then something was answered on a new connection: one without any answer would give way at once.
          const enough = statuses.length + 24;
          const isEnough = (): Promise<boolean> => Promise.resolve(statuses.length > enough);
          await waitUntil('requests are answered', isEnough, { everyMs: 1 });
          const stranger = net.connect(port, '127.0.0.1');
          stranger.on('error', () => undefined);
          await new Promise((resolve) => stranger.once('close', resolve));
        }
        state.isOver = true;
        await Promise.all(asking);
        const stats = await envoy.admin('/stats?filter=ext-authz.upstream_cx_total');
        expect(Number(/(\d+)\s*$/.exec(stats)?.[1])).toBeGreaterThan(20);
        expect(statuses.filter((status) => status !== 200)).toEqual([]);
      } finally {
        state.isOver = true;
        await Promise.allSettled(asking);
        await envoy.stop();
        await helper.close(0);
      }
    });
  },
);
