/** What we keep of Kubernetes objects: little, so that memory does not grow with the cluster. */
import { isObject, listAt, objectAt, stringAt } from '#kernel/json.ts';
import type { JsonObject } from '#kernel/json.ts';
import { isManaged, type OwnerReference, type SourceConfigMap } from '../desired/desired.ts';
import { isOurName } from '../injection/hash.ts';
import { revisionIn } from '../request/revision.ts';
import { namespaceLabel, statusKey } from '../request/metadata-keys.ts';
import { digestOf } from '../injection/config-map-contents.ts';
import type { StoredVerdict } from '../admission/judge.ts';
import { apiVersionOf, isPod, type WorkloadKind } from '../objects/kinds.ts';
import type { IdentityWish } from '../desired/workload-identity.ts';
import type { WishingObject } from './identity-index.ts';

export interface NamespaceEntry {
  readonly namespace: '';
  readonly name: string;
  readonly injection: string | undefined;
  /** The label that names a revision. */
  readonly revision?: string | undefined;
}

export interface ConfigMapEntry extends SourceConfigMap {
  /** True when it carries our label. */
  readonly isManaged: boolean;
  /** Of its data, where it is ours (then the texts are not kept) or stands under a name of ours; else empty. */
  readonly digest: string;
  readonly immutable: boolean;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly owners: readonly OwnerReference[];
}

const maxTraceChars = 2_048;

interface Entry {
  readonly namespace: string;
  readonly kind: string;
  readonly name: string;
  readonly self: OwnerReference;
  readonly controller: OwnerReference | undefined;
}

/** An object whose pods carry our status. */
export interface UserEntry extends Entry {
  readonly status: string;
  /** There was no room for the status, so it is left out here. */
  readonly isStatusWithheld?: true;
  /** When somebody last changed more than the object's own status, in Unix milliseconds. */
  readonly changedAtMs: number;
}

/** An object that asks for something and was stored without our status. */
export interface AskerEntry extends Entry {
  readonly verdict: StoredVerdict;
  /** Which revision its pod template names. */
  readonly revision?: string | undefined;
}

/** What a stored object is to be in SPIRE; undefined where that is nobody's wish, or nobody asks. */
export type Identify = (object: JsonObject) => IdentityWish | undefined;

/** What admission would say about an object that is stored as it is; undefined where nothing needs to be reported. */
export type Judge = (object: JsonObject) => StoredVerdict | undefined;

export function slimNamespace(object: JsonObject): NamespaceEntry {
  const metadata = objectAt(object, 'metadata');
  const injection = stringAt(objectAt(metadata, 'labels'), namespaceLabel);
  const revision = revisionIn(metadata);
  const name = stringAt(metadata, 'name') ?? '';
  return { namespace: '', name, injection, ...(revision === undefined ? {} : { revision }) };
}

/** @see core/v1 ConfigMap */
export function slimConfigMap(object: JsonObject): ConfigMapEntry {
  const metadata = objectAt(object, 'metadata');
  const labels = texts(objectAt(metadata, 'labels'));
  const isOurs = isManaged(labels);
  return {
    namespace: stringAt(metadata, 'namespace') ?? '',
    name: stringAt(metadata, 'name') ?? '',
    uid: stringAt(metadata, 'uid') ?? '',
    resourceVersion: stringAt(metadata, 'resourceVersion') ?? '',
    ...contentsOf(object, isOurs),
    isManaged: isOurs,
    immutable: object['immutable'] === true,
    // Only what we compare; sources carry kubectl's copy of themselves in an annotation.
    labels: isOurs ? labels : {},
    annotations: isOurs ? texts(objectAt(metadata, 'annotations')) : {},
    owners: isOurs ? ownersOf(metadata) : [],
  };
}

/** Of ours only what we compare; of sources what copies are made of. */
function contentsOf(
  object: JsonObject,
  isOurs: boolean,
): Pick<ConfigMapEntry, 'data' | 'binaryData' | 'digest'> {
  const data = texts(objectAt(object, 'data'));
  const binaryData = texts(objectAt(object, 'binaryData'));
  if (isOurs) return { data: {}, digest: digestOf(data, binaryData) };
  const name = stringAt(objectAt(object, 'metadata'), 'name') ?? '';
  const digest = isOurName(name) ? digestOf(data, binaryData) : '';
  return { data, ...(Object.keys(binaryData).length > 0 ? { binaryData } : {}), digest };
}

/** @returns undefined when the object's pods do not carry our status, and ask for nothing. */
export function slimWorkload(
  object: JsonObject,
  type: WorkloadKind,
  judge: Judge,
): UserEntry | AskerEntry | undefined {
  const podMetadata = objectAt(type.templatePath.reduce(objectAt, object), 'metadata');
  const status = stringAt(objectAt(podMetadata, 'annotations'), statusKey);
  const entry = entryOf(object, type);
  if (status !== undefined)
    return { ...entry, status, changedAtMs: changedAtMs(objectAt(object, 'metadata')) };
  // What a controller made is judged at its controller.
  const verdict = entry.controller === undefined ? judge(named(object, type)) : undefined;
  if (verdict === undefined) return undefined;
  const revision = revisionIn(podMetadata);
  return {
    ...entry,
    verdict: shortened(verdict),
    ...(revision === undefined ? {} : { revision }),
  };
}

/** @returns undefined when nobody wishes an identity for it */
export function slimWish(
  object: JsonObject,
  type: WorkloadKind,
  identify: Identify,
): WishingObject | undefined {
  const wish = identify(named(object, type));
  if (wish === undefined) return undefined;
  const { namespace, kind, name, self, controller } = entryOf(object, type);
  const workload = isPod(type) && controller !== undefined ? undefined : self;
  return { namespace, kind, name, wish, workload };
}

/** The items of a list do not name their kind. */
function named(object: JsonObject, type: WorkloadKind): JsonObject {
  return { ...object, apiVersion: apiVersionOf(type), kind: type.kind };
}

function entryOf(object: JsonObject, type: WorkloadKind): Entry {
  const { kind } = type;
  const metadata = objectAt(object, 'metadata');
  const name = stringAt(metadata, 'name') ?? '';
  const controller = listAt(metadata, 'ownerReferences').find(
    (owner) => isObject(owner) && owner['controller'] === true,
  );
  return {
    namespace: stringAt(metadata, 'namespace') ?? '',
    kind,
    name,
    self: { apiVersion: apiVersionOf(type), kind, name, uid: stringAt(metadata, 'uid') ?? '' },
    controller: isObject(controller) ? ownerOf(controller) : undefined,
  };
}

/** A trace may quote as much as an object holds; an event has 1,024 bytes for it. */
function shortened({ kind, trace }: StoredVerdict): StoredVerdict {
  // Through bytes: a slice would keep the whole text alive.
  return { kind, trace: Buffer.from(trace.slice(0, maxTraceChars)).toString() };
}

/** @see meta/v1 ManagedFieldsEntry: its time is that of the manager's last change */
function changedAtMs(metadata: JsonObject): number {
  const times = listAt(metadata, 'managedFields')
    .filter(isObject)
    .filter((entry) => entry['subresource'] === undefined)
    .map((entry) => Date.parse(stringAt(entry, 'time') ?? ''));
  const created = Date.parse(stringAt(metadata, 'creationTimestamp') ?? '');
  return Math.max(0, ...[...times, created].filter((time) => !Number.isNaN(time)));
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
