/** Pods of one controller have the same remedy, so they are reported together. */
import { anewWords } from '../objects/anew-words.ts';
import { holdOf, rolloutOf } from '../objects/rollout.ts';
import type { Assessed } from './assess.ts';
import { controllerOf, titleOf, type PodMaker } from './pod-controller.ts';

export interface PodGroup {
  readonly first: Assessed;
  readonly count: number;
  /** Absent for pods of their own. */
  readonly controller: PodMaker | undefined;
}

/** Without those that are not pods. */
export function byController(pods: readonly Assessed[]): readonly PodGroup[] {
  const groups = new Map<string, PodGroup>();
  for (const pod of pods) {
    if (pod.where.kind !== 'Pod') continue;
    const controller = controllerOf(pod);
    const key = `${pod.where.namespace} ${titleOf(controller) ?? pod.where.name}`;
    const group = groups.get(key) ?? { first: pod, count: 0, controller };
    groups.set(key, { ...group, count: group.count + 1 });
  }
  return [...groups.values()];
}

/** Groups of pods whose controller is not among the objects itself. */
export function ofOthers(all: readonly Assessed[]): readonly PodGroup[] {
  const named = new Set(all.map(({ where }) => `${where.namespace} ${where.kind} ${where.name}`));
  return byController(all).filter(
    ({ first, controller }) => !named.has(`${first.where.namespace} ${titleOf(controller) ?? ''}`),
  );
}

/** What makes the object itself anew: a workload, or a pod of its own. */
export function renewHint({ where, subject, located }: Assessed, isCurrent = false): string {
  const { kind, name, namespace } = where;
  const hold = holdOf(subject.object);
  // Where nothing waits for somebody's hand, its pods are as its template wants them: only a restart makes others.
  const isEnough =
    isCurrent && (hold === undefined || rolloutOf(subject.object).kind === 'by_hand');
  const madeBy = controllerOf({ located });
  return anewWords({ kind, name, namespace, isCurrent: isEnough, hold, madeBy });
}

/**
 * What makes the pods of a group anew.
 * @param all in which their controller may be
 * @param isOld of the controller; what is not there is taken for old
 */
export function renewPodsHint(
  { first, controller }: PodGroup,
  all: readonly Assessed[],
  isOld: (controller: Assessed) => boolean = () => true,
): string {
  if (controller === undefined) return renewHint(first);
  const { kind, name } = controller;
  const { namespace } = first.where;
  const found = all.find(
    ({ where }) => where.kind === kind && where.name === name && where.namespace === namespace,
  );
  if (found !== undefined) return renewHint(found, !isOld(found));
  return anewWords({ kind, name, namespace });
}

/** Half a sentence: who made them, and how many more there are. */
export function ofController({ count, controller }: PodGroup): string {
  const title = titleOf(controller);
  if (title === undefined) return '';
  return count === 1 ? ` (of ${title})` : ` (and ${count - 1} more pods of ${title})`;
}
