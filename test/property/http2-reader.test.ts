/** What strangers can send to the helper's HTTP/2: whatever it is and however it is cut, it is read the same, and nothing is thrown. */
import * as net from 'node:net';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FrameCursor } from '../../sidecar/http2/frame-cursor.ts';
import { HeaderReader } from '../../sidecar/http2/header-reader.ts';
import { headerBlock } from '../../sidecar/http2/header-writer.ts';
import { clientPreface, frameOf, settingsFrame } from '../../sidecar/http2/http2-frames.ts';
import { Http2Connection, type ConnectionHost } from '../../sidecar/server/http2-connection.ts';

const bytes = (maxLength: number): fc.Arbitrary<Buffer> =>
  fc.uint8Array({ maxLength }).map((all) => Buffer.from(all));

/** Fields of a call, so that some of what is sent means something. */
const callFields = headerBlock([
  [':method', 'POST'],
  [':scheme', 'http'],
  [':path', '/a'],
]);
/** A header block is: valid, valid with something behind it, or anything. */
const block = fc.oneof(
  fc.constant(callFields),
  fc
    .array(fc.constantFrom(0x82, 0x86, 0xbe, 0x20, 0x40, 0x01, 0x61, 0x00), { maxLength: 30 })
    .map((all) => Buffer.from(all)),
  bytes(40).map((tail) => Buffer.concat([callFields, tail])),
  bytes(40),
);
const type = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(0, 1, 3, 4, 8, 9) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 255 }) },
);
const flags = fc.oneof(fc.constantFrom(0, 1, 4, 5), fc.integer({ min: 0, max: 255 }));
const stream = fc.oneof(fc.constantFrom(0, 1, 3, 5), fc.constantFrom(2, 0x7fffffff));
const payload = fc.oneof(block, bytes(8), fc.constant(Buffer.from([0, 0, 0, 1])));
const frame = fc
  .record({ type, flags, stream, payload })
  .map(({ payload: content, ...head }) => frameOf(head, content));
const conversation = fc
  .array(fc.oneof({ weight: 8, arbitrary: frame }, { weight: 1, arbitrary: bytes(30) }), {
    maxLength: 20,
  })
  .map((frames) => Buffer.concat([clientPreface, settingsFrame([]), ...frames]));
const places = fc.array(fc.nat(1_000), { maxLength: 12 });

function cut(all: Buffer, at: readonly number[]): readonly Buffer[] {
  const ends = [...at.map((place) => place % (all.length + 1)), all.length].sort((a, b) => a - b);
  return ends.map((end, index) => all.subarray(ends[index - 1] ?? 0, end));
}
const whole = (all: Buffer): readonly Buffer[] => [all];
const byteByByte = (all: Buffer): readonly Buffer[] => [...all].map((byte) => Buffer.from([byte]));

/** Keeps what is written to it, and takes all. */
class Written extends net.Socket {
  readonly all: Buffer[] = [];
  override write(chunk: Buffer): boolean {
    this.all.push(chunk);
    return true;
  }
  override end(): this {
    return this;
  }
}

/** All that was written, and that listeners were told. Streams answer at once, every other one with what a small window cuts. */
function converse(chunks: readonly Buffer[]): readonly string[] {
  const told: string[] = [];
  const body: string[] = [];
  const host: ConnectionHost = {
    onStream: (opened, { path, method }) => {
      told.push(`${opened.id} ${method} ${path}`);
      opened.listener = {
        onData: (chunk) => body.push(`${opened.id} ${chunk.toString('hex')}`),
        onEnd: () => {
          told.push(`${opened.id} end`);
          opened.answer(Buffer.alloc(opened.id % 4 === 1 ? 10 : 1_000));
        },
        onClose: () => told.push(`${opened.id} close`),
      };
    },
    onStreamClosed: () => undefined,
    onSettled: () => told.push('settled'),
    onFault: (thrown) => {
      throw thrown;
    },
  };
  const socket = new Written();
  const limits = { maxStreams: 3, maxHeaderBytes: 2_000, maxFields: 10, metadata: [] };
  const connection = new Http2Connection(socket, host, limits);
  for (const chunk of chunks) connection.take(chunk);
  connection.gone();
  return [...told, body.join(), Buffer.concat(socket.all).toString('hex')];
}

describe('HTTP/2 of strangers', () => {
  test('is taken the same however it is cut', () => {
    fc.assert(
      fc.property(conversation, places, (all, at) => {
        const expected = converse(whole(all));
        expect(converse(cut(all, at))).toEqual(expected);
        expect(converse(byteByByte(all))).toEqual(expected);
      }),
      { numRuns: 2_000 },
    );
  });

  test('frames are found in anything, and end where there are none', () => {
    const found = (chunks: readonly Buffer[]): readonly string[] => {
      const cursor = new FrameCursor();
      const seen: string[] = [];
      for (const chunk of chunks) {
        cursor.add(chunk);
        while (cursor.next())
          seen.push(
            [
              cursor.type,
              cursor.flags,
              cursor.stream,
              cursor.bytes.toString('hex', cursor.start, cursor.end),
            ].join(),
          );
      }
      return [...seen, String(cursor.failed)];
    };
    fc.assert(
      fc.property(bytes(200), places, (all, at) => {
        expect(found(cut(all, at))).toEqual(found(whole(all)));
      }),
    );
  });

  test('header blocks are read or are none, and never say more than their bytes and the table can', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(block, bytes(300))), (blocks) => {
        const reader = new HeaderReader();
        let isGood = true;
        for (const one of blocks) {
          let fields = 0;
          const onField = (name: string, value: string): void => {
            fields += 1;
            expect(name.length + value.length).toBeLessThanOrEqual(4_096 + one.length * 2);
          };
          const isRead = reader.read(one, { onField });
          expect(isRead && !isGood).toBe(false);
          isGood = isRead;
          expect(fields).toBeLessThanOrEqual(one.length);
        }
      }),
      { numRuns: 1_000 },
    );
  });
});
