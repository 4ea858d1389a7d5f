import { describe, expect, test } from 'vitest';
import { ByteBudget } from '../../../../sidecar/server/byte-budget.ts';
import { FrameReader } from '../../../../sidecar/server/frame-reader.ts';
import { frameMessage, grpcStatus } from '../../../../sidecar/server/grpc-wire.ts';

const maxBytes = 100_000;

function setUp(limit = 1_000_000) {
  const budget = new ByteBudget(limit);
  return { budget, reader: new FrameReader(maxBytes, budget) };
}

/** All messages of these chunks, and the fault that ended them. */
function readAll(reader: FrameReader, chunks: readonly Buffer[]) {
  const messages: string[] = [];
  for (const chunk of chunks) {
    reader.add(chunk);
    for (;;) {
      const next = reader.next();
      if (next.kind === 'fault') return { messages, code: next.code };
      if (next.kind === 'incomplete') break;
      messages.push(next.message.toString());
    }
  }
  return { messages, code: undefined };
}

const sentence = Buffer.concat(
  ['one', '', 'x'.repeat(3_000)].map((one) => frameMessage(Buffer.from(one))),
);

describe('messages out of chunks', () => {
  test.each([1, 2, 4, 5, 6, 7, 100, 10_000])('of %d bytes', (size) => {
    const { reader, budget } = setUp();
    const chunks = Array.from({ length: Math.ceil(sentence.length / size) }, (_, index) =>
      sentence.subarray(index * size, (index + 1) * size),
    );
    expect(readAll(reader, chunks)).toEqual({
      messages: ['one', '', 'x'.repeat(3_000)],
      code: undefined,
    });
    expect(budget.used).toBe(0);
    expect(reader.hasRest).toBe(false);
  });

  test('what lies in one chunk is neither counted nor copied', () => {
    const { reader, budget } = setUp(0);
    reader.add(sentence);
    const first = reader.next();
    expect(first.kind === 'message' && first.message.buffer === sentence.buffer).toBe(true);
    expect(budget.used).toBe(0);
  });

  test('a byte does not keep the read that it came with', () => {
    const { reader, budget } = setUp();
    const read = Buffer.alloc(65_536);
    reader.add(read.subarray(0, 1));
    expect(reader.next()).toEqual({ kind: 'incomplete' });
    expect(budget.used).toBe(5);
  });

  test('the first chunk is counted, and refused where nothing is left', () => {
    const budget = new ByteBudget(20_000);
    const part = Buffer.alloc(16_000);
    part.writeUInt32BE(50_000, 1);
    const readers = Array.from({ length: 3 }, () => new FrameReader(maxBytes, budget));
    expect(readers.map((reader) => readAll(reader, [part]).code)).toEqual([
      undefined,
      grpcStatus.resourceExhausted,
      grpcStatus.resourceExhausted,
    ]);
    expect(budget.used).toBeGreaterThanOrEqual(16_000);
    for (const reader of readers) reader.close();
    expect(budget.used).toBe(0);
  });

  test('a long message in small chunks is copied a few times, not once a chunk', () => {
    const copiesOf = (bytes: number): number => {
      const copies = { count: 0 };
      class Counting extends ByteBudget {
        override take(wanted: number): boolean {
          copies.count += 1;
          return super.take(wanted);
        }
      }
      const reader = new FrameReader(maxBytes, new Counting(1_000_000));
      const message = frameMessage(Buffer.alloc(bytes, 'y'));
      readAll(
        reader,
        [...message].map((byte) => Buffer.from([byte])),
      );
      return copies.count;
    };
    expect(copiesOf(80_000)).toBeLessThan(copiesOf(8_000) + 8);
  });

  test.each([
    ['compressed', Buffer.from([1]), grpcStatus.unimplemented],
    ['too long', Buffer.from([0, 0xff, 0xff, 0xff, 0xff]), grpcStatus.resourceExhausted],
  ])('%s: nothing more is read', (_name, bytes, code) => {
    const { reader } = setUp();
    expect(readAll(reader, [bytes]).code).toBe(code);
    const { reader: slow } = setUp();
    const cut = [...bytes].map((byte) => Buffer.from([byte]));
    expect(readAll(slow, cut).code).toBe(code);
  });
});
