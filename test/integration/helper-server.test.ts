/** The helper's gRPC server against grpc-js's client and raw HTTP/2, on every runtime. Envoy's side is in helper.test.ts. */
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import * as http2 from 'node:http2';
import * as net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, credentials, Metadata, status, type ServiceError } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connectTo, sendRaw, type Seen } from './raw-http2.ts';
import { Program, runtimes } from './runtimes.ts';
import { slowness } from './harness/pace.ts';

const same = (bytes: Buffer): Buffer => bytes;
const post = { ':method': 'POST', 'content-type': 'application/grpc', te: 'trailers' };
const maxMessageBytes = 1_048_576;

function framed(message: Buffer, flag = 0): Buffer {
  const prefix = Buffer.alloc(5);
  prefix[0] = flag;
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

function responseOf(stream: http2.ClientHttp2Stream): Promise<http2.IncomingHttpHeaders> {
  return new Promise((resolve) => {
    stream.once('response', (head: http2.IncomingHttpHeaders) => {
      resolve(head);
    });
  });
}

describe.each(runtimes)('the gRPC server on %s', (runtime) => {
  const folder = mkdtempSync(join(tmpdir(), 'svidecar-grpc-'));
  const path = join(folder, 'authz.sock');
  let program: Program;
  let client: Client;

  const start = async (socket: string, limits: object = {}): Promise<Program> => {
    const started = new Program(runtime, [
      'test/fakes/grpc-server-program.ts',
      socket,
      JSON.stringify(limits),
    ]);
    await started.says('ready');
    return started;
  };
  const unary = (
    method: string,
    message: Buffer,
    told: { metadata?: Metadata; deadlineMs?: number; on?: Client } = {},
  ): Promise<Buffer> =>
    new Promise((resolve, reject) => {
      const options = { deadline: Date.now() + (told.deadlineMs ?? 10_000) };
      const metadata = told.metadata ?? new Metadata();
      const done = (error: ServiceError | null, answer?: Buffer): void => {
        if (error === null && answer !== undefined) resolve(answer);
        else reject(error ?? new Error('no answer'));
      };
      (told.on ?? client).makeUnaryRequest(method, same, same, message, metadata, options, done);
    });
  const connect = (socket = path): http2.ClientHttp2Session => connectTo(socket);
  const raw = (
    session: http2.ClientHttp2Session,
    headers: http2.OutgoingHttpHeaders,
    parts: readonly Buffer[],
  ): Promise<Seen> => sendRaw(session, { ...post, ':path': '/test/Echo', ...headers }, parts);

  beforeAll(async () => {
    program = await start(path);
    client = new Client(`unix:${path}`, credentials.createInsecure());
  });
  afterAll(async () => {
    client.close();
    await program.stop();
    rmSync(folder, { recursive: true });
  });

  test.each([0, 1, 700, 20_000, 200_000, maxMessageBytes])(
    'answers a message of %d bytes',
    async (size) => {
      const message = Buffer.alloc(size, 'x');
      expect((await unary('/test/Echo', message)).equals(message)).toBe(true);
    },
  );

  test('answers a thousand calls at once', async () => {
    const calls = Array.from({ length: 1_000 }, (_, index) =>
      unary(index % 10 === 0 ? '/test/Slow' : '/test/Echo', Buffer.from(String(index))),
    );
    expect((await Promise.all(calls)).map(String)).toEqual(calls.map((_, index) => String(index)));
  });

  test('hands metadata to the method', async () => {
    const metadata = new Metadata();
    metadata.set('svidecar-rule', 'jwt-inject');
    expect(String(await unary('/test/Rule', Buffer.alloc(0), { metadata }))).toBe('jwt-inject');
  });

  test.each([
    ['an unknown method', '/test/Other', status.UNIMPLEMENTED],
    ['a method that throws', '/test/Throw', status.INTERNAL],
    ['a method that rejects', '/test/Reject', status.INTERNAL],
  ])('%s has a status and no detail', async (_name, method, code) => {
    const refused: unknown = await unary(method, Buffer.from('x')).catch(
      (thrown: unknown) => thrown,
    );
    expect(refused).toMatchObject({ code });
    expect(String(refused)).not.toContain('secret');
  });

  test('a message over the limit is refused', async () => {
    await expect(unary('/test/Echo', Buffer.alloc(maxMessageBytes + 1))).rejects.toMatchObject({
      code: status.RESOURCE_EXHAUSTED,
    });
    expect(String(await unary('/test/Echo', Buffer.from('next')))).toBe('next');
  });

  test('the deadline of the client is kept', async () => {
    const session = connect();
    const started = Date.now();
    const seen = await raw(session, { ':path': '/test/Never', 'grpc-timeout': '200m' }, [
      framed(Buffer.from('x')),
    ]);
    expect(seen.grpc).toBe(String(status.DEADLINE_EXCEEDED));
    expect(Date.now() - started).toBeGreaterThanOrEqual(190);
    expect(Date.now() - started).toBeLessThan(1_500 * slowness);
    session.destroy();
    await expect(unary('/test/Never', Buffer.alloc(0), { deadlineMs: 100 })).rejects.toMatchObject({
      code: status.DEADLINE_EXCEEDED,
    });
  });

  test('split and joined DATA frames give the same message', async () => {
    const session = connect();
    const whole = framed(Buffer.from('hello'));
    const bytes = [...whole].map((byte) => Buffer.from([byte]));
    for (const parts of [[whole], bytes, [whole.subarray(0, 3), whole.subarray(3)]]) {
      const seen = await raw(session, {}, parts);
      expect(seen).toMatchObject({ http: 200, grpc: '0' });
      expect(seen.body.equals(whole)).toBe(true);
    }
    session.destroy();
  });

  test.each([
    ['a compressed message', [framed(Buffer.from('x'), 1)], status.UNIMPLEMENTED],
    ['no message', [], status.INTERNAL],
    ['a message cut short', [framed(Buffer.from('xyz')).subarray(0, 6)], status.INTERNAL],
    [
      'two messages',
      [Buffer.concat([framed(Buffer.from('x')), framed(Buffer.from('y'))])],
      status.INTERNAL,
    ],
    [
      'a length beyond the limit',
      [Buffer.from([0, 0xff, 0xff, 0xff, 0xff, 1])],
      status.RESOURCE_EXHAUSTED,
    ],
  ])('%s is refused with a status', async (_name, parts, code) => {
    const session = connect();
    const seen = await raw(session, {}, parts);
    expect(seen).toMatchObject({ http: 200, grpc: String(code) });
    expect((await raw(session, {}, [framed(Buffer.from('next'))])).grpc).toBe('0');
    session.destroy();
  });

  test.each(['text/plain', 'application/grpc-web', 'application/json'])(
    'content-type %s is answered with 415',
    async (type) => {
      const session = connect();
      const seen = await raw(session, { 'content-type': type }, [Buffer.from('x')]);
      expect(seen.http).toBe(415);
      session.destroy();
    },
  );

  test('a GET is no call', async () => {
    const session = connect();
    expect((await raw(session, { ':method': 'GET' }, [])).grpc).toBe(String(status.UNIMPLEMENTED));
    session.destroy();
  });

  test('an HTTP/1 client is told what this port speaks', async () => {
    const socket = net.connect(path);
    socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
    let answer = '';
    for await (const chunk of socket) answer += String(chunk);
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    expect(answer).toContain('speaks gRPC');
  });

  test('1,200 resets in a burst disturb nobody on the same connection', async () => {
    const session = connect();
    const waiting = Array.from({ length: 20 }, () =>
      raw(session, { ':path': '/test/Slow' }, [framed(Buffer.from('kept'))]),
    );
    for (let batch = 0; batch < 5; batch += 1) {
      const streams = Array.from({ length: 240 }, () => {
        const stream = session.request({ ...post, ':path': '/test/Never' });
        stream.on('error', () => undefined);
        stream.end(framed(Buffer.from('x')));
        return stream;
      });
      // Frames keep their order: once this is answered, the server has all of them.
      await raw(session, {}, [framed(Buffer.from('there'))]);
      for (const stream of streams) stream.close(http2.constants.NGHTTP2_CANCEL);
    }
    const after = await Promise.all(waiting);
    expect(after.map((seen) => seen.grpc)).toEqual(waiting.map(() => '0'));
    expect((await raw(session, {}, [framed(Buffer.from('next'))])).grpc).toBe('0');
    expect(session.closed || session.destroyed).toBe(false);
    session.destroy();
    expect(Number(await unary('/test/Open', Buffer.alloc(0)))).toBe(1);
  });

  test('headers of 1 MB end that call or connection, and the others go on', async () => {
    const session = connect();
    const seen: unknown = await raw(session, { 'x-big': 'x'.repeat(1_000_000) }, []).catch(
      (thrown: unknown) => thrown,
    );
    expect(seen).not.toMatchObject({ grpc: '0' });
    session.destroy();
    expect(String(await unary('/test/Echo', Buffer.from('next')))).toBe('next');
  });

  test('connections that send nothing, or half a preface, are cut off in time and leave room', async () => {
    const socket = join(folder, 'slow.sock');
    const own = await start(socket, { prefaceMs: 400, silentMs: 400, maxConnections: 20 });
    const idle = Array.from({ length: 40 }, (_, index) => {
      const connection = net.connect(socket);
      connection.on('error', () => undefined);
      if (index % 2 === 0) connection.write('PRI * HT');
      return connection;
    });
    await new Promise((resolve) => setTimeout(resolve, 100));
    const other = new Client(`unix:${socket}`, credentials.createInsecure());
    expect(String(await unary('/test/Echo', Buffer.from('in'), { on: other }))).toBe('in');
    const silent = idle.filter((_, index) => index % 2 === 1);
    await expect.poll(() => silent.every((connection) => connection.destroyed)).toBe(true);
    expect(String(await unary('/test/Echo', Buffer.from('still'), { on: other }))).toBe('still');
    for (const connection of idle) connection.destroy();
    other.close();
    await own.stop();
  });

  test('calls whose message never ends are ended for them', async () => {
    const socket = join(folder, 'unfinished.sock');
    const own = await start(socket, { callMs: 300 });
    const session = connect(socket);
    const stream = session.request({ ...post, ':path': '/test/Echo' });
    stream.write(Buffer.from([0, 0]));
    const head = await responseOf(stream);
    expect(head['grpc-status']).toBe(String(status.DEADLINE_EXCEEDED));
    session.destroy();
    await own.stop();
  });

  test('unfinished messages together are bounded', async () => {
    const socket = join(folder, 'waiting.sock');
    const own = await start(socket, { maxWaitingBytes: 200_000 });
    const session = connect(socket);
    const part = Buffer.alloc(20_000);
    part.writeUInt32BE(500_000, 1);
    const streams = Array.from({ length: 20 }, () => {
      const stream = session.request({ ...post, ':path': '/test/Echo' });
      stream.on('error', () => undefined);
      return stream;
    });
    const refused = Promise.any(streams.map(responseOf));
    for (const stream of streams) {
      stream.write(part);
      stream.write(part);
    }
    expect((await refused)['grpc-status']).toBe(String(status.RESOURCE_EXHAUSTED));
    session.destroy();
    await own.stop();
  });

  test('a shutdown lets calls finish, sends clients away and takes no new ones', async () => {
    const socket = join(folder, 'drain.sock');
    const own = await start(socket);
    const session = connect(socket);
    await raw(session, {}, [framed(Buffer.from('warm'))]);
    const goaway = new Promise((resolve) => session.once('goaway', resolve));
    const slow = raw(session, { ':path': '/test/Slow' }, [framed(Buffer.from('last'))]);
    await new Promise((resolve) => setTimeout(resolve, 100));
    const stopped = own.stop();
    expect(await goaway).toBe(http2.constants.NGHTTP2_NO_ERROR);
    expect((await slow).body.subarray(5).toString()).toBe('last');
    expect(await stopped).toBe(0);
    expect(own.output).toContain('drained');
  });

  test('a shutdown does not wait for calls without end', async () => {
    const socket = join(folder, 'stuck.sock');
    const own = await start(socket);
    const session = connect(socket);
    void raw(session, { ':path': '/test/Never' }, [framed(Buffer.from('x'))]).catch(
      () => undefined,
    );
    await new Promise((resolve) => setTimeout(resolve, 100));
    const started = Date.now();
    expect(await own.stop()).toBe(0);
    expect(Date.now() - started).toBeLessThan(4_000 * slowness);
  });

  test('a stale socket is replaced, one in use or another file is not', async () => {
    const socket = join(folder, 'stale.sock');
    const killed = await start(socket);
    await killed.stop('SIGKILL');
    const next = await start(socket);
    expect(statSync(socket).mode & 0o777).toBe(0o666);
    const third = new Program(runtime, ['test/fakes/grpc-server-program.ts', socket]);
    await third.says('another process listens there');
    const file = join(folder, 'file');
    writeFileSync(file, 'kept');
    const fourth = new Program(runtime, ['test/fakes/grpc-server-program.ts', file]);
    await fourth.says('a file that is no socket is there');
    await Promise.all([next, third, fourth].map((one) => one.stop()));
  });
});
