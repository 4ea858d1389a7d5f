import { createHmac } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { banKey } from '../../../../sidecar/config/ban-values.ts';
import {
  banId,
  hmacKeyId,
  kindOfBan,
  readRecord,
  readRecordKey,
  recordKey,
  writeRecord,
  type BanRecord,
  type ReadRecord,
} from '../../../../sidecar/config/ban-records.ts';

const id = banId(['sub'], 'a', undefined) ?? '';
const hmacKey = Buffer.alloc(32, 7);
const hashed = banId(['sub'], 'a', hmacKey) ?? '';
const whole: BanRecord = {
  claim: 'sub',
  value: 'a',
  untilS: 1_200.25,
  issuedBeforeS: undefined,
  reason: 'case 12',
  by: 'spiffe://example.org/accounts',
  atS: 1_000,
};

function whyNot(read: ReadRecord): string {
  return read.kind === 'refused' ? read.why : 'it was read';
}

describe('a key of the store', () => {
  test('says the kind, the claim and the value', () => {
    const key = recordKey('ban:', 'all', banId(['email'], 'Jo@Example.org', undefined) ?? '');
    expect(key).toBe('ban:all:[["email"],"jo@example.org"]');
    expect(readRecordKey('ban:', key)).toEqual({ kind: 'all', id: '[["email"],"jo@example.org"]' });
  });

  test('holds a keyed hash where there is a key for it', () => {
    const expected = createHmac('sha256', hmacKey)
      .update(banKey(['email'], 'jo@example.org') ?? '')
      .digest('base64url');
    const kept = banId(['email'], 'jo@example.org', hmacKey);
    expect(kept).toBe(`h:${expected}`);
    expect(kept).not.toBe(banId(['email'], 'jo@example.org', Buffer.alloc(32, 8)));
    const key = recordKey('p:', 'before', kept ?? '');
    expect(readRecordKey('p:', key)).toEqual({ kind: 'before', id: kept });
  });

  test('is none for what cannot be banned', () => {
    for (const value of ['', 'x'.repeat(1_025), 1.5, true, null, []]) {
      expect(banId(['sub'], value, undefined)).toBeUndefined();
      expect(banId(['sub'], value, hmacKey)).toBeUndefined();
    }
  });

  test.each([
    ['another prefix', 'other:all:[["sub"],"a"]'],
    ['no kind', `ban:${id}`],
    ['another kind', `ban:never:${id}`],
    ['no id', 'ban:all:'],
    ['a value alone', 'ban:all:a'],
    ['half a hash', 'ban:all:h:abc'],
    ['a hash and more', `ban:all:${hashed}x`],
    ['nothing', ''],
  ])('with %s names no ban', (_name, key) => {
    expect(readRecordKey('ban:', key)).toBeUndefined();
  });
});

describe('a record', () => {
  test('is one line of JSON, with instants that people read', () => {
    expect(writeRecord(whole)).toBe(
      '{"claim":"sub","value":"a","until":"1970-01-01T00:20:00.250Z","reason":"case 12",' +
        '"by":"spiffe://example.org/accounts","at":"1970-01-01T00:16:40.000Z"}',
    );
    expect(readRecord({ kind: 'all', id }, writeRecord(whole))).toEqual({
      kind: 'record',
      record: whole,
    });
  });

  test('written by hand needs a claim and a value only, which may be a number', () => {
    const key = readRecordKey('ban:', 'ban:all:[["sub"],"42"]') ?? { kind: 'all', id: '' };
    const read = readRecord(key, '{"claim": "/sub", "value": 42}');
    expect(read).toMatchObject({ kind: 'record', record: { claim: '/sub', value: '42' } });
  });

  test('of a hashed key has no value', () => {
    const read = readRecord({ kind: 'all', id: hashed }, '{"claim":"sub"}');
    expect(read).toMatchObject({ kind: 'record', record: { value: undefined } });
  });

  test('is of the kind "before" when it means older tokens only', () => {
    expect(kindOfBan(whole)).toBe('all');
    expect(kindOfBan({ issuedBeforeS: 0 })).toBe('before');
    const text = writeRecord({ ...whole, issuedBeforeS: 900 });
    expect(readRecord({ kind: 'before', id }, text).kind).toBe('record');
  });

  test('never ends too late for its form', () => {
    const text = writeRecord({ ...whole, untilS: 1e15, atS: -5 });
    expect(text).toContain('"until":"9999-12-31T23:59:59.999Z"');
    expect(text).toContain('"at":"1970-01-01T00:00:00.000Z"');
  });

  test('of a hash says under which key, and counts under no other', () => {
    const key = { kind: 'all', id: hashed } as const;
    const [one, two] = ['1', '2'].map((text) => hmacKeyId(Buffer.from(text.repeat(32))));
    const text = writeRecord({ ...whole, value: undefined }, one);
    expect(text).toContain(`"hmac":"${one}"`);
    expect(one).toMatch(/^[\w-]{8}$/);
    expect(readRecord(key, text, one).kind).toBe('record');
    expect(readRecord(key, text).kind).toBe('record');
    expect(whyNot(readRecord(key, text, two))).toMatch(/hashed under another key/);
    expect(whyNot(readRecord(key, '{"claim":"sub"}', two))).toMatch(/has no hmac/);
    const readable = writeRecord(whole, one);
    expect(whyNot(readRecord({ kind: 'all', id }, readable))).toMatch(/goes without hmac/);
  });

  const other = '{"claim":"sub","value":"secret-b"}';
  test.each([
    ['nothing, which stands for what is no text', '', 'all', id, /no text/],
    ['no JSON', '{"claim":"sub"', 'all', id, /no JSON object/],
    ['a list', '[]', 'all', id, /no JSON object/],
    ['depth', '['.repeat(9_000), 'all', id, /no JSON object/],
    ['another claim or value', other, 'all', id, /another key/],
    ['a value beside a hash', other, 'all', hashed, /goes without a value/],
    ['no value', '{"claim":"sub"}', 'all', id, /has no value/],
    ['a pointer that is none', '{"claim":"/~2","value":"a"}', 'all', id, /no JSON pointer/],
    ['no claim', '{"value":"a"}', 'all', id, /expected string.* at claim$/],
    ['an instant of nowhere', `${other.slice(0, -1)},"until":"soon"}`, 'all', id, /at until$/],
    ['an unknown key', `${other.slice(0, -1)},"secret-b":1}`, 'all', id, /key that is not known$/],
    ['a prototype', `${other.slice(0, -1)},"__proto__":{}}`, 'all', id, /key that is not known$/],
    ['no issuedBefore', writeRecord(whole), 'before', id, /needs issuedBefore/],
    ['an issuedBefore', writeRecord({ ...whole, issuedBeforeS: 9 }), 'all', id, /no issuedBefore/],
    ['too many bytes', `"${'é'.repeat(8_192)}"`, 'all', id, /more than 16384 bytes/],
    ['too many characters', ' '.repeat(1e6), 'all', id, /more than 16384 bytes/],
  ] as const)('with %s is refused, without a word of its value', (...[, text, kind, of, why]) => {
    const words = whyNot(readRecord({ kind, id: of }, text));
    expect(words).toMatch(why);
    expect(words).not.toContain('secret');
    expect(words).not.toContain('\n');
  });
});
