/** The EnvoyFilter that istiod gets in place of a patched configuration. */
import { describe, expect, test } from 'vitest';
import { isArray, isObject, objectAt, type JsonObject } from '#kernel/json.ts';
import type { FilterAddition } from '../../../../webhook/envoy/patch-contract.ts';
import type { IstioRole } from '../../../../webhook/istio/istio-plan.ts';
import { renderEnvoyFilter } from '../../../../webhook/istio/render-envoy-filter.ts';

function filterOf(changes: Partial<FilterAddition> = {}): FilterAddition {
  return {
    rule: 'jwt-validate',
    direction: 'inbound',
    place: 'before-terminal',
    filter: { name: 'ours', cluster: '${cluster:helper}' },
    ...changes,
  };
}

function patchesOf(filters: readonly FilterAddition[], role: IstioRole = 'sidecar'): JsonObject[] {
  const clusters = [{ name: 'helper', cluster: { name: 'helper', type: 'STATIC' } }];
  const spec = renderEnvoyFilter({ filters, clusters }, { role }, { derived: 'istio-x' });
  const patches = spec['configPatches'];
  return isArray(patches) ? patches.filter(isObject) : [];
}

/** `HTTP_FILTER SIDECAR_INBOUND INSERT_BEFORE ours` */
function shapesOf(patches: readonly JsonObject[]): readonly string[] {
  return patches.map(({ applyTo, match, patch }) => {
    const { operation, value } = isObject(patch) ? patch : {};
    const context = isObject(match) ? match['context'] : '';
    const name = isObject(value) ? value['name'] : '';
    return [applyTo, context, operation, name].map(String).join(' ');
  });
}

describe('an EnvoyFilter', () => {
  test('is for the pods with its label', () => {
    const spec = renderEnvoyFilter(
      { filters: [], clusters: [] },
      { role: 'sidecar' },
      { derived: 'istio-x' },
    );
    expect(spec['workloadSelector']).toEqual({
      labels: { 'svidecar.dev/envoy-filter': 'istio-x' },
    });
    expect(spec['configPatches']).toEqual([]);
  });

  test('has a cluster of a name that nobody else has, and filters that ask it', () => {
    const patches = patchesOf([filterOf()]);
    expect(shapesOf(patches)).toEqual([
      'CLUSTER ANY ADD svidecar-helper',
      'NETWORK_FILTER SIDECAR_INBOUND REPLACE svidecar.closed',
      'HTTP_FILTER SIDECAR_INBOUND INSERT_BEFORE ours',
    ]);
    expect(objectAt(patches[2] ?? {}, 'patch')['value']).toEqual({
      name: 'ours',
      cluster: 'svidecar-helper',
    });
  });

  test.each<[string, FilterAddition, readonly string[]]>([
    [
      'of what goes out closes nothing',
      filterOf({ direction: 'outbound' }),
      ['HTTP_FILTER SIDECAR_OUTBOUND INSERT_BEFORE ours'],
    ],
    [
      'that only refuses closes nothing, and may come first',
      filterOf({ onlyRefuses: true, place: 'first' }),
      ['HTTP_FILTER SIDECAR_INBOUND INSERT_FIRST ours'],
    ],
    [
      'that reads what others leave behind does not come first',
      filterOf({ onlyRefuses: true, place: 'first', readsMetadata: 'claims' }),
      ['HTTP_FILTER SIDECAR_INBOUND INSERT_BEFORE ours'],
    ],
  ])('%s', (_title, filter, shapes) => {
    expect(shapesOf(patchesOf([filter])).slice(1)).toEqual(shapes);
  });

  test('of a gateway has one context for both directions', () => {
    const filters = [filterOf(), filterOf({ direction: 'outbound' })];
    expect(shapesOf(patchesOf(filters, 'gateway')).slice(1)).toEqual([
      'NETWORK_FILTER GATEWAY REPLACE svidecar.closed',
      'HTTP_FILTER GATEWAY INSERT_BEFORE ours',
      'HTTP_FILTER GATEWAY INSERT_BEFORE ours',
    ]);
  });
});
