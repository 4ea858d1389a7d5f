/** HTTP/2 of the helper's service, frame by frame, on every runtime: what a client library never sends, and what it seldom does. */
import { mkdtempSync, rmSync } from 'node:fs';
import * as net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FrameCursor } from '../../sidecar/http2/frame-cursor.ts';
import { HeaderReader } from '../../sidecar/http2/header-reader.ts';
import { http2Errors } from '../../sidecar/http2/http2-frames.ts';
import {
  block,
  callBlock,
  flags,
  frame,
  messageStart,
  openCall,
  preface,
  reset,
  settings,
  types,
} from './hostile/frames.ts';
import { Program, runtimes } from './runtimes.ts';

const start = [preface, settings()];
const message = frame([types.data, flags.endStream, 1], Buffer.from([0, 0, 0, 0, 1, 0x78]));
const ping = frame([types.ping, flags.none, 0], Buffer.from('12345678'));
const window = (stream: number, bytes: number): Buffer => {
  const payload = Buffer.alloc(4);
  payload.writeUInt32BE(bytes);
  return frame([types.windowUpdate, flags.none, stream], payload);
};
const call = (...more: readonly (readonly [string, string])[]): Buffer =>
  openCall(1, callBlock('/test/Echo', more));

/** All that comes back until a ping of ours is answered or the connection is closed, a line a frame. */
async function talk(path: string, pieces: readonly Buffer[]): Promise<readonly string[]> {
  const socket = net.connect(path);
  socket.on('error', () => undefined);
  const seen: string[] = [];
  const cursor = new FrameCursor();
  const headers = new HeaderReader();
  const isOver = new Promise((resolve) => socket.once('close', resolve));
  socket.on('data', (chunk: Buffer) => {
    cursor.add(chunk);
    while (cursor.next()) {
      const line = lineOf(cursor, headers);
      if (line === 'ping') socket.destroy();
      else if (line !== '') seen.push(line);
    }
  });
  for (const piece of pieces) {
    socket.write(piece);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  socket.write(ping);
  await isOver;
  return seen;
}

/** Empty for what is always there. */
function lineOf(cursor: FrameCursor, headers: HeaderReader): string {
  const { type, stream, bytes, start: from, end } = cursor;
  const ends = (cursor.flags & flags.endStream) === 0 ? '' : ', end';
  if (type === types.ping) return 'ping';
  if (type === types.data) return `${stream}: ${end - from} bytes${ends}`;
  if (type === types.reset) return `${stream}: reset ${bytes.readUInt32BE(from)}`;
  if (type === 7) return `goaway ${bytes.readUInt32BE(from + 4)}`;
  if (type !== types.headers) return '';
  const fields: string[] = [];
  const onField = (name: string, value: string): void => {
    if (name === ':status' || name === 'grpc-status') fields.push(`${name}=${value}`);
  };
  const isRead = headers.read(bytes.subarray(from, end), { onField });
  return `${stream}: ${isRead ? fields.join() : 'unreadable'}${ends}`;
}

const answered = ['1: :status=200', '1: 6 bytes', '1: grpc-status=0, end'];

describe.each(runtimes)('HTTP/2 on %s', (runtime) => {
  const folder = mkdtempSync(join(tmpdir(), 'svidecar-http2-'));
  const path = join(folder, 'helper.sock');
  let program: Program;
  beforeAll(async () => {
    program = new Program(runtime, ['test/fakes/grpc-server-program.ts', path]);
    await program.says('ready');
  });
  afterAll(async () => {
    await program.stop();
    expect(program.output).not.toContain('fault');
    rmSync(folder, { recursive: true });
  });

  const padded = Buffer.concat([
    Buffer.from([3]),
    Buffer.from([0, 0, 0, 0, 1, 0x78]),
    Buffer.alloc(3),
  ]);
  const fields = callBlock();
  test.each<readonly [string, readonly Buffer[]]>([
    ['in one piece', [Buffer.concat([...start, call(), message])]],
    [
      'byte by byte',
      [...Buffer.concat([...start, call(), message])].map((byte) => Buffer.from([byte])),
    ],
    [
      'with padding',
      [...start, call(), frame([types.data, flags.endStream | flags.padded, 1], padded)],
    ],
    [
      'with headers in three frames',
      [
        ...start,
        frame([types.headers, flags.none, 1], fields.subarray(0, 7)),
        frame([types.continuation, flags.none, 1], fields.subarray(7, 20)),
        frame([types.continuation, flags.endHeaders, 1], fields.subarray(20)),
        message,
      ],
    ],
    [
      'with a priority',
      [
        ...start,
        frame(
          [types.headers, flags.endHeaders | 0x20, 1],
          Buffer.concat([Buffer.alloc(5), fields]),
        ),
        frame([types.priority, flags.none, 1], Buffer.alloc(5)),
        message,
      ],
    ],
    [
      'with trailers',
      [
        ...start,
        call(),
        frame([types.data, flags.none, 1], Buffer.from([0, 0, 0, 0, 1, 0x78])),
        frame([types.headers, flags.endHeaders | flags.endStream, 1], block([['x', 'y']])),
      ],
    ],
    [
      'among frames that nobody knows',
      [...start, frame([0xfa, 0xff, 1], Buffer.alloc(50)), call(), message],
    ],
    [
      'among settings that say one thing twice',
      [...start, settings([4, 0], [4, 70_000]), call(), message],
    ],
    ['with its length', [...start, call(['content-length', '6']), message]],
    ['by a client that keeps no table of ours', [preface, settings([1, 0]), call(), message]],
  ])('a call %s is answered', async (_name, pieces) => {
    expect(await talk(path, pieces)).toEqual(answered);
  });

  test('an answer comes as windows allow: of the stream, and of all', async () => {
    const opened = [...start, settings([4, 0]), call(), message];
    expect(await talk(path, opened)).toEqual(answered.slice(0, 1));
    expect(await talk(path, [...opened, settings([4, 4]), window(1, 1)])).toEqual([
      '1: :status=200',
      '1: 4 bytes',
      '1: 1 bytes',
    ]);
    expect(await talk(path, [...opened, window(1, 100)])).toEqual(answered);
    // What the client takes back is owed.
    const shrunk = [...opened, settings([4, 3]), settings([4, 0]), window(1, 2), window(1, 9)];
    expect(await talk(path, shrunk)).toEqual([
      '1: :status=200',
      '1: 3 bytes',
      '1: 3 bytes',
      '1: grpc-status=0, end',
    ]);
  });

  test('a long answer is cut into frames, and waits for the window of all streams', async () => {
    const long = messageStart(70_005, 70_000);
    const parts = Array.from({ length: 5 }, (_, at) =>
      frame(
        [types.data, at === 4 ? flags.endStream : flags.none, 1],
        long.subarray(at * 16_384, (at + 1) * 16_384),
      ),
    );
    const wide = [preface, settings([4, 1_000_000]), call(), ...parts];
    const bytesOf = (lines: readonly string[]): number =>
      lines.reduce((sum, line) => sum + Number(/ (\d+) bytes/.exec(line)?.[1] ?? 0), 0);
    const seen = await talk(path, wide);
    expect([bytesOf(seen), seen.at(-1)]).toEqual([65_535, '1: 67 bytes']);
    const whole = await talk(path, [...wide, window(0, 10_000)]);
    expect([bytesOf(whole), whole.at(-1)]).toEqual([70_005, '1: grpc-status=0, end']);
  });

  test('a page comes as the window allows', async () => {
    const fields = block([
      [':method', 'GET'],
      [':scheme', 'http'],
      [':path', '/page'],
    ]);
    const get = frame([types.headers, flags.endHeaders | flags.endStream, 1], fields);
    const opened = [preface, settings([4, 0]), get, settings([4, 1])];
    expect(await talk(path, opened)).toEqual(['1: :status=200', '1: 1 bytes']);
    expect(await talk(path, [...opened, window(1, 9)])).toEqual([
      '1: :status=200',
      '1: 1 bytes',
      '1: 2 bytes',
      '1: 0 bytes, end',
    ]);
  });

  const nul = Buffer.alloc(1);
  const { protocol, frameSize, flowControl, compression, enhanceYourCalm } = http2Errors;
  test.each<readonly [string, readonly Buffer[], number]>([
    ['another frame first', [preface, ping], protocol],
    ['a preface that is none', [Buffer.from('PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n')], protocol],
    ['a frame that is too long', [...start, frame([0xfa, 0, 0], Buffer.alloc(16_385))], frameSize],
    ['DATA on no stream', [...start, frame([types.data, 0, 0], Buffer.alloc(1))], protocol],
    ['DATA on a stream that is not there yet', [...start, frame([types.data, 0, 1])], protocol],
    ['a stream of a server', [...start, openCall(2)], protocol],
    ['a promise', [...start, frame([5, 4, 1], Buffer.alloc(4))], protocol],
    ['a PING of seven bytes', [...start, frame([types.ping, 0, 0], Buffer.alloc(7))], frameSize],
    ['a setting cut short', [...start, frame([types.settings, 0, 0], Buffer.alloc(5))], frameSize],
    ['a window that is too wide', [...start, window(0, 0x7fffffff)], flowControl],
    ['a window that grows by nothing', [...start, window(0, 0)], protocol],
    ['settings that cannot be', [...start, settings([4, 0x80000000])], flowControl],
    ['a frame between headers', [...start, frame([types.headers, 0, 1], fields), ping], protocol],
    [
      'headers that are none',
      [...start, frame([types.headers, 4, 1], Buffer.from([0xbf]))],
      compression,
    ],
    [
      'more padding than payload',
      [...start, call(), frame([0, 8, 1], Buffer.from([9, 0]))],
      protocol,
    ],
    [
      'headers without an end',
      [
        ...start,
        frame([types.headers, 0, 1], fields),
        ...Array<Buffer>(3).fill(frame([types.continuation, 0, 1], Buffer.alloc(16_000))),
      ],
      enhanceYourCalm,
    ],
    [
      'headers in many frames',
      [
        ...start,
        frame([types.headers, 0, 1], fields),
        Buffer.concat(Array<Buffer>(9).fill(frame([types.continuation, 0, 1]))),
      ],
      enhanceYourCalm,
    ],
    [
      'frames without end that bring nothing',
      [...start, Buffer.concat(Array<Buffer>(30_000).fill(frame([types.data + 0xf0, 0, 1])))],
      enhanceYourCalm,
    ],
    [
      'padding without end',
      [...start, call(), Buffer.concat(Array<Buffer>(30_000).fill(frame([0, 8, 1], nul)))],
      enhanceYourCalm,
    ],
    [
      'other windows for many streams, again and again',
      [
        ...start,
        Buffer.concat(Array.from({ length: 500 }, (_, at) => openCall(2 * at + 1))),
        Buffer.concat(Array.from({ length: 100 }, (_, at) => settings([4, at]))),
      ],
      enhanceYourCalm,
    ],
  ])('%s ends the connection', async (_name, pieces, code) => {
    expect(await talk(path, pieces)).toEqual([`goaway ${code}`]);
  });

  test.each<readonly [string, readonly Buffer[], number]>([
    ['a name in capitals', [call(['X', 'y'])], protocol],
    ['a field of HTTP/1', [call(['connection', 'close'])], protocol],
    ['a pseudo field behind others', [call([':path', '/'])], protocol],
    [
      'no path',
      [
        openCall(
          1,
          block([
            [':method', 'POST'],
            [':scheme', 'http'],
          ]),
        ),
      ],
      protocol,
    ],
    ['more bytes than said', [call(['content-length', '5']), message], protocol],
    ['fewer bytes than said', [call(['content-length', '7']), message], protocol],
    ['two lengths', [call(['content-length', '6'], ['content-length', '7'])], protocol],
    ['an end of line in a value', [call(['a', 'b\r\nc: d'])], protocol],
    ['a NUL in a value', [call(['a', '\0'])], protocol],
    ['a blank in front of a value', [call(['a', ' b'])], protocol],
    ['a blank in a name', [call(['a b', ''])], protocol],
    ['a field without a name', [call(['', 'a'])], protocol],
    ['an end of line in a path', [openCall(1, callBlock('/a\r\n'))], protocol],
    ['trailers that are not the end', [call(), openCall(1, block([['a', 'b']]))], protocol],
    [
      'trailers of 65 fields',
      [call(), frame([types.headers, 5, 1], block(Array.from({ length: 65 }, () => ['a', ''])))],
      protocol,
    ],
    ['a length that is none', [call(['content-length', '-1'])], protocol],
    ['65 fields', [call(...Array.from({ length: 60 }, () => ['a', ''] as const))], enhanceYourCalm],
    [
      'headers of 17 kB',
      [call(...Array.from({ length: 50 }, () => ['a', 'b'.repeat(300)] as const))],
      enhanceYourCalm,
    ],
    ['DATA behind the end', [call(), message, message], http2Errors.streamClosed],
    ['DATA behind a reset', [call(), reset(1), message], http2Errors.streamClosed],
  ])('%s ends the stream only', async (_name, pieces, code) => {
    const next = Buffer.concat([openCall(3), Buffer.from(message)]);
    next.writeUInt32BE(3, next.length - 10);
    const seen = await talk(path, [...start, ...pieces, next]);
    expect(seen).toContain(`1: reset ${code}`);
    expect(seen.slice(-3)).toEqual(answered.map((line) => line.replace('1:', '3:')));
  });

  test('the same bytes of a head mean what the table of the connection says at that time', async () => {
    const kept = (value: string): Buffer => {
      const [, ...rest] = block([['svidecar-rule', value]]);
      return Buffer.from([0x40, ...rest]);
    };
    const newest = Buffer.from([0xbe]);
    const ask = (stream: number, rule: Buffer): Buffer =>
      Buffer.concat([
        openCall(stream, Buffer.concat([callBlock('/test/Rule'), rule])),
        frame([types.data, flags.endStream, stream], Buffer.alloc(5)),
      ]);
    const rules = [kept('a'), newest, newest, kept('bbb'), newest, newest];
    const calls = rules.map((rule, at) => ask(2 * at + 1, rule));
    // Trailers add to it, too.
    const trailers = frame([types.headers, flags.endHeaders | flags.endStream, 13], kept('ccccc'));
    const withTrailers = [
      openCall(13, callBlock('/test/Echo')),
      frame([types.data, flags.none, 13], Buffer.alloc(5)),
    ];
    const last = [...withTrailers, ask(15, newest), trailers, ask(17, newest)];
    const seen = await talk(path, [...start, ...calls, ...last]);
    const bytes = seen.map((line) => Number(/^\d+: (\d+) bytes$/.exec(line)?.[1] ?? 0));
    expect(bytes.filter((count) => count > 0)).toEqual([6, 6, 6, 8, 8, 8, 8, 5, 10]);
  });

  test('who makes us reset streams without end is not heard for ever', async () => {
    const tooWide = (stream: number): Buffer => window(stream, 0x7fffffff);
    const streams = Array.from({ length: 5_000 }, (_, at) => 2 * at + 1);
    const all = streams.map((stream) => Buffer.concat([openCall(stream), tooWide(stream)]));
    const seen = await talk(path, [...start, Buffer.concat(all)]);
    expect(seen[0]).toBe('1: reset 3');
    expect(seen.at(-1)).toBe(`goaway ${enhanceYourCalm}`);
  });

  /** 400 ms in which nothing is said. */
  const pause = Array<Buffer>(40).fill(Buffer.alloc(0));

  test('a deadline of centuries is one of ours', async () => {
    const patient = openCall(1, callBlock('/test/Slow', [['grpc-timeout', '99999999H']]));
    expect(await talk(path, [...start, patient, message, ...pause])).toEqual(answered);
    expect(program.output).not.toContain('Warning');
  });

  test('a client may not send more than its windows', async () => {
    const kilobytes = frame([types.data, flags.none, 1], messageStart(16_384, 900_000));
    const padding = frame(
      [types.data, flags.padded, 1],
      Buffer.concat([Buffer.from([255]), Buffer.alloc(255)]),
    );
    // Read at once, so each window is open again: only one frame can be too much, and none is that long.
    const seen = await talk(path, [
      ...start,
      call(),
      ...Array<Buffer>(40).fill(kilobytes),
      padding,
    ]);
    expect(seen).toEqual([]);
  });
});
