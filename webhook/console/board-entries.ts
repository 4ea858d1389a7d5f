/** What the board of the coverage keeps of objects: little, so that memory does not grow with their size. */
import type { NamespaceRow } from './console-model.ts';
import type { UnfinishedRollout } from '../objects/rollout.ts';
import type { SeenWorkload, WorkloadVerdict } from './judge-workload.ts';

export interface SeenNamespace {
  readonly name: string;
  readonly label: NamespaceRow['label'];
  /** Of a label whose value means nothing. */
  readonly labelValue?: string | undefined;
  /** The label that names a revision. */
  readonly revision?: string | undefined;
  readonly isEnding: boolean;
}

export interface BoardWorkload {
  readonly namespace: string;
  readonly kind: string;
  readonly name: string;
  /** resourceVersion: what has not changed is not judged anew. */
  readonly version: string;
  readonly seen: SeenWorkload;
  /** Since its last restart not all of its pods are as they are to be. */
  readonly unfinished?: UnfinishedRollout | undefined;
  /** Of a Job that a controller made: not a row of its own, but its pods are the controller's. */
  readonly madeBy?: { readonly kind: string; readonly name: string } | undefined;
}

export interface SeenPod {
  readonly namespace: string;
  readonly name: string;
  readonly version: string;
  /** Who made it, as its name and labels tell; a pod of its own names itself. */
  readonly root: { readonly kind: string; readonly name: string };
  /** The ReplicaSet that it is of, where the root is a guess from that one's name. */
  readonly replicaSet?: string | undefined;
  readonly isReady: boolean;
  readonly asks: boolean;
  readonly isInjected: boolean;
}

export interface Verdicts {
  readonly verdict: WorkloadVerdict | Unjudged;
  /** Of one of its pods. */
  readonly podVerdict: WorkloadVerdict | undefined;
}

/** It cannot be judged from here, and why. */
export interface Unjudged {
  readonly kind: 'unjudged';
  readonly why: { readonly id: string; readonly message: string };
  readonly templates: readonly [];
}

export function unjudged(id: string, message: string): Unjudged {
  return { kind: 'unjudged', why: { id, message }, templates: [] };
}

export function workloadId(namespace: string, kind: string, name: string): string {
  return `${namespace}/${kind}/${name}`;
}
