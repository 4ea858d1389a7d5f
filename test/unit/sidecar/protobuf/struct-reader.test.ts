import { describe, expect, test } from 'vitest';
import { entryOf, readStruct, structIn } from '../../../../sidecar/protobuf/struct-reader.ts';
import { Struct } from '../../../gen/google/protobuf/struct.ts';

function bytesOf(json: Readonly<Record<string, unknown>>): Buffer {
  return Buffer.from(Struct.encode(Struct.wrap(json)).finish());
}

describe('a Struct', () => {
  test('is read as the JSON it stands for; lists are empty, truth values true', () => {
    const json = {
      text: 'jo\u0000\n:é',
      number: -1.5,
      safe: 2 ** 53 - 1,
      nothing: null,
      flag: true,
      list: [{ a: 1 }],
      object: { a: { '': 'deep' } },
      constructor: 'own',
    };
    expect(readStruct(bytesOf(json))).toEqual({ ...json, list: [] });
  });

  test('has members of their own, whatever they are called', () => {
    const named = field(0x0a, Buffer.from('__proto__'));
    const value = field(0x12, field(0x1a, Buffer.from('own')));
    const read = readStruct(field(0x0a, Buffer.concat([named, value])));
    expect(Object.entries(read ?? {})).toEqual([['__proto__', 'own']]);
  });

  test('keeps the last of two fields of a name', () => {
    const twice = Buffer.concat([bytesOf({ a: 1, b: 1 }), bytesOf({ a: 'two' })]);
    expect(readStruct(twice)).toEqual({ a: 'two', b: 1 });
    expect(structIn(entryOf(bytesOf({ a: { x: 1 } }), 'a') ?? Buffer.alloc(0))).toEqual(
      bytesOf({ x: 1 }),
    );
  });

  test('is empty where it is too deep, and read all the same', () => {
    let json: Record<string, unknown> = { end: 'x' };
    for (let depth = 0; depth < 300; depth += 1) json = { a: json, b: 1 };
    const read = readStruct(bytesOf(json));
    expect(read).toMatchObject({ b: 1, a: { b: 1, a: { b: 1 } } });
    expect(JSON.stringify(read)).not.toContain('end');
  });

  test('of a depth that no stack holds is refused or cut, never thrown over', () => {
    let bytes: Buffer = Buffer.alloc(0);
    for (let depth = 0; depth < 4_000; depth += 1)
      bytes = field(
        0x0a,
        Buffer.concat([field(0x0a, Buffer.from('a')), field(0x12, field(0x2a, bytes))]),
      );
    expect(readStruct(bytes)).toHaveProperty('a');
  });

  test.each(['0a', '0a02', '0a050a0161', 'ffffffffff', '0a0712051101020304'])(
    'cut off or broken (%s) is undefined',
    (hex) => {
      expect(readStruct(Buffer.from(hex, 'hex'))).toBeUndefined();
    },
  );

  test('that is another kind of value holds none', () => {
    const value = entryOf(bytesOf({ a: 'text' }), 'a');
    expect(structIn(value ?? Buffer.alloc(0))).toBeUndefined();
    expect(entryOf(bytesOf({ a: 'text' }), 'b')).toBeUndefined();
    expect(entryOf(Buffer.from('0a05', 'hex'), 'a')).toBeUndefined();
  });
});

function field(tag: number, inner: Buffer): Buffer {
  return Buffer.concat([Buffer.from([tag]), varint(inner.length), inner]);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  return Buffer.from([...bytes, rest]);
}
