import type { JsonObject } from '#kernel/json.ts';

/** Whether there is such a resource at all, and whether it may be read. */
export type Availability = 'there' | 'absent' | 'forbidden';

/** One resource to follow. Objects are slimmed as soon as they are parsed. */
export interface FollowedResource<Entry> {
  /** As in RBAC and in messages: `configmaps`. */
  readonly name: string;
  /** Path of the list over all namespaces. */
  readonly path: string;
  /** Query that narrows it, if any. */
  readonly selector?: string;
  /** Undefined when the object is of no interest. */
  readonly slim: (object: JsonObject) => Entry | undefined;
  /** Limits what one list accumulates; a new one for each list. */
  readonly sifter?: () => (entry: Entry) => Entry;
  /** @param version resourceVersion of the list */
  readonly replace: (entries: readonly Entry[], version: string) => void;
  readonly put: (entry: Entry) => void;
  readonly drop: (namespace: string, name: string) => void;
  /**
   * Of a resource that a cluster need not have: called when that changes. While it is not there, it is looked for now and then,
   * and nothing of it is held. Absent: the resource belongs to every cluster.
   */
  readonly available?: (now: Availability) => void;
}
