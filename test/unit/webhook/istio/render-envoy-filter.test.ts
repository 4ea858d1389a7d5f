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

  test('comes first where filters are named that must not see a request before it', () => {
    const before = filterOf({ before: ['lua'], filter: { name: 'second' } });
    const ban = filterOf({ place: 'first', onlyRefuses: true, filter: { name: 'ban' } });
    expect(shapesOf(patchesOf([ban, filterOf({ before: ['lua'] }), before]))).toEqual([
      'CLUSTER ANY ADD svidecar-helper',
      'NETWORK_FILTER SIDECAR_INBOUND REPLACE svidecar.closed',
      // What is inserted last is first: ban, ours, second.
      'HTTP_FILTER SIDECAR_INBOUND INSERT_FIRST second',
      'HTTP_FILTER SIDECAR_INBOUND INSERT_FIRST ours',
      'HTTP_FILTER SIDECAR_INBOUND INSERT_FIRST ban',
    ]);
  });

  test.each<[string, [Partial<FilterAddition>, IstioRole], readonly string[]]>([
    ['all', [{ listeners: ['8080', '*'] }, 'sidecar'], ['{}', '{}']],
    ['the one that gets all', [{ listeners: ['virtualInbound'] }, 'sidecar'], ['{}', '{}']],
    [
      'a port, and ports without a chain of their own',
      [{ listeners: ['8080'] }, 'sidecar'],
      [
        '{"portNumber":8080}',
        '{"name":"virtualInbound"}',
        '{"portNumber":8080}',
        '{"name":"virtualInbound-catchall-http"}',
      ],
    ],
    [
      'a name, of what goes out',
      [{ listeners: ['0.0.0.0_80'], direction: 'outbound' }, 'sidecar'],
      ['{"name":"0.0.0.0_80"}'],
    ],
    [
      'a port of a gateway',
      [{ listeners: ['8443'] }, 'gateway'],
      ['{"portNumber":8443}', '{"portNumber":8443}'],
    ],
  ])('goes into listeners: %s', (_title, [changes, role], goals) => {
    const listeners = patchesOf([filterOf(changes)], role)
      .slice(1)
      .map(({ match }) => objectAt(isObject(match) ? match : {}, 'listener'));
    const goalOf = ({ filterChain, ...listener }: JsonObject): string => {
      const { filter: _, ...chain } = isObject(filterChain) ? filterChain : {};
      return JSON.stringify({ ...listener, ...chain });
    };
    expect(listeners.map(goalOf)).toEqual(goals);
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
