/** A container auth-helper of the user's, whose probes we complete, while the API server and the user go on writing there. */
import { describe, expect, test } from 'vitest';
import { listAt, objectAt, isObject, type Json, type JsonObject } from '#kernel/json.ts';
import { isFilledIn } from '../../../../webhook/objects/filled-in.ts';
import { decideOn, injected, operationsOf, withAnnotations } from '../../../fakes/admission.ts';
import { deployment, injectBackend } from '../../../fakes/workloads.ts';

const helperName = 'auth-helper';

/** A Deployment whose own auth-helper has a probe, or none. */
function withHelper(more: JsonObject): JsonObject {
  const object = deployment(injectBackend);
  const template = objectAt(objectAt(object, 'spec'), 'template');
  const spec = objectAt(template, 'spec');
  const containers = [...listAt(spec, 'containers'), { name: helperName, ...more }];
  return { ...object, spec: { template: { ...template, spec: { ...spec, containers } } } };
}

function helperOf(object: JsonObject): JsonObject {
  const spec = objectAt(objectAt(objectAt(object, 'spec'), 'template'), 'spec');
  const all = listAt(spec, 'containers').filter(isObject);
  return all.find(({ name }) => name === helperName) ?? {};
}

/** The stored object with another value of a field of the helper. */
function changed(object: JsonObject, field: string, by: (value: JsonObject) => JsonObject) {
  const copy = structuredClone(object);
  const helper: Record<string, Json | undefined> = helperOf(copy);
  helper[field] = by(objectAt(helper, field));
  return copy;
}

const filled = (probe: JsonObject): JsonObject => ({
  ...probe,
  httpGet: { ...objectAt(probe, 'httpGet'), scheme: 'HTTP' },
  timeoutSeconds: 1,
  successThreshold: 1,
  failureThreshold: probe['failureThreshold'] ?? 3,
});

describe('probes that we complete', () => {
  test('what the API server fills in changes nothing, and goes with what we added', () => {
    const original = withHelper({});
    let stored = injected(original);
    for (const field of ['startupProbe', 'readinessProbe', 'livenessProbe'])
      stored = changed(stored, field, filled);
    expect(operationsOf(decideOn(stored))).toEqual([]);
    const out = { 'svidecar.dev/inject': 'false' };
    expect(injected(withAnnotations(stored, out))).toEqual(withAnnotations(original, out));
  });

  test('a member that the user adds later stays, and the handler with it', () => {
    const slower = (probe: JsonObject): JsonObject => ({ ...filled(probe), timeoutSeconds: 5 });
    const stored = injected(changed(injected(withHelper({})), 'startupProbe', slower));
    const { startupProbe } = helperOf(stored);
    expect(startupProbe).toMatchObject({ timeoutSeconds: 5, httpGet: { path: '/startup' } });
    expect(operationsOf(decideOn(stored))).toEqual([]);
  });

  test('a member that the user takes away later goes, and the handler stays', () => {
    const own = withHelper({ startupProbe: { timeoutSeconds: 5 } });
    const without = ({ timeoutSeconds: _, ...probe }: JsonObject): JsonObject => probe;
    const stored = injected(changed(injected(own), 'startupProbe', without));
    const { startupProbe } = helperOf(stored);
    expect(startupProbe).toMatchObject({ httpGet: { path: '/startup' }, periodSeconds: 1 });
    expect(operationsOf(decideOn(stored))).toEqual([]);
  });
});

test.each<{ field: string; rest: JsonObject; whole?: JsonObject; is: boolean }>([
  { field: 'startupProbe', rest: { timeoutSeconds: 1, successThreshold: 1 }, is: true },
  { field: 'startupProbe', rest: { timeoutSeconds: 2 }, is: false },
  { field: 'startupProbe', rest: { tcpSocket: { port: 1 }, timeoutSeconds: 1 }, is: false },
  { field: 'httpGet', rest: { scheme: 'HTTP' }, is: true },
  { field: 'httpGet', rest: { scheme: 'HTTPS' }, is: false },
  { field: 'configMap', rest: { defaultMode: 420 }, is: true },
  { field: 'env', rest: { timeoutSeconds: 1 }, is: false },
  {
    field: 'resources',
    rest: { requests: { cpu: 1 } },
    whole: { limits: { cpu: 1 }, requests: { cpu: 1 } },
    is: true,
  },
  {
    field: 'resources',
    rest: { requests: { cpu: 1 } },
    whole: { limits: { cpu: 2 }, requests: { cpu: 1 } },
    is: false,
  },
])('$field $rest of $whole: $is', ({ field, rest, whole = {}, is }) => {
  expect(isFilledIn(field, rest, whole)).toBe(is);
});
