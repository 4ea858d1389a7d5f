/** A reviewer for tests of the server: allows everything, and breaks on demand. */
import { AppError } from '#kernel/errors.ts';
import { isObject, objectAt, stringAt } from '#kernel/json.ts';
import type { ReviewAnswer } from '../../webhook/admission/review.ts';

/** Namespaces of reviews that make it throw. */
export const explodingNamespace = 'explodes';

export function reviewAll(review: unknown): ReviewAnswer {
  if (!isObject(review) || stringAt(review, 'apiVersion') !== 'admission.k8s.io/v1') {
    throw new AppError(
      'REVIEW_INVALID',
      'expected apiVersion admission.k8s.io/v1; this is something else',
    );
  }
  const request = objectAt(review, 'request');
  const namespace = stringAt(request, 'namespace');
  if (namespace === explodingNamespace) throw new TypeError('a defect of ours');
  const uid = stringAt(request, 'uid') ?? '';
  return {
    kind: stringAt(objectAt(request, 'kind'), 'kind') ?? 'other',
    decision: namespace === 'refused' ? 'refused' : 'unchanged',
    reason: 'not_asked',
    body: {
      apiVersion: 'admission.k8s.io/v1',
      kind: 'AdmissionReview',
      response: { uid, allowed: true },
    },
  };
}

/** @param fillBytes pads the object to about this size. */
export function reviewOf(uid: string, namespace = 'default', fillBytes = 0): string {
  return JSON.stringify({
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    request: {
      uid,
      namespace,
      kind: { group: 'apps', version: 'v1', kind: 'Deployment' },
      operation: 'CREATE',
      object: { metadata: { annotations: { filler: 'x'.repeat(fillBytes) } } },
    },
  });
}
