/** What the API server fills in where an object leaves it out: it is nobody's wish. */
import { own } from '#kernel/members.ts';
import { isObject, objectAt, sameJson, type Json, type JsonObject } from '#kernel/json.ts';

const probe: JsonObject = {
  timeoutSeconds: 1,
  periodSeconds: 10,
  successThreshold: 1,
  failureThreshold: 3,
};
const volumeSource: JsonObject = { defaultMode: 0o644 };

/** By the field that holds the object. @see k8s.io/kubernetes pkg/apis/core/v1/defaults.go */
const filledIn: ReadonlyMap<string, JsonObject> = new Map([
  ['startupProbe', probe],
  ['readinessProbe', probe],
  ['livenessProbe', probe],
  ['httpGet', { path: '/', scheme: 'HTTP' }],
  ['grpc', { service: '' }],
  ['configMap', volumeSource],
  ['secret', volumeSource],
  ['projected', volumeSource],
  ['downwardAPI', volumeSource],
  ['hostPath', { type: '' }],
]);

/**
 * Whether a field's object holds nothing else than that: an empty one does not.
 * @param whole the same object before parts were taken from it
 */
export function isFilledIn(field: string, rest: Json, whole: Json): boolean {
  if (!isObject(rest)) return false;
  const usual = field === 'resources' ? requestsOf(whole) : (filledIn.get(field) ?? {});
  return Object.entries(rest).every(([key, value]) => {
    const expected = own(usual, key);
    return expected !== undefined && value !== undefined && sameJson(value, expected);
  });
}

/** A limit without a request makes one of the same amount. */
function requestsOf(resources: Json): JsonObject {
  const limits = isObject(resources) ? objectAt(resources, 'limits') : {};
  const requests = isObject(resources) ? objectAt(resources, 'requests') : {};
  const isEach = Object.entries(requests).every(
    ([name, amount]) => amount !== undefined && own(limits, name) === amount,
  );
  return isEach ? { requests } : {};
}
