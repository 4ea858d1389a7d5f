import type { JsonObject } from '#kernel/json.ts';

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
}
