import { expect, test } from 'vitest';
import { policyName } from '../../../../webhook/manifests/policy-name.ts';

test('workloads of one name and two kinds have a policy each', () => {
  expect(policyName({ kind: 'Deployment', name: 'shop' }, 'envoy')).toBe('shop-deployment-envoy');
  expect(policyName({ kind: 'StatefulSet', name: 'shop' }, 'envoy')).toBe('shop-statefulset-envoy');
});

test('a name that would be too long is cut, and stays one of its own', () => {
  const names = ['x', 'y'].map((last) => `${'a'.repeat(249)}.${last}`);
  const made = names.map((name) => policyName({ kind: 'Deployment', name }, 'envoy'));
  expect(new Set(made).size).toBe(2);
  for (const name of made) expect(name).toMatch(/^[a-z0-9][a-z0-9.-]{0,251}[a-z0-9]$/);
});
