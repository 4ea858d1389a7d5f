/** How the pods of a workload are made anew where `kubectl rollout restart` is not for its kind. */
import { kindNamed } from './kinds.ts';

/** In a few words, to be put behind a workload's name. Never to delete what serves. @param kind also one that svidecar does not know */
export function madeAnewWords(kind: string): string {
  const type = kindNamed(kind);
  if (type === undefined)
    return `svidecar does not restart a ${kind}: do it as its own controller does (a Rollout: kubectl argo rollouts restart)`;
  if (type.isRestartable === true) return 'kubectl rollout restart makes its pods anew';
  switch (kind) {
    case 'CronJob':
      return 'a CronJob is not restarted: its next run makes new pods';
    case 'Job':
      return 'a Job is not restarted: whoever made it has to make it again';
    case 'ReplicaSet':
      return 'a ReplicaSet is not restarted: delete its pods one after the other, and it makes new ones';
    default:
      return `a ${kind} of its own is not restarted: delete it and apply it again`;
  }
}
