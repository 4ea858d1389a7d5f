/** What makes the pods of a workload anew, with today's injection: by its kind, and by what holds them. */
import { kindNamed } from './kinds.ts';
import { holdWords, restartedAtKey, type RolloutHold } from './rollout.ts';

export interface RenewedWorkload {
  /** Also one that svidecar does not know. */
  readonly kind: string;
  readonly name: string;
  readonly namespace: string;
  /** Its pod template as it is stored makes the pods as they are to be: pods alone are old. */
  readonly isCurrent?: boolean;
  readonly hold?: RolloutHold | undefined;
  /** The controller of a Job. */
  readonly madeBy?: { readonly kind: string; readonly name: string } | undefined;
}

/**
 * An instruction that ends what it is about. A pod template is stored with its injection, so a new pod alone is the old one again; the
 * webhook injects it anew once it is changed. Never to delete a controller that serves.
 */
export function anewWords(workload: RenewedWorkload): string {
  const { kind } = workload;
  const type = kindNamed(kind);
  if (type === undefined)
    return `do it as its own controller does, since svidecar does not restart a ${kind} (a Rollout: kubectl argo rollouts restart)`;
  if (type.isRestartable === true) return restartWords(workload);
  switch (kind) {
    case 'CronJob':
      return workload.isCurrent === true
        ? 'wait for its next run, which makes new pods'
        : `${touch(workload)}, so that its pod template is injected anew; its next run makes new pods`;
    case 'Job':
      return jobWords(workload);
    case 'ReplicaSet':
      return workload.isCurrent === true
        ? 'delete its pods one after the other, and it makes new ones'
        : `${touch(workload)}, so that its pod template is injected anew; then delete its pods one after the other`;
    default:
      return 'delete it, and apply its own manifest again';
  }
}

function restartWords({ kind, name, namespace, isCurrent, hold }: RenewedWorkload): string {
  const what = `${kind.toLowerCase()}/${name} -n ${namespace}`;
  const restart = `kubectl rollout restart ${what}`;
  if (hold === undefined) return restart;
  if (hold.kind === 'paused') {
    const resume = `kubectl rollout resume ${what}`;
    return isCurrent === true ? resume : `${resume}, then ${restart}`;
  }
  return isCurrent === true ? holdWords(hold) : `${restart}; then, since ${holdWords(hold)}`;
}

function jobWords({ madeBy }: RenewedWorkload): string {
  return madeBy === undefined
    ? 'wait until it ends, or delete it and create it again'
    : `wait until it ends: the next run of ${madeBy.kind} ${madeBy.name} makes new pods`;
}

/** Its pod template gets an annotation, as by a restart: one that is as it was is left alone. */
function touch({ kind, name, namespace }: RenewedWorkload): string {
  const path = [
    ...(kindNamed(kind)?.templatePath ?? []),
    'metadata',
    'annotations',
    restartedAtKey,
  ];
  const change = path.map((key) => `{"${key}":`).join('');
  const value = `"'$(date +%s)'"${'}'.repeat(path.length)}`;
  return `kubectl patch ${kind.toLowerCase()}/${name} -n ${namespace} --type merge -p '${change}${value}'`;
}
