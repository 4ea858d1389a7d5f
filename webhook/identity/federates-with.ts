/** With which trust domains a workload federates. */
import { objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { parseTrustDomain } from '#kernel/spiffe-id.ts';
import { annotationKey } from '../request/metadata-keys.ts';

/** On the pod template, both: ours, and the one that SPIRE's former Kubernetes registrar read. */
const keys = [annotationKey('federates-with'), 'spiffe.io/federatesWith'];

/**
 * Names of trust domains, sorted, each once.
 * @throws {AppError} SPIFFE_ID_INVALID
 */
export function federatesWith(template: JsonObject): readonly string[] {
  const annotations = objectAt(objectAt(template, 'metadata'), 'annotations');
  const names = keys
    .flatMap((key) => (stringAt(annotations, key) ?? '').split(','))
    .map((each) => each.trim())
    .filter((each) => each !== '')
    .map((each) => parseTrustDomain(each));
  return [...new Set(names)].sort();
}
