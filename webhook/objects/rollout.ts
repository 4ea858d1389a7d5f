/** How far the controller of a workload is with its pods, as `kubectl rollout status` reads it. */
import { isObject, listAt, objectAt, stringAt, type JsonObject } from '#kernel/json.ts';

/**
 * `under_way`: wait. `stuck`: the controller has given up for now. `by_hand`: its update strategy is OnDelete, so its pods stay until
 * somebody deletes them. `words` is a part of a sentence.
 */
export type Rollout =
  | { readonly kind: 'done' }
  | { readonly kind: 'under_way' | 'stuck' | 'by_hand'; readonly words: string };

const done: Rollout = { kind: 'done' };

/** @param object a Deployment, StatefulSet or DaemonSet with its kind */
export function rolloutOf(object: JsonObject): Rollout {
  const spec = objectAt(object, 'spec');
  const status = objectAt(object, 'status');
  if (stringAt(objectAt(spec, 'updateStrategy'), 'type') === 'OnDelete')
    return {
      kind: 'by_hand',
      words: 'its update strategy is OnDelete: delete its pods one by one',
    };
  const generation = numberAt(objectAt(object, 'metadata'), 'generation');
  if (numberAt(status, 'observedGeneration') < generation)
    return { kind: 'under_way', words: 'its controller has not seen the change' };
  return object['kind'] === 'DaemonSet' ? ofDaemonSet(status) : ofReplicas(spec, status);
}

function ofDaemonSet(status: JsonObject): Rollout {
  const wanted = numberAt(status, 'desiredNumberScheduled');
  return counted(wanted, {
    updated: numberAt(status, 'updatedNumberScheduled'),
    available: numberAt(status, 'numberAvailable'),
    all: wanted,
  });
}

function ofReplicas(spec: JsonObject, status: JsonObject): Rollout {
  const wanted = spec['replicas'] === undefined ? 1 : numberAt(spec, 'replicas');
  const failed = listAt(status, 'conditions')
    .filter(isObject)
    .find((each) => each['type'] === 'Progressing' && each['status'] === 'False');
  if (failed !== undefined)
    return { kind: 'stuck', words: stringAt(failed, 'message') ?? 'it does not progress' };
  return counted(wanted - partitionOf(spec), {
    updated: numberAt(status, 'updatedReplicas'),
    available: numberAt(status, 'availableReplicas'),
    all: numberAt(status, 'replicas'),
    wanted,
  });
}

/** Pods of a StatefulSet below this number stay as they are. */
function partitionOf(spec: JsonObject): number {
  const strategy = objectAt(spec, 'updateStrategy');
  return numberAt(objectAt(strategy, 'rollingUpdate'), 'partition');
}

interface PodNumbers {
  readonly updated: number;
  readonly available: number;
  /** Old ones among them. */
  readonly all: number;
  /** Where some may stay old. */
  readonly wanted?: number;
}

function counted(
  toUpdate: number,
  { updated, available, all, wanted = toUpdate }: PodNumbers,
): Rollout {
  if (updated < toUpdate)
    return { kind: 'under_way', words: `${updated} of ${toUpdate} pods are made anew` };
  if (all > wanted) return { kind: 'under_way', words: `${all - wanted} old pods have not ended` };
  if (available < wanted)
    return { kind: 'under_way', words: `${available} of ${wanted} pods are ready` };
  return done;
}

function numberAt(object: JsonObject, key: 'generation' | 'observedGeneration' | PodCount): number {
  const value = object[key];
  return typeof value === 'number' ? value : 0;
}

type PodCount =
  | 'replicas'
  | 'updatedReplicas'
  | 'availableReplicas'
  | 'desiredNumberScheduled'
  | 'updatedNumberScheduled'
  | 'numberAvailable'
  | 'partition';
