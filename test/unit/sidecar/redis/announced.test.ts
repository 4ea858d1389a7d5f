/** What a server announces is counted as the client's library reads it, however it is cut into pieces. */
import { expect, test } from 'vitest';
import { Announced } from '../../../../sidecar/redis/announced.ts';

const text = (of: string): string => `$${Buffer.byteLength(of)}\r\n${of}\r\n`;
/** What looks like an announcement, inside a text. */
const inside = text('a\r\n*99999999\r\n>99999999\r\n$9\r\n');

const usual: readonly (readonly [string, string])[] = [
  ['a greeting', `%2\r\n${text('server')}${text('redis')}${text('proto')}:3\r\n`],
  ['a change', `>2\r\n${text('invalidate')}*2\r\n${inside}${text('é')}`],
  ['a change of all', `>2\r\n${text('invalidate')}_\r\n`],
  ['nothing, as older servers say it', '*-1\r\n$-1\r\n*0\r\n$0\r\n\r\n'],
  [
    'numbers and errors',
    '+OK\r\n:-12\r\n,1.5\r\n#t\r\n(123456789012345678901234567890\r\n-ERR no\r\n',
  ],
  ['texts of other kinds', '=7\r\ntxt:a*9\r\n!5\r\nERR a\r\n~1\r\n:1\r\n'],
  ['as many as are taken in', `*1000000\r\n${':1\r\n'.repeat(9)}`],
];
const tooMuch: readonly (readonly [string, string])[] = [
  ['one list', '*1000001\r\n'],
  ['lists in lists', '*300000\r\n'.repeat(4)],
  ['a map, whose members are two each', '%600000\r\n'],
  ['a number beyond all', `*${'9'.repeat(400)}\r\n`],
  ['a change behind texts', `${inside}>2\r\n${text('invalidate')}*1000000\r\n`],
  ['a set', '~2000000\r\n'],
  ['a number of many digits', `(${'1'.repeat(5_000)}`],
];

/** Cut into pieces of so many bytes. */
function taken(reply: string, bytes: number): () => void {
  const all = Buffer.from(reply);
  return () => {
    const announced = new Announced();
    for (let at = 0; at < all.length; at += bytes) announced.take(all.subarray(at, at + bytes));
    // What follows is read from its beginning.
    expect(() => {
      announced.take(Buffer.from('*1000001\r\n'));
    }).toThrow('at once');
  };
}

test.each(usual)('%s is taken in', (_name, reply) => {
  for (const bytes of [1, 2, 3, 7, 4_096]) expect(taken(reply, bytes)).not.toThrow();
});

test.each(tooMuch)('%s is not', (_name, reply) => {
  for (const bytes of [1, 3, 4_096])
    expect(taken(reply, bytes)).toThrow('sent more than 8 MiB at once');
});

test('what has come to its end counts no more', () => {
  const announced = new Announced();
  for (let turn = 0; turn < 3; turn += 1) {
    announced.take(Buffer.from('*900000\r\n'));
    announced.reset();
  }
  expect(() => {
    announced.take(Buffer.from('*900000\r\n*900000\r\n'));
  }).toThrow('at once');
});
