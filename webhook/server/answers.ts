/** Answers to requests that are not reviews: a Kubernetes Status with a message that a person can act on. */
import type { JsonObject } from '#kernel/json.ts';
import { objectAt, isObject, stringAt } from '#kernel/json.ts';

/** HTTP status → Status `reason`, as the API server itself uses them. */
const reasons: Readonly<Record<number, string>> = {
  400: 'BadRequest',
  403: 'Forbidden',
  404: 'NotFound',
  405: 'MethodNotAllowed',
  408: 'Timeout',
  413: 'RequestEntityTooLarge',
  415: 'UnsupportedMediaType',
  500: 'InternalError',
  503: 'ServiceUnavailable',
};

/** @see meta/v1 Status */
export function statusBody(code: number, message: string): JsonObject {
  return {
    kind: 'Status',
    apiVersion: 'v1',
    status: 'Failure',
    reason: reasons[code] ?? 'Unknown',
    message,
    code,
  };
}

/** The uid of a body that looks like an AdmissionReview, for an answer when everything else has failed. */
export function uidOf(body: unknown): string | undefined {
  return isObject(body) ? stringAt(objectAt(body, 'request'), 'uid') : undefined;
}

/**
 * Refuses a review whose handling failed with an internal error: kubectl shows the text, where a bare HTTP 500
 * would only show as a failed call.
 */
export function internalRefusal(uid: string): JsonObject {
  return {
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    response: {
      uid,
      allowed: false,
      status: {
        code: 500,
        reason: 'InternalError',
        message:
          'svidecar failed while processing this object; this is a bug in svidecar, not a fault of the object. ' +
          `Look for uid ${uid} in the log of the svidecar Deployment. To continue without injection, set the annotation ` +
          'svidecar.dev/inject: "false" on the pod template.',
      },
    },
  };
}
