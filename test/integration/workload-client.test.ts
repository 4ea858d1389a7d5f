/** Our client of the Workload API, on every runtime: against grpc-js's server, and against agents that break the rules. */
import * as http2 from 'node:http2';
import { connect as connectTo } from 'node:net';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Server, ServerCredentials, status, type ServerOptions } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import {
  workloadService,
  type WorkloadHandlers,
} from '../../sidecar/stand-ins/workload-service.ts';
import { runtimes } from './runtimes.ts';
import { ClientProcess } from './workload/client-process.ts';
import { faults, good, late, nonsense, ok, unavailable } from './workload/agent-faults.ts';
import { badFrames, oddFrames } from './workload/agent-frames.ts';
import {
  answerWith,
  goodAnswer,
  hangAfter,
  HostileAgent,
  startRawAgent,
} from './workload/hostile-agents.ts';

const mebibyte = 1_024 * 1_024;
const eventually = (check: () => void | Promise<void>): Promise<void> =>
  vi.waitFor(check, { timeout: 10_000, interval: 20 });
describe.each(runtimes)('our client of the Workload API on %s', (runtime) => {
  let folder: string;
  let client: ClientProcess;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'svidecar-'));
    client = new ClientProcess(runtime);
  });
  afterAll(() => {
    expect(client.hasEnded, 'it went on through all of this').toBe(false);
    client.stop();
    rmSync(folder, { recursive: true });
  });

  describe('with an agent that breaks the rules', () => {
    let agent: HostileAgent;
    beforeAll(async () => {
      agent = await HostileAgent.start({ path: join(folder, 'hostile.sock') });
    });
    afterAll(() => agent.close());

    test.each(faults)('%s', async (_name, act, outcome) => {
      agent.act = act;
      const deadlineMs = outcome === late ? 1_000 : 20_000;
      expect(await client.fetch(agent.address, { deadlineMs })).toEqual(outcome);
      agent.act = answerWith({ parts: [goodAnswer], trailers: ok });
      expect(await client.fetch(agent.address), 'the next call is answered').toEqual(good);
    });

    test('a message in pieces of one byte is a message', async () => {
      const pieces = Array.from(goodAnswer, (byte) => Buffer.from([byte]));
      agent.act = answerWith({ parts: pieces, trailers: ok });
      expect(await client.fetch(agent.address)).toEqual(good);
    });

    test('a call says what gRPC and the standard demand', async () => {
      let seen: http2.IncomingHttpHeaders = {};
      agent.act = (stream, headers) => {
        seen = headers;
        answerWith({ parts: [goodAnswer], trailers: ok })(stream);
      };
      await client.fetch(agent.address, { deadlineMs: 1_500 });
      expect(seen).toMatchObject({
        ':method': 'POST',
        ':path': '/SpiffeWorkloadAPI/FetchJWTSVID',
        ':scheme': 'http',
        'content-type': 'application/grpc',
        te: 'trailers',
        'grpc-timeout': '1500m',
        'workload.spiffe.io': 'true',
      });
    });

    test('one connection serves all calls', async () => {
      agent.act = answerWith({ parts: [goodAnswer], trailers: ok });
      await client.fetch(agent.address);
      const before = agent.sessions;
      await Promise.all(Array.from({ length: 20 }, () => client.fetch(agent.address)));
      expect(agent.sessions).toBe(before);
    });

    test('after GOAWAY a call is finished, and the next one takes another connection', async () => {
      const before = agent.sessions;
      agent.act = (stream) => {
        stream.session?.goaway(http2.constants.NGHTTP2_NO_ERROR);
        setTimeout(() => {
          answerWith({ parts: [goodAnswer], trailers: ok })(stream);
        }, 100);
      };
      expect(await client.fetch(agent.address)).toEqual(good);
      agent.act = answerWith({ parts: [goodAnswer], trailers: ok });
      expect(await client.fetch(agent.address)).toEqual(good);
      expect(agent.sessions).toBe(before + 1);
    });
  });

  test.each(nonsense)('%s in place of HTTP/2 is a failed call', async (_name, said) => {
    const path = join(folder, 'raw.sock');
    const raw = await startRawAgent(path, (socket) => socket.write(said));
    try {
      const answer = await client.fetch(raw.address, { deadlineMs: 1_000 });
      expect(answer).toMatchObject({ kind: 'unavailable' });
    } finally {
      await raw.close();
    }
  });

  let sockets = 0;
  /** Of an agent that nobody has a connection to. */
  const nextSocket = (): string => join(folder, `${(sockets += 1)}.sock`);

  test.each(oddFrames)('%s is an answer', async (_name, pieces) => {
    const raw = await startRawAgent(nextSocket(), (socket) => {
      socket.setNoDelay(true);
      for (const piece of pieces) socket.write(piece);
    });
    try {
      expect(await client.fetch(raw.address, { deadlineMs: 20_000 })).toEqual(good);
    } finally {
      await raw.close();
    }
  });

  test.each(badFrames)('%s ends a call before its time', async (_name, pieces, text) => {
    const raw = await startRawAgent(nextSocket(), (socket) => {
      for (const piece of pieces) socket.write(piece);
    });
    try {
      const started = performance.now();
      expect(await client.fetch(raw.address, { deadlineMs: 60_000 })).toEqual(unavailable(text));
      expect(performance.now() - started).toBeLessThan(15_000);
    } finally {
      await raw.close();
    }
  });

  test('a request goes out as the windows of the agent allow', async () => {
    const path = join(folder, 'narrow.sock');
    const agent = await HostileAgent.start({ path }, { initialWindowSize: 3 });
    agent.act = (stream) => {
      stream.resume();
      stream.on('end', () => {
        answerWith({ parts: [goodAnswer], trailers: ok })(stream);
      });
    };
    for (let call = 0; call < 3; call += 1)
      expect(await client.fetch(agent.address, { deadlineMs: 20_000 })).toEqual(good);
    await agent.close();
  });

  test('whoever is connected and says nothing is given up', async () => {
    const raw = await startRawAgent(join(folder, 'silent.sock'), () => undefined);
    const limits = { handshakeMs: 300 };
    const { ended } = client.watch(raw.address, { limits });
    expect(await ended).toEqual(unavailable(/no HTTP\/2 settings within 0.3 s/));
    await raw.close();
  });

  test('a stream whose agent hangs ends with a ping that nobody answers', async () => {
    let isDeaf = false;
    const agent = await HostileAgent.start({ path: join(folder, 'behind.sock') });
    agent.act = hangAfter([]);
    const proxy = await startRawAgent(join(folder, 'proxy.sock'), (socket) => {
      const behind = connectTo(join(folder, 'behind.sock'));
      socket.on('data', (chunk) => isDeaf || behind.write(chunk));
      behind.on('data', (chunk) => isDeaf || socket.write(chunk));
      socket.on('close', () => behind.destroy());
    });
    const limits = { pingEveryMs: 200, pongWithinMs: 300 };
    const { ended } = client.watch(proxy.address, { limits });
    let hasEnded = false;
    void ended.then(() => {
      hasEnded = true;
    });
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    expect(hasEnded, 'while pings are answered it goes on').toBe(false);
    isDeaf = true;
    expect(await ended).toEqual(unavailable(/no answer to a ping within 0.3 s/));
    await proxy.close();
    await agent.close();
  });

  test.each(['127.0.0.1', '::1'])('over TCP at %s', async (host) => {
    const agent = await HostileAgent.start({ host });
    agent.act = answerWith({ parts: [goodAnswer], trailers: ok });
    expect(await client.fetch(agent.address)).toEqual(good);
    await agent.close();
    expect(await client.fetch(agent.address)).toEqual(unavailable(/ECONNREFUSED/));
  });

  test('a socket that is not there, and then is', async () => {
    const path = join(folder, 'late.sock');
    expect(await client.fetch(`unix://${path}`)).toEqual(
      unavailable(/^UNAVAILABLE: connect ENOENT/),
    );
    const agent = await HostileAgent.start({ path });
    agent.act = answerWith({ parts: [goodAnswer], trailers: ok });
    expect(await client.fetch(agent.address)).toEqual(good);
    await agent.close();
  });

  test('where the agent takes one call at a time, others wait for it', async () => {
    const agent = await HostileAgent.start(
      { path: join(folder, 'one.sock') },
      { maxConcurrentStreams: 1 },
    );
    agent.act = answerWith({ parts: [goodAnswer], trailers: ok });
    expect(await client.fetch(agent.address)).toEqual(good);
    agent.act = hangAfter([]);
    const stream = client.watch(agent.address);
    await eventually(() => {
      expect(stream.messages).toEqual([]);
    });
    const kept = await client.fetch(agent.address, { deadlineMs: 500 });
    expect(kept).toEqual(unavailable(/DEADLINE_EXCEEDED|refused/));
    agent.act = answerWith({ parts: [goodAnswer], trailers: ok });
    stream.cancel();
    await eventually(async () => {
      expect(await client.fetch(agent.address, { deadlineMs: 1_000 })).toEqual(good);
    });
    await agent.close();
  });

  describe("with grpc-js's server", () => {
    let server: Server;
    let address: string;
    const handlers: { -readonly [Key in keyof WorkloadHandlers]?: WorkloadHandlers[Key] } = {};
    const start = async (options?: ServerOptions): Promise<void> => {
      server = new Server(options);
      const later = <Key extends keyof WorkloadHandlers>(name: Key): WorkloadHandlers[Key] =>
        ((...args: never[]) => {
          (handlers[name] as (...all: never[]) => void)(...args);
        }) as WorkloadHandlers[Key];
      const names = Object.keys(workloadService) as (keyof WorkloadHandlers)[];
      server.addService(
        workloadService,
        Object.fromEntries(names.map((name) => [name, later(name)])),
      );
      const path = join(folder, 'grpc.sock');
      rmSync(path, { force: true });
      await new Promise<void>((resolve, reject) => {
        server.bindAsync(`unix:${path}`, ServerCredentials.createInsecure(), (fault) => {
          if (fault === null) resolve();
          else reject(fault);
        });
      });
      address = `unix://${path}`;
    };
    beforeAll(() => start());
    afterAll(() => {
      server.forceShutdown();
    });

    test('large messages come whole, one after the other', async () => {
      handlers.fetchJwtBundles = (call) => {
        for (let size = 1; size <= 3; size += 1)
          call.write({ bundles: { 'spiffe://example.org': Buffer.alloc(size * mebibyte, size) } });
      };
      const stream = client.watch(address);
      await eventually(() => {
        expect(stream.messages).toEqual(
          [1, 2, 3].map((size) => [['spiffe://example.org', size * mebibyte]]),
        );
      });
      stream.cancel();
    });

    test('a message beyond 4 MiB ends the stream', async () => {
      handlers.fetchJwtBundles = (call) => {
        call.write({ bundles: { 'spiffe://example.org': Buffer.alloc(5 * mebibyte) } });
      };
      expect(await client.watch(address).ended).toEqual(unavailable(/^RESOURCE_EXHAUSTED/));
    });

    test('hundreds of small messages come in order, and an orderly end is one', async () => {
      handlers.fetchJwtBundles = (call) => {
        for (let length = 0; length < 500; length += 1)
          call.write({ bundles: { a: Buffer.alloc(length) } });
        call.end();
      };
      const stream = client.watch(address);
      expect(await stream.ended).toEqual(unavailable(/^UNAVAILABLE: the agent ended the stream$/));
      expect(stream.messages).toEqual(Array.from({ length: 500 }, (_, length) => [['a', length]]));
    });

    test('words of a refusal arrive as they were said', async () => {
      const details = 'keine Identität: 100 % sicher\n';
      handlers.fetchJwtsvid = (_call, callback) => {
        callback({ code: status.PERMISSION_DENIED, details });
      };
      expect(await client.fetch(address)).toEqual({
        kind: 'no_identity',
        text: `PERMISSION_DENIED: ${details}`,
      });
    });

    test('the server learns of a deadline, and of a call that is called off', async () => {
      const ends: string[] = [];
      handlers.fetchJwtsvid = (call) => {
        call.on('cancelled', () => ends.push('unary'));
      };
      expect(await client.fetch(address, { deadlineMs: 200 })).toEqual(
        unavailable(/^DEADLINE_EXCEEDED/),
      );
      handlers.fetchJwtBundles = (call) => {
        call.on('cancelled', () => ends.push('stream'));
        call.write({ bundles: {} });
      };
      const stream = client.watch(address);
      await eventually(() => {
        expect(stream.messages).toEqual([[]]);
      });
      stream.cancel();
      await eventually(() => {
        expect(ends).toEqual(['unary', 'stream']);
      });
    });

    test('a server that shuts down finishes its calls, and another one takes over', async () => {
      handlers.fetchJwtsvid = (_call, callback) => {
        setTimeout(() => {
          callback(null, { svids: [] });
        }, 200);
      };
      const pending = client.fetch(address);
      await new Promise((resolve) => setTimeout(resolve, 50));
      const down = new Promise((resolve) => {
        server.tryShutdown(resolve);
      });
      expect(await pending).toEqual({ kind: 'done', value: [] });
      await down;
      await start();
      expect(await client.fetch(address)).toEqual({ kind: 'done', value: [] });
    });

    test('after its end nothing is asked any more', async () => {
      client.close(address);
      expect(await client.fetch(address)).toEqual(unavailable(/^CANCELLED/));
    });
  });
});
