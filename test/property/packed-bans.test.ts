/** The packed list of bans, held against a map, through whatever is done to it. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Ban } from '../../sidecar/config/ban-meaning.ts';
import { banKinds, type BanKind, type BanRecordKey } from '../../sidecar/config/ban-records.ts';
import { PackedBans } from '../../sidecar/redis/packed-bans.ts';

const text = (maxLength: number) =>
  fc.oneof(
    fc.string({ maxLength }),
    fc.string({ unit: 'binary', maxLength }),
    fc.string({ unit: fc.constantFrom('\ud800', 'é', '中', '\0', 'a'), maxLength }),
  );
const key: fc.Arbitrary<BanRecordKey> = fc.record({
  kind: fc.constantFrom(...banKinds),
  id: fc.oneof(fc.constantFrom('', 'a', 'b', 'ab', 'aé', 'a中'), text(30)),
});
const banOf = (kind: BanKind): fc.Arbitrary<Ban> =>
  fc.record({
    claim: text(20),
    untilS: fc.option(fc.integer({ min: 0, max: 100 }), { nil: undefined }),
    issuedBeforeS: kind === 'all' ? fc.constant(undefined) : fc.double({ min: 0, max: 2e9 }),
    reason: fc.option(text(40), { nil: undefined }),
  });
const put = key.chain((of) => banOf(of.kind).map((ban) => ({ do: 'put' as const, key: of, ban })));
const step = fc.oneof(
  { weight: 6, arbitrary: put },
  { weight: 3, arbitrary: key.map((of) => ({ do: 'delete' as const, key: of })) },
  fc.integer({ min: 0, max: 110 }).map((nowS) => ({ do: 'end' as const, nowS })),
);
const nameOf = ({ kind, id }: BanRecordKey): string => `${kind} ${id}`;

type Step = typeof step extends fc.Arbitrary<infer One> ? One : never;
type Reference = Map<string, { readonly key: BanRecordKey; readonly ban: Ban }>;

function carryOut(one: Step, packed: PackedBans, map: Reference): void {
  switch (one.do) {
    case 'put':
      packed.set(one.key, one.ban);
      map.set(nameOf(one.key), one);
      break;
    case 'delete':
      expect(packed.delete(one.key)).toBe(map.delete(nameOf(one.key)));
      break;
    case 'end':
      packed.deleteEnded(one.nowS);
      for (const [name, { ban }] of map) if (one.nowS >= (ban.untilS ?? Infinity)) map.delete(name);
      break;
    default:
      one satisfies never;
  }
}

test('finds what a map finds', () => {
  fc.assert(
    fc.property(fc.integer(), fc.array(step, { maxLength: 200 }), (seed, steps) => {
      const packed = new PackedBans(seed);
      const map: Reference = new Map();
      for (const one of steps) {
        carryOut(one, packed, map);
        expect(packed.size).toBe(map.size);
        if (one.do !== 'end') expect(packed.has(one.key)).toBe(map.has(nameOf(one.key)));
      }
      const copy = new PackedBans(seed + 1);
      copy.fillUpFrom(packed);
      for (const { key: of, ban } of map.values()) {
        expect(packed.find(of)).toEqual(ban);
        expect(copy.find(of)).toEqual(ban);
      }
    }),
  );
});

test('takes few bytes for a ban, and gives them back', () => {
  const packed = new PackedBans(7);
  const keyOf = (index: number) => ({
    kind: 'all' as const,
    id: `[["email"],"user-${index}@example.org"]`,
  });
  const ban = { claim: 'email', untilS: undefined, issuedBeforeS: undefined, reason: 'case 12' };
  for (let index = 0; index < 20_000; index += 1) packed.set(keyOf(index), ban);
  expect(packed.size).toBe(20_000);
  expect(packed.bytes / packed.size).toBeLessThan(100);
  // Written again and again, as a list is whose bans are renewed.
  for (let index = 0; index < 60_000; index += 1) packed.set(keyOf(index % 1_000), ban);
  expect(packed.bytes / packed.size).toBeLessThan(200);
  for (let index = 0; index < 19_999; index += 1) expect(packed.delete(keyOf(index))).toBe(true);
  expect(packed.find(keyOf(19_999))).toEqual(ban);
  expect(packed.bytes).toBeLessThan(1_000_000);
});
