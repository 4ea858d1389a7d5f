/** What we keep of Kubernetes objects: little, so that memory does not grow with the cluster. */
import { isObject, listAt, objectAt, stringAt } from '#kernel/json.ts';
import type { JsonObject } from '#kernel/json.ts';
import { isManaged, type OwnerReference, type SourceConfigMap } from '../desired/desired.ts';

/** Label of namespaces; values `enabled` and `pod` ask for injection. */
const injectionLabel = 'svidecar.dev/injection';
/** Annotation on injected pods and pod templates. */
const statusAnnotation = 'svidecar.dev/status';
export interface NamespaceEntry {
  readonly namespace: '';
  readonly name: string;
  readonly injection: string | undefined;
}

export interface ConfigMapEntry extends SourceConfigMap {
  /** True when it carries our label. */
  readonly isManaged: boolean;
  readonly immutable: boolean;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly owners: readonly OwnerReference[];
}

export interface UserEntry {
  readonly namespace: string;
  readonly kind: string;
  readonly name: string;
  readonly self: OwnerReference;
  readonly controller: OwnerReference | undefined;
  readonly status: string;
}

export function slimNamespace(object: JsonObject): NamespaceEntry {
  const metadata = objectAt(object, 'metadata');
  const injection = stringAt(objectAt(metadata, 'labels'), injectionLabel);
  return { namespace: '', name: stringAt(metadata, 'name') ?? '', injection };
}

/** @see core/v1 ConfigMap; binaryData is not read: an Envoy configuration is text. */
export function slimConfigMap(object: JsonObject): ConfigMapEntry {
  const metadata = objectAt(object, 'metadata');
  const labels = texts(objectAt(metadata, 'labels'));
  const isOurs = isManaged(labels);
  return {
    namespace: stringAt(metadata, 'namespace') ?? '',
    name: stringAt(metadata, 'name') ?? '',
    uid: stringAt(metadata, 'uid') ?? '',
    resourceVersion: stringAt(metadata, 'resourceVersion') ?? '',
    data: texts(objectAt(object, 'data')),
    isManaged: isOurs,
    immutable: object['immutable'] === true,
    // Only what we compare; sources carry kubectl's copy of themselves in an annotation.
    labels: isOurs ? labels : {},
    annotations: isOurs ? texts(objectAt(metadata, 'annotations')) : {},
    owners: isOurs ? ownersOf(metadata) : [],
  };
}

/** Where a kind keeps the metadata of its pods. */
export type PodMetadataPath = readonly string[];

/** @returns undefined when the object's pods carry no status of ours. */
export function slimUser(
  object: JsonObject,
  type: {
    readonly apiVersion: string;
    readonly kind: string;
    readonly podMetadata: PodMetadataPath;
  },
): UserEntry | undefined {
  const podMetadata = type.podMetadata.reduce(objectAt, object);
  const status = stringAt(objectAt(podMetadata, 'annotations'), statusAnnotation);
  if (status === undefined) return undefined;
  const metadata = objectAt(object, 'metadata');
  const { apiVersion, kind } = type;
  const name = stringAt(metadata, 'name') ?? '';
  const controller = listAt(metadata, 'ownerReferences').find(
    (owner) => isObject(owner) && owner['controller'] === true,
  );
  return {
    namespace: stringAt(metadata, 'namespace') ?? '',
    kind,
    name,
    self: { apiVersion, kind, name, uid: stringAt(metadata, 'uid') ?? '' },
    controller: isObject(controller) ? ownerOf(controller) : undefined,
    status,
  };
}

function ownersOf(metadata: JsonObject): readonly OwnerReference[] {
  return listAt(metadata, 'ownerReferences').filter(isObject).map(ownerOf);
}

function ownerOf(owner: JsonObject): OwnerReference {
  return {
    apiVersion: stringAt(owner, 'apiVersion') ?? '',
    kind: stringAt(owner, 'kind') ?? '',
    name: stringAt(owner, 'name') ?? '',
    uid: stringAt(owner, 'uid') ?? '',
  };
}

function texts(object: JsonObject): Readonly<Record<string, string>> {
  const pairs = Object.entries(object).filter(
    (pair): pair is [string, string] => typeof pair[1] === 'string',
  );
  return Object.fromEntries(pairs);
}
