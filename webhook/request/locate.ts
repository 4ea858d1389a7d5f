/** Where the pod template of an object is, by kind. */
import { own } from '#kernel/members.ts';
import { isObject, listAt, objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { workloadKindOf } from '../objects/kinds.ts';
import { namespaceIn } from '../objects/namespace-in.ts';

/** A pod template (or a Pod) inside its object, read in place: nothing is copied. */
export interface Located {
  readonly kind: string;
  readonly name: string;
  readonly namespace: string;
  /** Keys from the object's root to the template; empty for a Pod. */
  readonly path: readonly string[];
  /** `{ metadata, spec }`: a PodTemplateSpec, or the Pod itself. */
  readonly template: JsonObject;
  /** The object's own metadata; for a Pod that of the template. */
  readonly metadata: JsonObject;
  readonly hasControllerOwner: boolean;
  /** Names of further volumes that the pods get: claims of a StatefulSet. */
  readonly claims: readonly string[];
  /** Its `spec.selector`; empty where there is none. */
  readonly selector: JsonObject;
}

function hasControllerOwner(metadata: JsonObject): boolean {
  const owners = metadata['ownerReferences'];
  return (
    Array.isArray(owners) && owners.some((owner) => isObject(owner) && owner['controller'] === true)
  );
}

function claimsOf(object: JsonObject): readonly string[] {
  return listAt(objectAt(object, 'spec'), 'volumeClaimTemplates').flatMap(
    (claim) => stringAt(objectAt(isObject(claim) ? claim : {}, 'metadata'), 'name') ?? [],
  );
}

function memberAt(object: JsonObject, path: readonly string[]): unknown {
  let value: unknown = object;
  for (const key of path) value = isObject(value) ? own(value, key) : undefined;
  return value;
}

/**
 * Undefined for a kind whose pod template we do not change, and where the template is not an object.
 * @param namespace is used where the object does not name one.
 */
export function locate(object: JsonObject, namespace: string): Located | undefined {
  const path = workloadKindOf(object)?.templatePath;
  if (path === undefined) return undefined;
  const template = memberAt(object, path);
  if (!isObject(template) || !isObject(template['spec'])) return undefined;
  const metadata = objectAt(object, 'metadata');
  return {
    kind: stringAt(object, 'kind') ?? '',
    name: stringAt(metadata, 'name') ?? stringAt(metadata, 'generateName') ?? '',
    namespace: namespaceIn(metadata) ?? namespace,
    path,
    template,
    metadata,
    hasControllerOwner: hasControllerOwner(metadata),
    claims: claimsOf(object),
    selector: objectAt(path.slice(0, -1).reduce(objectAt, object), 'selector'),
  };
}
