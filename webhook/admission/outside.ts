/** Objects that are left alone whatever their annotations say, each with its reason. */
import { objectAt, stringAt } from '#kernel/json.ts';
import { kindNamed } from '../objects/kinds.ts';
import type { Located } from '../request/locate.ts';
import { standingOf } from '../request/namespace-standing.ts';

/** Stable API: metrics and audit annotations use these ids. */
export type SkipReason =
  | 'object_unknown'
  | 'not_requested'
  | 'namespace_ignored'
  | 'other_revision'
  | 'revision_unknown'
  | 'host_network'
  | 'mirror_pod'
  | 'being_deleted'
  | 'controller_owned'
  | 'immutable'
  | 'opted_out'
  | 'status_newer';

export interface Outside {
  readonly reason: SkipReason;
  readonly message: string;
}

interface Facts {
  /** Namespaces that are never touched. */
  readonly ignoredNamespaces: ReadonlySet<string>;
  readonly isUpdate: boolean;
}

/** Undefined for an object that may be changed. Reads none of our annotations. */
export function outsideReason(located: Located, facts: Facts): Outside | undefined {
  const { template, namespace } = located;
  const untouchable = untouchableReason(located, facts.isUpdate);
  if (untouchable !== undefined) return untouchable;
  // The API server checks the label: it calls the webhook only for namespaces that have it.
  if (standingOf(namespace, 'enabled', facts.ignoredNamespaces) === 'ignored') {
    return {
      reason: 'namespace_ignored',
      message: `namespace ${namespace} is never touched (ignoredNamespaces)`,
    };
  }
  if (objectAt(template, 'spec')['hostNetwork'] === true) {
    return {
      reason: 'host_network',
      message:
        'a hostNetwork pod shares its ports with the node, so the helper could be reached from outside; nothing is injected',
    };
  }
  if (isMirrorPod(located)) {
    return {
      reason: 'mirror_pod',
      message:
        'a mirror pod only reflects a static pod of the kubelet; change its file on the node',
    };
  }
  return undefined;
}

/** Objects whose pod template cannot, or must not, be changed any more. */
function untouchableReason(located: Located, isUpdate: boolean): Outside | undefined {
  const { kind, metadata, hasControllerOwner } = located;
  if (typeof metadata['deletionTimestamp'] === 'string') {
    return { reason: 'being_deleted', message: 'the object is being deleted' };
  }
  const { isImmutable, revisionOf } = kindNamed(kind) ?? {};
  // A patch would only cause the whole update to be refused.
  if (isImmutable === true && isUpdate) {
    return {
      reason: 'immutable',
      message: `the pods of a ${kind} cannot change; delete it and create it again to have it injected`,
    };
  }
  // A Deployment knows its ReplicaSet by an equal template: a changed one would not be recognized, and would be created again.
  if (revisionOf !== undefined && hasControllerOwner) {
    return {
      reason: 'controller_owned',
      message: 'its controller compares the pod template with its own; the pods are injected',
    };
  }
  return undefined;
}

function isMirrorPod({ metadata }: Located): boolean {
  return stringAt(objectAt(metadata, 'annotations'), 'kubernetes.io/config.mirror') !== undefined;
}
