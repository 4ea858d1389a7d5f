import { describe, expect, test } from 'vitest';
import type { JsonObject } from '#kernel/json.ts';
import { factsWith, findingsOf, type Objects } from '../../../fakes/check-facts.ts';
import { filtered } from '../../../fakes/istio-shop.ts';

describe('the marks of pods that run', () => {
  const guard = { metadata: { name: 'g' }, spec: { a: 'inject.svidecar.dev/templates' } };
  const marks = { metadata: { name: 'm' }, spec: { a: 'svidecar.dev/envoy-filter' } };
  const bound = (policyName: string): JsonObject => ({
    metadata: { name: policyName },
    spec: { policyName, validationActions: ['Deny'] },
  });
  const both = [bound('g'), bound('m')];
  const told = (objects: Objects): readonly string[] =>
    findingsOf('guard_policy', factsWith(objects)).map(({ message }) => message);

  test('are kept by a policy of their own, where an Envoy is Istio’s', () => {
    expect(told({ ...filtered, policies: [guard, marks], policyBindings: both })).toEqual([]);
    expect(told({ ...filtered, policies: [guard], policyBindings: both })).toEqual([
      expect.stringContaining('no policy keeps the marks of its running pods'),
    ]);
    expect(told({ policies: [guard], policyBindings: both })).toEqual([]);
  });

  test('are open while nothing binds that policy', () => {
    expect(told({ policies: [guard, marks], policyBindings: [bound('g')] })).toEqual([
      'no binding puts it in force',
    ]);
  });

  test('that policy alone is no guard', () => {
    expect(told({ policies: [marks], policyBindings: both })).toEqual([
      expect.stringContaining('there is no guard'),
    ]);
  });
});
