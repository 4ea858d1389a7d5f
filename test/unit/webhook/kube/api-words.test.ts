import { expect, test } from 'vitest';
import { demandedOf, isNamespaceEnding, podRefusalOf } from '../../../../webhook/kube/api-words.ts';
import { ApiRefusal } from '../../../../webhook/kube/kubernetes-api.ts';

function refusal(message: string, status = 403): ApiRefusal {
  return new ApiRefusal(status, 'Forbidden', { message, call: 'POST /api/v1/pods' });
}

test('a refusal has the own words of the API server, and what was asked', () => {
  expect(refusal('no')).toMatchObject({ said: 'no', message: 'POST /api/v1/pods: no' });
});

test.each([
  ['pods is forbidden: User "x" cannot create resource "pods" in API group ""', 'not_permitted'],
  ["ValidatingAdmissionPolicy 'svidecar-guard' denied request", 'policy'],
  ['failed calling webhook "pods.svidecar.dev": connection refused', 'webhook_nowhere'],
  ['failed calling webhook "pods.svidecar.dev": no endpoints available', 'webhook_nowhere'],
  ['failed to call webhook: x509: signed by unknown authority', 'webhook_untrusted'],
  ['failed calling webhook "pods.svidecar.dev": context deadline exceeded', 'webhook_unreachable'],
  ['exceeded quota: compute', 'other'],
])('%s', (message, kind) => {
  expect(podRefusalOf(refusal(message))).toBe(kind);
});

test.each([
  [403, 'because it is being terminated', true],
  [403, 'no', false],
  [404, 'namespaces "shop" not found', true],
  [409, 'is being terminated', false],
])('a namespace that ends: %i %s: %s', (status, message, ends) => {
  expect(isNamespaceEnding(refusal(message, status))).toBe(ends);
});

test.each([
  ['every ConfigMap needs the Label team', 'labels'],
  ['annotations are missing', 'annotations'],
  ['an annotation is missing', 'annotations'],
  ['too large', undefined],
])('what a policy demands: %s', (message, demanded) => {
  expect(demandedOf(refusal(message))).toBe(demanded);
});
