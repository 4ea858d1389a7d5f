/** No configuration costs a product of its parts: what runs in eight times the size runs some eight times as often. */
import { expect, test } from 'vitest';
import type { EnvoyAdditions } from '../../../../webhook/envoy/patch-contract.ts';
import { type Calls, overgrown, startCounting } from '../../../fakes/count-calls.ts';
import { type Shape, times } from '../../../fakes/envoy-parts.ts';
import { shapes } from '../../../fakes/envoy-shapes.ts';

const count = startCounting();
const { patchShape: patch } = await import('../../../fakes/patch-shape.ts');
const { inject, nativeInject, validate } = await import('../../../golden/envoy/cases.ts');

const sizes = { small: 12, large: 96 } as const;
/** Sorting, and lists that end at some length, add a little to eight times; a product runs 64 times as often. */
const limits = { most: 12, atLeast: 6_000 } as const;

/** What is asked for grows too. */
type Ask = (size: number) => EnvoyAdditions;

function withEach(additions: EnvoyAdditions, more: object): EnvoyAdditions {
  return { ...additions, filters: additions.filters.map((one) => ({ ...one, ...more })) };
}

const byHost: Ask = (size) =>
  withEach(inject, {
    oneAudienceForAllHosts: false,
    hosts: times(size, (i) => (i % 2 === 0 ? `new${i}.test` : `*.hosts${i}.test`)),
  });
const byNames: Ask = (size) =>
  withEach(validate, {
    exemptsPaths: true,
    listeners: times(size, (i) => `l${i}`),
    before: times(size, (i) => (i === 0 ? 'router' : 'hcm')),
  });
const asks: readonly Ask[] = [byHost, byNames, () => inject, () => nativeInject];

function callsFor(shape: Shape, size: number): Calls {
  return count(() => {
    for (const ask of asks) patch(shape, ask(size), size);
  });
}

test.each(Object.entries(shapes))('%s', (_what, shape) => {
  const small = callsFor(shape, sizes.small);
  expect(overgrown(small, callsFor(shape, sizes.large), limits)).toEqual([]);
});

test('a piece that grows as a product is found', () => {
  const calls = (size: number): Calls => new Map([['a', size * size]]);
  expect(overgrown(calls(sizes.small), calls(sizes.large), limits)).toEqual(['a: 144 → 9216']);
});
