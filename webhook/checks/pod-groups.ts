/** Pods of one controller have the same remedy, so they are reported together. */
import type { Assessed } from './assess.ts';
import { controllerOf, remakeHint, titleOf, type PodMaker } from './pod-controller.ts';

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

export function restartHint({ first, controller }: PodGroup): string {
  return remakeHint({ ...controller, namespace: first.where.namespace });
}

/** Half a sentence: who made them, and how many more there are. */
export function ofController({ count, controller }: PodGroup): string {
  const title = titleOf(controller);
  if (title === undefined) return '';
  return count === 1 ? ` (of ${title})` : ` (and ${count - 1} more pods of ${title})`;
}
