import { describe, expect, test } from 'vitest';
import type { JsonObject } from '#kernel/json.ts';
import { decide } from '../../../../webhook/admission/decide.ts';
import { engineFor } from '../../../fakes/engine.ts';

const context = {
  engine: engineFor(),
  checkEnvoy: (): undefined => undefined,
  configMapKeys: (): undefined => undefined,
  heldConfigMap: (): undefined => undefined,
  ignoredNamespaces: new Set<string>(),
  namespace: 'shop',
};

function pod(container: JsonObject, annotations: JsonObject = {}): JsonObject {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: 'frontend',
      annotations: {
        'inject.svidecar.dev/templates': 'jwt-inject',
        'svidecar.dev/audience': 'backend',
        ...annotations,
      },
    },
    spec: { containers: [{ name: 'app', image: 'app:1', ...container }] },
  };
}

const statusKey = 'svidecar.dev/status';
const manyPaths = JSON.stringify({
  version: '0.1.0',
  templates: ['jwt-inject'],
  undo: {
    added: Object.fromEntries(Array.from({ length: 6_000 }, (_, at) => [`/spec/x${at}`, 'h'])),
  },
});

describe('objects that would take long are refused by the field that is too large', () => {
  test.each<[string, JsonObject, string, RegExp]>([
    ['an image of at signs', pod({ image: '@'.repeat(160_000) }), 'POD_UNFIT', /image has 160000/],
    [
      'a mount path of slashes',
      pod({ volumeMounts: [{ name: 'a', mountPath: `${'/'.repeat(60_000)}x` }] }),
      'POD_UNFIT',
      /mountPath has 60001 characters/,
    ],
    [
      'a status with thousands of paths',
      pod({}, { [statusKey]: manyPaths }),
      'STATUS_INVALID',
      /names 6005 places/,
    ],
    [
      'a status of brackets',
      pod({}, { [statusKey]: '['.repeat(60_000) + ']'.repeat(60_000) }),
      'STATUS_INVALID',
      /nested more than 60 levels deep/,
    ],
    [
      'a status that is no JSON, which is not quoted',
      pod({}, { [statusKey]: 'hunter2' }),
      'STATUS_INVALID',
      /\(it is not JSON\)/,
    ],
  ])('%s', (...[, object, code, words]) => {
    expect(decide(object, context)).toMatchObject({ kind: 'refused', code });
    expect(JSON.stringify(decide(object, context))).toMatch(words);
  });
});

test('a huge pod that asks to be left alone is left alone', () => {
  const object = pod({ image: '@'.repeat(160_000) }, { 'svidecar.dev/inject': 'false' });
  expect(decide(object, context)).toMatchObject({ kind: 'skipped', reason: 'opted_out' });
});
