/** What tests ask of a pod, or of an object with a pod's `spec`. */
import { isObject, listAt, objectAt } from '#kernel/json.ts';

/** Whether it has the container that svidecar adds. */
export function hasHelper(pod: unknown): boolean {
  const spec = objectAt(isObject(pod) ? pod : {}, 'spec');
  return ['initContainers', 'containers'].some((field) =>
    listAt(spec, field).some((each) => isObject(each) && each['name'] === 'auth-helper'),
  );
}
