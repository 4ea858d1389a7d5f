/** Answers to the first call on a connection, frame by frame: seldom ones, and such as no agent may send. */
import { block, flags, frame, settings, types } from '../hostile/frames.ts';
import { goodAnswer } from './hostile-agents.ts';

const headFields = block([
  [':status', '200'],
  ['content-type', 'application/grpc'],
]);
const { endHeaders, endStream, none, padded } = flags;
const head = frame([types.headers, endHeaders, 1], headFields);
const data = frame([types.data, none, 1], goodAnswer);
const trailers = frame([types.headers, endHeaders | endStream, 1], block([['grpc-status', '0']]));
const all = [settings(), head, data, trailers];
const pingFrame = frame([types.ping, none, 0], Buffer.alloc(8));
const goAway = (last: number, error: number): Buffer =>
  frame([7, none, 0], Buffer.from([0, 0, 0, last, 0, 0, 0, error]));
const window = (stream: number, bytes: number): Buffer => {
  const payload = Buffer.alloc(4);
  payload.writeUInt32BE(bytes);
  return frame([types.windowUpdate, none, stream], payload);
};

export const oddFrames: readonly (readonly [string, readonly Buffer[]])[] = [
  ['what comes byte by byte', [...Buffer.concat(all)].map((byte) => Buffer.from([byte]))],
  [
    'data with padding',
    [
      settings(),
      head,
      frame(
        [types.data, padded, 1],
        Buffer.concat([Buffer.from([2]), goodAnswer, Buffer.alloc(2)]),
      ),
      trailers,
    ],
  ],
  [
    'headers in three frames',
    [
      settings(),
      frame([types.headers, none, 1], headFields.subarray(0, 3)),
      frame([types.continuation, none, 1], headFields.subarray(3, 9)),
      frame([types.continuation, endHeaders, 1], headFields.subarray(9)),
      data,
      trailers,
    ],
  ],
  [
    'what comes behind headers that are not the last',
    [
      settings(),
      frame([types.headers, endHeaders, 1], block([[':status', '103']])),
      head,
      data,
      trailers,
    ],
  ],
  [
    'what comes among frames that nobody knows, pings and windows',
    [
      settings([99, 1]),
      frame([0xfa, 0xff, 1], Buffer.alloc(50)),
      head,
      pingFrame,
      data,
      window(1, 9),
      trailers,
    ],
  ],
  [
    'what comes behind a GOAWAY that knows the call',
    [settings(), goAway(1, 0), head, data, trailers],
  ],
];

const said = /error 1\)/;

export const badFrames: readonly (readonly [string, readonly Buffer[], RegExp])[] = [
  ['a ping before the settings', [pingFrame], said],
  ['a call of another one', [settings(), frame([types.headers, endHeaders, 9], headFields)], said],
  ['a promise', [settings(), frame([5, endHeaders, 1], Buffer.alloc(4))], said],
  ['a frame between headers', [settings(), frame([types.headers, none, 1]), pingFrame], said],
  ['data without headers', [settings(), data], /HTTP\/2 error 1$/],
  ['headers twice', [settings(), head, head], /HTTP\/2 error 1$/],
  ['a window that grows by nothing', [settings(), window(0, 0)], /error 3\)/],
  ['a window that is too wide', [settings(), window(1, 0x7fffffff)], /error 3\)/],
  ['a GOAWAY that is too short', [settings(), frame([7, none, 0])], /error 6\)/],
  ['a GOAWAY that does not know the call', [settings(), goAway(0, 0)], /refused the call/],
  [
    'headers without an end',
    [
      settings(),
      frame([types.headers, none, 1]),
      ...Array<Buffer>(9).fill(frame([types.continuation, none, 1])),
    ],
    /error 11\)/,
  ],
  [
    'pings without end',
    [settings(), Buffer.concat(Array<Buffer>(60_000).fill(pingFrame))],
    /error 11\)/,
  ],
  [
    'headers of 20 kB',
    [
      settings(),
      frame([types.headers, none, 1], block([['a', 'b'.repeat(10_000)]])),
      frame([types.continuation, endHeaders, 1], block([['a', 'b'.repeat(10_000)]])),
    ],
    /RESOURCE_EXHAUSTED/,
  ],
];
