import { describe, expect, test } from 'vitest';
import { HeaderReader } from '../../../../sidecar/http2/header-reader.ts';
import { headerBlock } from '../../../../sidecar/http2/header-writer.ts';

function readWith(reader: HeaderReader, hex: string): readonly string[] | undefined {
  const seen: string[] = [];
  const block = Buffer.from(hex.replaceAll(' ', ''), 'hex');
  const isRead = reader.read(block, {
    onField: (name, value) => {
      seen.push(`${name}: ${value}`);
    },
  });
  return isRead ? seen : undefined;
}
const read = (hex: string): readonly string[] | undefined => readWith(new HeaderReader(), hex);

const first = [':method: GET', ':scheme: http', ':path: /', ':authority: www.example.com'];
const third = [
  ':method: GET',
  ':scheme: https',
  ':path: /index.html',
  ':authority: www.example.com',
];

// RFC 7541 appendix C.3 and C.4.
describe.each([
  [
    'plain',
    '828684410f7777772e6578616d706c652e636f6d',
    '828684be58086e6f2d6361636865',
    '828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565',
  ],
  [
    'coded',
    '828684418cf1e3c2e5f23a6ba0ab90f4ff',
    '828684be5886a8eb10649cbf',
    '828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf',
  ],
])('three requests on one connection, %s', (_name, ...[one, two, three]) => {
  test('are read with what those before have left', () => {
    const reader = new HeaderReader();
    expect(readWith(reader, one)).toEqual(first);
    expect(readWith(reader, two)).toEqual([...first, 'cache-control: no-cache']);
    expect(readWith(reader, three)).toEqual([...third, 'custom-key: custom-value']);
  });
});

test.each([
  ['a literal that is not kept', '000161 0162', ['a: b']],
  ['a literal that nobody may keep', '100161 0162', ['a: b']],
  ['a name from the table', '0f 10 0178', ['content-type: x']],
  ['an empty table first', '20 82', [':method: GET']],
  ['a table of all that we allow', '3fe11f 82', [':method: GET']],
])('%s', (_name, hex, fields) => {
  expect(read(hex)).toEqual(fields);
});

test.each([
  ['index 0', '80'],
  ['an index that nothing has', 'be'],
  ['a name that nothing has', '7f00 0161'],
  ['a number without an end', 'ff'],
  ['a number of many bytes', 'ffffffffffff00'],
  ['a text that ends too late', '0005 61'],
  ['a name and nothing more', '000161'],
  ['a table that is larger than we allow', '3fe21f'],
  ['a new size in the middle', '82 20'],
  ['a coded text that is none', '00 0161 84ffffffff'],
])('%s is no header block', (_name, hex) => {
  expect(read(hex)).toBeUndefined();
});

test('the oldest fields make room, and one that is larger than the table empties it', () => {
  const reader = new HeaderReader();
  const kept = (name: string, bytes: number): string => {
    const [literal = 0, ...rest] = headerBlock([[name, 'v'.repeat(bytes)]]);
    return Buffer.from([literal | 0x40, ...rest]).toString('hex');
  };
  for (const name of ['a', 'b', 'c']) readWith(reader, kept(name, 1_500));
  // `a` is gone, `c` is the newest.
  expect(readWith(reader, 'be bf')?.map((field) => field.slice(0, 1))).toEqual(['c', 'b']);
  expect(readWith(new HeaderReader(), 'c0')).toBeUndefined();
  readWith(reader, kept('d', 5_000));
  expect(readWith(reader, 'be')).toBeUndefined();
});

test('a table that was made smaller forgets', () => {
  const reader = new HeaderReader();
  expect(readWith(reader, '40 0161 0162')).toEqual(['a: b']);
  expect(readWith(reader, '20')).toEqual([]);
  expect(readWith(reader, 'be')).toBeUndefined();
});

test('what is written is read', () => {
  const fields = [
    ['a', ''],
    ['content-type', 'x'.repeat(126)],
    ['b', 'y'.repeat(127)],
    ['c', 'z'.repeat(20_000)],
  ] as const;
  expect(read(headerBlock(fields).toString('hex'))).toEqual(
    fields.map(([name, value]) => `${name}: ${value}`),
  );
});
