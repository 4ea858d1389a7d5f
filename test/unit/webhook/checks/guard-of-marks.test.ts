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

  test('are kept by each installation: who takes one policy of two is told of', () => {
    const named = (name: string, part: JsonObject, revision?: string): JsonObject => {
      const ofRevision = revision === undefined ? {} : { 'svidecar.dev/revision': revision };
      const labels = { 'app.kubernetes.io/name': 'svidecar', ...ofRevision };
      return { ...part, metadata: { name, labels } };
    };
    const policies = [
      named('g', guard),
      named('m', marks),
      named('g-canary', guard, 'canary'),
      named('m-canary', marks, 'canary'),
    ];
    const policyBindings = ['g', 'm', 'g-canary', 'm-canary'].map(bound);
    expect(told({ policies, policyBindings })).toEqual([]);
    expect(told({ policies: policies.slice(0, 3), policyBindings })).toEqual([
      expect.stringContaining('svidecar-guard-marks-canary, is not there'),
    ]);
    expect(told({ policies: policies.slice(2), policyBindings })).toEqual([]);
    expect(told({ policies: policies.toSpliced(1, 1), policyBindings })).toEqual([
      expect.stringContaining('svidecar-guard-marks, is not there'),
    ]);
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
