/** Streams and pages of the helper's server, against grpc-js's client and raw HTTP/2, on every runtime. */
import { mkdtempSync, rmSync } from 'node:fs';
import * as http2 from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, credentials, status, type ClientDuplexStream } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { frameMessage } from '../../sidecar/server/grpc-wire.ts';
import { connectTo, sendRaw } from './raw-http2.ts';
import { Program, runtimes } from './runtimes.ts';

const same = (bytes: Buffer): Buffer => bytes;
const post = { ':method': 'POST', 'content-type': 'application/grpc', te: 'trailers' };

describe.each(runtimes)("the server's streams on %s", (runtime) => {
  const folder = mkdtempSync(join(tmpdir(), 'svidecar-streams-'));
  const path = join(folder, 'helper.sock');
  let program: Program;
  let client: Client;

  const start = async (socket: string, limits: object = {}, drainMs = 2_000): Promise<Program> => {
    const given = [socket, JSON.stringify(limits), `${drainMs}`];
    const args = ['test/fakes/grpc-server-program.ts', ...given];
    const started = new Program(runtime, args);
    await started.says('ready');
    return started;
  };
  const open = (method = '/test/Chat', on = client): ClientDuplexStream<Buffer, Buffer> =>
    on.makeBidiStreamRequest(method, same, same);
  /** Collects what comes until the call ends. */
  const ended = (call: ClientDuplexStream<Buffer, Buffer>) => {
    const messages: string[] = [];
    call.on('data', (message: Buffer) => messages.push(String(message)));
    call.on('error', () => undefined);
    const code = new Promise<number>((resolve) => {
      call.on('status', (result: { code: number }) => {
        resolve(result.code);
      });
    });
    return { messages, code };
  };
  const connect = (socket = path): http2.ClientHttp2Session => connectTo(socket);
  const chat = { ...post, ':path': '/test/Chat' };

  beforeAll(async () => {
    program = await start(path);
    client = new Client(`unix:${path}`, credentials.createInsecure());
  });
  afterAll(async () => {
    client.close();
    await program.stop();
    rmSync(folder, { recursive: true });
  });

  test('messages go both ways in order, for as long as the client likes', async () => {
    const call = open();
    const { messages, code } = ended(call);
    for (let index = 0; index < 50; index += 1) call.write(Buffer.from(String(index)));
    await expect.poll(() => messages.length).toBe(50);
    await new Promise((resolve) => setTimeout(resolve, 300));
    call.write(Buffer.from('later'));
    await expect.poll(() => messages.at(-1)).toBe('later');
    call.end();
    expect(await code).toBe(status.OK);
    expect(messages.slice(0, 50)).toEqual(messages.slice(0, 50).map((_, index) => String(index)));
  });

  test('however frames are cut, the same messages come out', async () => {
    const session = connect();
    const whole = Buffer.concat(
      ['a', '', 'c'.repeat(300)].map((one) => frameMessage(Buffer.from(one))),
    );
    for (const parts of [
      [whole],
      [...whole.subarray(0, 20)].map((byte) => Buffer.from([byte])).concat(whole.subarray(20)),
      [whole.subarray(0, 8), whole.subarray(8)],
    ]) {
      const seen = await sendRaw(session, chat, parts);
      expect(seen).toMatchObject({ http: 200, grpc: '0' });
      expect(seen.body.equals(whole)).toBe(true);
    }
    session.destroy();
  });

  test.each([
    ['a compressed message', Buffer.from([1, 0, 0, 0, 1, 0x78]), status.UNIMPLEMENTED],
    ['a length beyond the limit', Buffer.from([0, 255, 255, 255, 255]), status.RESOURCE_EXHAUSTED],
    ['a method that throws', frameMessage(Buffer.from('throw')), status.INTERNAL],
    ['a method that ends the call', frameMessage(Buffer.from('end')), status.INVALID_ARGUMENT],
  ])('%s ends the stream with a status, and no other', async (_name, bytes, code) => {
    const session = connect();
    const kept = open();
    const { messages, code: keptCode } = ended(kept);
    const first = await sendRaw(session, chat, [bytes, frameMessage(Buffer.from('too late'))]);
    expect(first).toMatchObject({ http: 200, grpc: String(code) });
    expect(first.body).toHaveLength(0);
    const behind = await sendRaw(session, chat, [frameMessage(Buffer.from('x')), bytes]);
    expect(behind).toMatchObject({ http: 200, grpc: String(code) });
    expect(behind.body.equals(frameMessage(Buffer.from('x')))).toBe(true);
    kept.write(Buffer.from('still'));
    await expect.poll(() => messages).toEqual(['still']);
    kept.end();
    expect(await keptCode).toBe(status.OK);
    session.destroy();
  });

  test('a stream without a message is ended in time; one with a message is not', async () => {
    const socket = join(folder, 'silent.sock');
    const mine = await start(socket, { callMs: 300 });
    const other = new Client(`unix:${socket}`, credentials.createInsecure());
    const silent = open('/test/Chat', other);
    const talking = open('/test/Chat', other);
    const talk = ended(talking);
    talking.write(Buffer.from('here'));
    expect(await ended(silent).code).toBe(status.DEADLINE_EXCEEDED);
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    talking.write(Buffer.from('still here'));
    await expect.poll(() => talk.messages).toEqual(['here', 'still here']);
    other.close();
    await mine.stop();
  });

  test('streams, and what they have not finished saying, are bounded', async () => {
    const socket = join(folder, 'bounds.sock');
    const mine = await start(socket, { maxStreams: 3, maxWaitingBytes: 100_000 });
    const other = new Client(`unix:${socket}`, credentials.createInsecure());
    const calls = Array.from({ length: 4 }, () => open('/test/Chat', other));
    const results = calls.map(ended);
    for (const call of calls) call.write(Buffer.from('x'));
    expect(await results[3]?.code).toBe(status.RESOURCE_EXHAUSTED);
    await expect.poll(() => results.map(({ messages }) => messages.length)).toEqual([1, 1, 1, 0]);
    calls[0]?.end();
    await results[0]?.code;
    const session = connect(socket);
    const part = Buffer.alloc(120_000);
    part.writeUInt32BE(500_000, 1);
    expect((await sendRaw(session, chat, [part])).grpc).toBe(String(status.RESOURCE_EXHAUSTED));
    // What was counted for it is given back.
    const again = await sendRaw(session, chat, [part.subarray(0, 90_000)]);
    expect(again.grpc).toBe('0');
    session.destroy();
    other.close();
    await mine.stop();
  });

  test('a shutdown ends streams at once, so that the client goes to look elsewhere', async () => {
    const socket = join(folder, 'drain.sock');
    const drainMs = 60_000;
    const mine = await start(socket, {}, drainMs);
    const other = new Client(`unix:${socket}`, credentials.createInsecure());
    const call = open('/test/Chat', other);
    const { messages, code } = ended(call);
    call.write(Buffer.from('x'));
    await expect.poll(() => messages.length).toBe(1);
    const started = Date.now();
    expect(await mine.stop()).toBe(0);
    expect(await code).toBe(status.UNAVAILABLE);
    expect(Date.now() - started).toBeLessThan(drainMs / 4);
    other.close();
  });

  test('2,000 streams that are reset leave nothing behind', async () => {
    const session = connect();
    for (let batch = 0; batch < 10; batch += 1) {
      const streams = Array.from({ length: 200 }, () => {
        const stream = session.request(chat);
        stream.on('error', () => undefined);
        stream.write(frameMessage(Buffer.from('x')));
        return stream;
      });
      await sendRaw(session, chat, [frameMessage(Buffer.from('there'))]);
      for (const stream of streams) stream.close(http2.constants.NGHTTP2_CANCEL);
      await sendRaw(session, chat, [frameMessage(Buffer.from('gone'))]);
    }
    const openStreams = async (): Promise<string> =>
      String(
        (
          await sendRaw(session, { ...post, ':path': '/test/Streams' }, [
            frameMessage(Buffer.alloc(0)),
          ])
        ).body.subarray(5),
      );
    await expect.poll(openStreams).toBe('0');
    session.destroy();
  });

  test('a page is answered to GET and HEAD, and to nothing else', async () => {
    const session = connect();
    const page = await sendRaw(session, { ':path': '/page?x' });
    expect(page).toMatchObject({
      http: 200,
      headers: {
        'content-type': 'text/plain',
        'cache-control': 'max-age=5',
        'content-length': '3',
      },
    });
    expect(String(page.body)).toBe('hi\n');
    const head = await sendRaw(session, { ':path': '/page', ':method': 'HEAD' });
    expect(head).toMatchObject({ http: 200, headers: { 'content-length': '3' } });
    expect(head.body).toHaveLength(0);
    expect((await sendRaw(session, { ':path': '/page', ':method': 'POST' })).http).toBe(415);
    expect((await sendRaw(session, { ':path': '/other' })).http).toBe(415);
    session.destroy();
  });
});
