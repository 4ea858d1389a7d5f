import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FrameCursor } from '../../../../sidecar/http2/frame-cursor.ts';
import { frameOf, maxPayloadBytes } from '../../../../sidecar/http2/http2-frames.ts';

function readAll(cursor: FrameCursor, chunks: readonly Buffer[]): readonly string[] {
  const seen: string[] = [];
  for (const chunk of chunks) {
    cursor.add(chunk);
    while (cursor.next()) {
      const { type, flags, stream, bytes, start, end } = cursor;
      seen.push(`${type} ${flags} ${stream} ${bytes.toString('hex', start, end)}`);
    }
  }
  return seen;
}

const frames = [
  frameOf({ type: 4, flags: 0, stream: 0 }),
  frameOf({ type: 1, flags: 4, stream: 1 }, Buffer.from('abc')),
  frameOf({ type: 0, flags: 1, stream: 1 }, Buffer.alloc(300, 'x')),
  frameOf({ type: 250, flags: 255, stream: 0x7fffffff }, Buffer.alloc(9)),
];
const all = Buffer.concat(frames);
const expected = readAll(new FrameCursor(), [all]);

test('a chunk of several frames gives them in order', () => {
  expect(expected).toHaveLength(4);
  expect(expected[1]).toBe('1 4 1 616263');
});

test('however the bytes are cut, the same frames come out', () => {
  expect(
    readAll(
      new FrameCursor(),
      [...all].map((byte) => Buffer.from([byte])),
    ),
  ).toEqual(expected);
  const cuts = fc.array(fc.integer({ min: 0, max: all.length }), { maxLength: 8 });
  fc.assert(
    fc.property(cuts, (places) => {
      const ends = [...places.sort((a, b) => a - b), all.length];
      const chunks = ends.map((end, index) => all.subarray(ends[index - 1] ?? 0, end));
      expect(readAll(new FrameCursor(), chunks)).toEqual(expected);
    }),
  );
});

test('a reserved bit is not read', () => {
  const frame = Buffer.from(frameOf({ type: 0, flags: 0, stream: 5 }));
  frame[5] = 0x80;
  expect(readAll(new FrameCursor(), [frame])).toEqual(['0 0 5 ']);
});

test.each([1, 4, 9, 12])(
  'a frame that is too long ends the reading, %d bytes at a time',
  (step) => {
    const long = Buffer.alloc(200);
    long.writeUIntBE(maxPayloadBytes + 1, 0, 3);
    const chunks = Array.from({ length: 10 }, (_, at) => long.subarray(at * step, (at + 1) * step));
    const cursor = new FrameCursor();
    expect(readAll(cursor, chunks)).toEqual([]);
    expect(cursor.failed).toBe(true);
  },
);

test('a frame of all that is allowed is read', () => {
  const frame = frameOf({ type: 0, flags: 0, stream: 1 }, Buffer.alloc(maxPayloadBytes, 1));
  const cursor = new FrameCursor();
  expect(readAll(cursor, [frame.subarray(0, 10_000), frame.subarray(10_000)])).toHaveLength(1);
  expect(cursor.failed).toBe(false);
});
