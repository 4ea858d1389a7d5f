/** Where the pod template of an object is, by kind. */
import { own } from '#kernel/members.ts';
import { isObject, listAt, objectAt, stringAt, type JsonObject } from '#kernel/json.ts';

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
  /** Names of the volumes that the pods get besides: claims of a StatefulSet. */
  readonly claims: readonly string[];
  /** Its `spec.selector`; empty where there is none. */
  readonly selector: JsonObject;
}

const templatePaths: ReadonlyMap<string, readonly string[]> = new Map([
  ['apps/Deployment', ['spec', 'template']],
  ['apps/StatefulSet', ['spec', 'template']],
  ['apps/DaemonSet', ['spec', 'template']],
  ['apps/ReplicaSet', ['spec', 'template']],
  ['batch/Job', ['spec', 'template']],
  ['batch/CronJob', ['spec', 'jobTemplate', 'spec', 'template']],
  ['/Pod', []],
]);

/** Kinds with a pod template that we change, as `group/Kind`. */
export const knownKinds: readonly string[] = [...templatePaths.keys()];

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

function templatePath(object: JsonObject): readonly string[] | undefined {
  const version = stringAt(object, 'apiVersion') ?? '';
  const group = version.includes('/') ? version.slice(0, version.indexOf('/')) : '';
  return templatePaths.get(`${group}/${stringAt(object, 'kind') ?? ''}`);
}

/**
 * Undefined for a kind that has no pod template of ours, and where the template is no object.
 * @param namespace is used where the object does not name one.
 */
export function locate(object: JsonObject, namespace: string): Located | undefined {
  const path = templatePath(object);
  if (path === undefined) return undefined;
  let template: unknown = object;
  for (const key of path) template = isObject(template) ? own(template, key) : undefined;
  if (!isObject(template) || !isObject(template['spec'])) return undefined;
  const metadata = objectAt(object, 'metadata');
  return {
    kind: stringAt(object, 'kind') ?? '',
    name: stringAt(metadata, 'name') ?? stringAt(metadata, 'generateName') ?? '',
    namespace: stringAt(metadata, 'namespace') ?? namespace,
    path,
    template,
    metadata,
    hasControllerOwner: hasControllerOwner(metadata),
    claims: claimsOf(object),
    selector: objectAt(path.slice(0, -1).reduce(objectAt, object), 'selector'),
  };
}
