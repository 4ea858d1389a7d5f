/** What cannot but be a product ends at a number of steps, which no honest configuration comes near. */
import { describe, expect, test } from 'vitest';
import type { JsonObject } from '#kernel/json.ts';
import { times } from '../../../fakes/envoy-parts.ts';
import { products } from '../../../fakes/envoy-products.ts';
import { patchShape } from '../../../fakes/patch-shape.ts';
import { inject } from '../../../golden/envoy/cases.ts';

describe.each(Object.entries(products))('%s', (_what, { shape, size, reason }) => {
  const reasonAt = (count: number): string | undefined => {
    const hosts = times(count, (i) => (i % 2 === 0 ? `new${i}.test` : `*.hosts${i}.test`));
    const filters = inject.filters.map((one) => ({ ...one, oneAudienceForAllHosts: false, hosts }));
    return patchShape(shape, { ...inject, filters }, count);
  };

  test('is refused where it would take too many steps', () => {
    expect(reasonAt(size)).toBe(reason);
  });

  test('is followed while it is of a size that people write', () => {
    expect(reasonAt(50)).toBeUndefined();
  });
});

test('keys that are longer together than any path of Envoy are refused', () => {
  const shape = (count: number): Record<string, JsonObject> => ({
    'envoy.yaml': { node: { metadata: { ['k'.repeat(count)]: { inner: 1 } } } },
  });
  expect(patchShape(shape, inject, 5_000)).toBe('keys_too_long');
  expect(patchShape(shape, inject, 1_000)).toBe('no_connection_manager');
});
