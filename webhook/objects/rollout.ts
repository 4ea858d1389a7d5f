/** How far the controller of a workload is with its pods, as `kubectl rollout status` reads it. */
import { isObject, listAt, objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { kindNamed } from './kinds.ts';

/**
 * `under_way`: wait. `stuck`: the controller has given up for now. `by_hand`: pods stay as they were until somebody does
 * something. `words` is a part of a sentence.
 */
export type Rollout =
  | { readonly kind: 'done' }
  | { readonly kind: 'under_way' | 'stuck' | 'by_hand'; readonly words: string };

/** When `kubectl rollout restart`, or svidecar, restarted it last: an annotation of its pod template, RFC 3339. */
export const restartedAtKey = 'kubectl.kubernetes.io/restartedAt';

/** A roll-out that was begun by a restart, and is not done. */
export interface UnfinishedRollout {
  /** Milliseconds. */
  readonly restartedMs: number;
  readonly rollout: Exclude<Rollout, { readonly kind: 'done' }>;
}

/** Undefined where it was never restarted, or all its pods are as they are to be. @param object with its kind */
export function unfinishedIn(object: JsonObject): UnfinishedRollout | undefined {
  const template = objectAt(objectAt(object, 'spec'), 'template');
  const annotations = objectAt(objectAt(template, 'metadata'), 'annotations');
  const restartedMs = Date.parse(stringAt(annotations, restartedAtKey) ?? '');
  if (
    Number.isNaN(restartedMs) ||
    kindNamed(stringAt(object, 'kind') ?? '')?.isRestartable !== true
  )
    return undefined;
  const rollout = rolloutOf(object);
  return rollout.kind === 'done' ? undefined : { restartedMs, rollout };
}

/** What keeps a workload's pods as they are, though its pod template is another one. */
export type RolloutHold =
  | { readonly kind: 'paused' | 'on_delete' }
  /** Of a StatefulSet: pods below this number. */
  | { readonly kind: 'partition'; readonly pods: number };

const done: Rollout = { kind: 'done' };

/** @param object a workload of any kind */
export function holdOf(object: JsonObject): RolloutHold | undefined {
  const spec = objectAt(object, 'spec');
  if (spec['paused'] === true) return { kind: 'paused' };
  const strategy = objectAt(spec, 'updateStrategy');
  if (stringAt(strategy, 'type') === 'OnDelete') return { kind: 'on_delete' };
  const pods = numberAt(objectAt(strategy, 'rollingUpdate'), 'partition');
  return pods > 0 ? { kind: 'partition', pods } : undefined;
}

/** What somebody has to do, as an instruction. */
export function holdWords(hold: RolloutHold): string {
  switch (hold.kind) {
    case 'paused':
      return 'it is paused: kubectl rollout resume lets it go on';
    case 'on_delete':
      return 'its update strategy is OnDelete: delete its pods one by one';
    case 'partition':
      return `its partition keeps pods below number ${hold.pods} as they are: lower spec.updateStrategy.rollingUpdate.partition`;
    default:
      return hold satisfies never;
  }
}

/** @param object a Deployment, StatefulSet or DaemonSet with its kind */
export function rolloutOf(object: JsonObject): Rollout {
  const spec = objectAt(object, 'spec');
  const status = objectAt(object, 'status');
  const generation = numberAt(objectAt(object, 'metadata'), 'generation');
  if (numberAt(status, 'observedGeneration') < generation)
    return { kind: 'under_way', words: 'its controller has not seen the change' };
  const hold = holdOf(object);
  return object['kind'] === 'DaemonSet'
    ? ofDaemonSet(status, hold)
    : ofReplicas({ spec, status }, hold);
}

function ofDaemonSet(status: JsonObject, hold: RolloutHold | undefined): Rollout {
  const all = numberAt(status, 'desiredNumberScheduled');
  const updated = numberAt(status, 'updatedNumberScheduled');
  return counted(
    { updated, available: numberAt(status, 'numberAvailable'), all, wanted: all },
    hold,
  );
}

function ofReplicas(
  { spec, status }: { readonly spec: JsonObject; readonly status: JsonObject },
  hold: RolloutHold | undefined,
): Rollout {
  const failed = listAt(status, 'conditions')
    .filter(isObject)
    .find((each) => each['type'] === 'Progressing' && each['status'] === 'False');
  if (failed !== undefined)
    return { kind: 'stuck', words: stringAt(failed, 'message') ?? 'it does not progress' };
  const numbers = {
    updated: numberAt(status, 'updatedReplicas'),
    available: numberAt(status, 'availableReplicas'),
    all: numberAt(status, 'replicas'),
    wanted: spec['replicas'] === undefined ? 1 : numberAt(spec, 'replicas'),
  };
  return counted(numbers, hold);
}

interface PodNumbers {
  readonly updated: number;
  readonly available: number;
  /** Old ones among them. */
  readonly all: number;
  readonly wanted: number;
}

function counted(
  { updated, available, all, wanted }: PodNumbers,
  hold: RolloutHold | undefined,
): Rollout {
  const kept = keptBy(hold, wanted);
  // Nobody makes any pod anew, so there is nothing to wait for.
  if (hold !== undefined && kept === wanted && updated < wanted)
    return byHand({ updated, wanted }, hold);
  if (updated < wanted - kept)
    return { kind: 'under_way', words: `${updated} of ${wanted - kept} pods are made anew` };
  if (all > wanted) return { kind: 'under_way', words: `${all - wanted} old pods have not ended` };
  if (available < wanted)
    return { kind: 'under_way', words: `${available} of ${wanted} pods are ready` };
  return hold === undefined || updated >= wanted ? done : byHand({ updated, wanted }, hold);
}

function byHand(
  { updated, wanted }: Pick<PodNumbers, 'updated' | 'wanted'>,
  hold: RolloutHold,
): Rollout {
  const words = `${wanted - updated} of ${wanted} pods are as before, since ${holdWords(hold)}`;
  return { kind: 'by_hand', words };
}

/** How many pods nobody makes anew. */
function keptBy(hold: RolloutHold | undefined, wanted: number): number {
  if (hold === undefined) return 0;
  return hold.kind === 'partition' ? Math.min(hold.pods, wanted) : wanted;
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
