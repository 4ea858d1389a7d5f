/** Bans as keys and values of a store, whatever claims, values and strangers hold. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { banKey, claimPath } from '../../sidecar/config/ban-values.ts';
import {
  banId,
  banKinds,
  kindOfBan,
  maxRecordBytes,
  readRecord,
  readRecordKey,
  recordKey,
  writeRecord,
  type BanRecord,
} from '../../sidecar/config/ban-records.ts';

/** What keys consist of, in any order, beside any other character. */
const awkward = fc.oneof(
  fc.string({ unit: 'binary', minLength: 1, maxLength: 60 }),
  fc.string({ unit: fc.constantFrom(':', '"', '\\', '[', ']', ',', '/', '~0', '\n', '\0', 'h') }),
  fc.string({ unit: fc.constantFrom('\ud800', '\udc00', 'é', 'e\u0301', 'K', 'ſ', 'İ', '中') }),
);
const claim = awkward.filter((text) => text.length <= 256 && claimPath(text) !== undefined);
const value = awkward.filter((text) => text !== '');
const instant = fc.integer({ min: 0, max: 253_402_300_799_999 }).map((at) => at / 1_000);
const maybe = <Value>(of: fc.Arbitrary<Value>) => fc.option(of, { nil: undefined });
const ban: fc.Arbitrary<BanRecord> = fc.record({
  claim,
  value,
  untilS: maybe(instant),
  issuedBeforeS: maybe(instant),
  reason: maybe(fc.string({ unit: 'binary', maxLength: 256 }).filter((text) => text.length <= 256)),
  by: maybe(fc.string({ maxLength: 300 })),
  atS: maybe(instant),
});
const kind = fc.constantFrom(...banKinds);
const hmacKeys = fc.constantFrom(undefined, Buffer.alloc(32, 1), Buffer.alloc(32, 2));

test('what is written is read as it was, with and without a hash', () => {
  fc.assert(
    fc.property(ban, hmacKeys, (held, hmacKey) => {
      const id = banId(claimPath(held.claim) ?? [], held.value, hmacKey) ?? '';
      const stored = hmacKey === undefined ? held : { ...held, value: undefined };
      const key = readRecordKey('ban:', recordKey('ban:', kindOfBan(held), id));
      const text = writeRecord(stored);
      expect(text).not.toContain('\n');
      expect(key).toEqual({ kind: kindOfBan(held), id });
      if (key === undefined) return;
      expect(readRecord(key, text)).toEqual({ kind: 'record', record: stored });
    }),
  );
});

test('the longest record is not too long', () => {
  const longest = {
    claim: '\0'.repeat(256),
    value: '\0'.repeat(1_024),
    untilS: 1,
    issuedBeforeS: 1,
    reason: '\0'.repeat(256),
    by: '中'.repeat(2_048),
    atS: 1,
  };
  expect(Buffer.byteLength(writeRecord(longest))).toBeLessThanOrEqual(maxRecordBytes);
});

test('two values have two keys, in the store as in memory', () => {
  fc.assert(
    fc.property(fc.tuple(claim, value, kind), fc.tuple(claim, value, kind), (left, right) => {
      const [a, b] = [left, right].map(([name, text, of]) => ({
        key: `${of} ${banKey(claimPath(name) ?? [], text) ?? ''}`,
        stored: recordKey('ban:', of, banId(claimPath(name) ?? [], text, undefined) ?? ''),
      }));
      expect(a?.stored === b?.stored).toBe(a?.key === b?.key);
      // Through the store's bytes and back.
      expect(Buffer.from(a?.stored ?? '').toString()).toBe(a?.stored);
    }),
  );
});

test('nothing that a stranger writes makes the reader throw, or passes for the ban of another value', () => {
  const few = fc.record({
    claim: fc.constantFrom('sub', '/sub', 'email', '/a/email', '~', '/', '/~2'),
    value: fc.constantFrom('a', 'A', 'é', 'e\u0301', 42, '42', ''),
  });
  const record = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 300 }),
    few.map((held) => JSON.stringify(held)),
    fc
      .dictionary(
        fc.constantFrom('claim', 'value', 'until', 'issuedBefore', 'reason', 'by', 'at', 'x'),
        fc.oneof(fc.jsonValue({ maxDepth: 1 }), claim, value, fc.constant('2026-01-01T00:00:00Z')),
      )
      .map((held) => JSON.stringify(held)),
  );
  const id = fc.oneof(
    value.map((text) => `[${text}`),
    few.map((held) => banId(claimPath(held.claim) ?? [], held.value, undefined) ?? '['),
  );
  fc.assert(
    fc.property(id, record, (of, text) => {
      const read = readRecord({ kind: 'all', id: of }, text);
      if (read.kind !== 'record') return;
      const { record: found } = read;
      expect(banId(claimPath(found.claim) ?? [], found.value, undefined)).toBe(of);
    }),
    { numRuns: 500 },
  );
});
