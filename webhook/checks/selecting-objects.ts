/** Of which ClusterSPIFFEID objects spire-controller-manager makes entries for a pod. */
import { objectAt, type JsonObject } from '#kernel/json.ts';
import { isMatched } from '../objects/label-selector.ts';
import { nameOf } from './facts.ts';

/** Names of those that select such pods. @param pod labels of its namespace, and its own */
export function selecting(
  objects: readonly JsonObject[],
  pod: { readonly namespaceLabels: JsonObject; readonly labels: JsonObject },
): readonly string[] {
  return objects
    .filter((object) => {
      const spec = objectAt(object, 'spec');
      return (
        isMatched(objectAt(spec, 'namespaceSelector'), pod.namespaceLabels) &&
        isMatched(objectAt(spec, 'podSelector'), pod.labels)
      );
    })
    .map(nameOf);
}
