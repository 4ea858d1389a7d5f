import { describe, expect, test } from 'vitest';
import type { Json, JsonObject } from '#kernel/json.ts';
import { boundsFault } from '../../../../webhook/request/bounds.ts';
import { lookupFault, statusFault } from '../../../../webhook/injection/status-bounds.ts';

const many = (count: number): readonly Json[] =>
  Array.from({ length: count }, (_, at) => ({ name: `n${at}` }));

function podOf(container: JsonObject, spec: JsonObject = {}): JsonObject {
  return { metadata: {}, spec: { containers: [{ name: 'app', ...container }], ...spec } };
}

describe('what is larger than anybody writes is named with its limit', () => {
  test.each<[string, JsonObject, RegExp]>([
    [
      'an image',
      podOf({ image: '@'.repeat(160_000) }),
      /^spec\.containers\[0\]\.image has 160000 characters; the limit is 1024/,
    ],
    [
      'a mount path',
      podOf({ volumeMounts: [{ name: 'a', mountPath: '/'.repeat(60_000) }] }),
      /containers\[0\]\.volumeMounts\[0\]\.mountPath has 60000 characters; the limit is 4096/,
    ],
    [
      'containers',
      podOf({}, { containers: many(201) }),
      /^spec\.containers has 201 entries; the limit is 200/,
    ],
    ['init containers', podOf({}, { initContainers: many(201) }), /^spec\.initContainers has 201/],
    [
      'volumes',
      podOf({}, { volumes: many(1_001) }),
      /^spec\.volumes has 1001 entries; the limit is 1000/,
    ],
    ['mounts', podOf({ volumeMounts: many(1_001) }), /volumeMounts has 1001 entries/],
    ['variables', podOf({ env: many(5_001) }), /env has 5001 entries/],
    ['ports', podOf({ ports: many(1_001) }), /ports has 1001 entries/],
    ['arguments', podOf({ args: many(5_001) }), /args has 5001 entries/],
    [
      'projected sources',
      podOf({}, { volumes: [{ name: 'a', projected: { sources: many(201) } }] }),
      /spec\.volumes\[0\]\.projected\.sources has 201 entries/,
    ],
    ['a name', podOf({ name: 'n'.repeat(2_000) }), /name has 2000 characters; the limit is 1024/],
    [
      'a path on the node',
      podOf({}, { volumes: [{ name: 'a', hostPath: { path: '/'.repeat(5_000) } }] }),
      /hostPath\.path has 5000 characters/,
    ],
    [
      'annotations of ours',
      { metadata: { annotations: { 'svidecar.dev/audience': 'a'.repeat(300_000) } }, spec: {} },
      /svidecar\.dev annotations have 300021 characters/,
    ],
    [
      'the number of annotations',
      {
        metadata: {
          annotations: Object.fromEntries(Array.from({ length: 2_001 }, (_, at) => [`a${at}`, ''])),
        },
        spec: {},
      },
      /^metadata\.annotations has 2001 entries/,
    ],
  ])('%s', (_name, template, words) => {
    expect(boundsFault(template)).toMatch(words);
  });
});

test('a pod with as much as people write is within the bounds', () => {
  const pod = podOf(
    { env: many(2_000), volumeMounts: many(200), args: many(500), image: 'r.test/'.repeat(30) },
    { volumes: many(200), containers: many(50) },
  );
  const annotations = { note: 'x'.repeat(1_000_000), 'svidecar.dev/audience': 'a'.repeat(60_000) };
  expect(boundsFault({ ...pod, metadata: { annotations } })).toBeUndefined();
});

test('fields named like members of every object have no bound', () => {
  expect(
    boundsFault(podOf({ constructor: 'x'.repeat(9_000), toString: many(9_000) })),
  ).toBeUndefined();
});

describe('a status', () => {
  const undoOf = (paths: number): JsonObject => ({
    added: Object.fromEntries(Array.from({ length: paths }, (_, at) => [`/spec/x${at}`, 'hash'])),
  });

  test('of thousands of places is not looked for', () => {
    expect(lookupFault(undoOf(6_000), podOf({}))).toMatch(/names 6002 places/);
  });

  test('of many places in a template with long lists is not either', () => {
    expect(lookupFault(undoOf(500), podOf({ env: many(3_000) }))).toMatch(
      /too many to look for in a template with 3000 entries/,
    );
    expect(lookupFault(undoOf(12), podOf({ env: many(3_000) }))).toBeUndefined();
  });

  test('with a hundred thousand brackets is no status, and nothing overflows', () => {
    // What JSON.parse returns is JSON.
    const deep = JSON.parse('['.repeat(60_000) + ']'.repeat(60_000)) as Json;
    expect(statusFault(deep)).toBe('it is nested more than 60 levels deep');
    expect(lookupFault(deep, podOf({}))).toBeDefined();
  });

  test('of ten thousand values is no status', () => {
    expect(statusFault(undoOf(10_000))).toMatch(/the limit is 8000/);
  });
});
