/** Who made a pod. */
import { isObject, listAt, objectAt, stringAt } from '#kernel/json.ts';
import { kindNamed, workloadKindOf, type WorkloadKind } from '../objects/kinds.ts';
import type { Assessed } from './assess.ts';

export interface PodMaker {
  readonly kind: string;
  readonly name: string;
  /** Undefined for a kind that is not changed, also where its name is that of one that is. */
  readonly type: WorkloadKind | undefined;
}

/** A Deployment's ReplicaSet is named after it and the hash that its pods carry as a label. */
export function controllerOf({ located }: Pick<Assessed, 'located'>): PodMaker | undefined {
  const owner = listAt(located.metadata, 'ownerReferences')
    .filter(isObject)
    .find((each) => each['controller'] === true);
  const kind = stringAt(owner, 'kind');
  const name = stringAt(owner, 'name');
  if (owner === undefined || kind === undefined || name === undefined) return undefined;
  const type = workloadKindOf(owner);
  const hash = stringAt(objectAt(located.metadata, 'labels'), 'pod-template-hash');
  const revisionOf = type?.revisionOf;
  if (revisionOf === undefined || hash === undefined || !name.endsWith(`-${hash}`))
    return { kind, name, type };
  const own = name.slice(0, -hash.length - 1);
  return { kind: revisionOf, name: own, type: kindNamed(revisionOf) };
}

/** Such as `Deployment frontend`. */
export function titleOf(controller: PodMaker | undefined): string | undefined {
  return controller === undefined ? undefined : `${controller.kind} ${controller.name}`;
}
