import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  coverageSorts,
  coverageStatuses,
  fragmentOf,
  placeOf,
  wholeCoverage,
  workloadParts,
  type ConsolePlace,
} from '../../../../../webhook/pages/console/console-place.ts';

const words = fc.string({ unit: 'binary' });
const name = words.filter((each) => !['', '.', '..'].includes(each));
const places: fc.Arbitrary<ConsolePlace> = fc.oneof(
  fc.record({
    page: fc.constant('coverage' as const),
    choice: fc.record({
      words,
      status: fc.constantFrom('' as const, ...coverageStatuses),
      sort: fc.constantFrom(...coverageSorts),
      open: words,
    }),
  }),
  fc.record({
    page: fc.constant('workload' as const),
    namespace: name,
    kind: name,
    name,
    part: fc.constantFrom(...workloadParts),
  }),
  fc.record({ page: fc.constant('identities' as const), about: words }),
  fc.record({ page: fc.constantFrom('doctor' as const, 'certificates' as const, 'bans' as const) }),
);

describe('the place in the console', () => {
  test('is what its fragment says, whatever names are in it', () => {
    fc.assert(
      fc.property(places, (place) => {
        expect(placeOf(fragmentOf(place))).toEqual(place);
      }),
    );
  });

  test.each([
    [{ page: 'coverage', choice: wholeCoverage }, '#/coverage'],
    [
      { page: 'coverage', choice: { ...wholeCoverage, status: 'stale', open: 'shop' } },
      '#/coverage?status=stale&open=shop',
    ],
    [
      { page: 'workload', namespace: 'shop', kind: 'Deployment', name: 'a', part: 'changes' },
      '#/workload/shop/Deployment/a?part=changes',
    ],
  ] as const)('%o is %s', (place, fragment) => {
    expect(fragmentOf(place)).toBe(fragment);
  });

  test.each(['#/workload/.././coverage', '#/workload/a/%2e%2e/b', '#/workload/a//b'])(
    'a workload whose path would lead elsewhere is none: %s',
    (fragment) => {
      expect(placeOf(fragment)).toEqual({ page: 'coverage', choice: wholeCoverage });
    },
  );

  test.each(['', '#', '#/nowhere', '#/workload/shop', '#/coverage?status=odd&sort=odd', '#/%'])(
    'what means nothing is the coverage: %s',
    (fragment) => {
      expect(placeOf(fragment)).toEqual({ page: 'coverage', choice: wholeCoverage });
    },
  );

  test('broken escapes in a link stand as they are', () => {
    expect(placeOf('#/workload/%E0/Deployment/a')).toMatchObject({ namespace: '%E0' });
  });
});
