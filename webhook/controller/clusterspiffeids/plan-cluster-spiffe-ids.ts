/** What to write so that our ClusterSPIFFEID objects become the wanted ones. A function of its input. */
import { sameJson, type JsonObject } from '#kernel/json.ts';
import type { WantedClusterSpiffeId } from '../../desired/cluster-spiffe-ids.ts';
import { graceOf } from '../grace.ts';

/** One that is stored under a name that could be ours. */
export interface StoredClusterSpiffeId {
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion: string;
  /** Whether it has our label. */
  readonly isManaged: boolean;
  readonly metadata: JsonObject;
  readonly spec: JsonObject;
}

export type ClusterSpiffeIdStep =
  | { readonly kind: 'create'; readonly wanted: WantedClusterSpiffeId }
  /** The whole of it: a member that somebody added would stay otherwise, and could be `admin`. */
  | {
      readonly kind: 'replace';
      readonly wanted: WantedClusterSpiffeId;
      readonly metadata: JsonObject;
    }
  | {
      readonly kind: 'remove';
      readonly name: string;
      readonly uid: string;
      readonly resourceVersion: string;
    };

export interface ClusterSpiffeIdPlanInput {
  readonly wanted: readonly WantedClusterSpiffeId[];
  readonly stored: readonly StoredClusterSpiffeId[];
  /** Whether all that could want one is known. */
  readonly mayRemove: boolean;
  /** Name → when it was first seen unwanted; of the last plan. */
  readonly unwantedSinceMs: ReadonlyMap<string, number>;
  readonly nowMs: number;
  readonly graceMs: number;
}

export interface ClusterSpiffeIdPlan {
  readonly steps: readonly ClusterSpiffeIdStep[];
  /** Names of ours that somebody else's objects have. */
  readonly taken: readonly string[];
  readonly unwantedSinceMs: ReadonlyMap<string, number>;
  /** When to look again although nothing changes. */
  readonly againInMs: number | undefined;
}

export function planClusterSpiffeIds(input: ClusterSpiffeIdPlanInput): ClusterSpiffeIdPlan {
  const stored = new Map(input.stored.map((each) => [each.name, each]));
  const taken: string[] = [];
  const writes: ClusterSpiffeIdStep[] = [];
  for (const wanted of input.wanted) {
    const there = stored.get(wanted.name);
    if (there === undefined) writes.push({ kind: 'create', wanted });
    else if (!there.isManaged) taken.push(wanted.name);
    else if (!sameJson(there.spec, wanted.spec))
      writes.push({ kind: 'replace', wanted, metadata: there.metadata });
  }
  const { steps, ...removal } = planRemoval(input);
  // What comes first is there before what goes: pods between two objects keep their entries.
  return { ...removal, steps: [...writes, ...steps], taken };
}

/** One that nobody wants goes after a grace: its pods may be about to end, or to come back. */
function planRemoval(input: ClusterSpiffeIdPlanInput): Omit<ClusterSpiffeIdPlan, 'taken'> {
  const wanted = new Set(input.wanted.map(({ name }) => name));
  const unwanted = input.stored.filter(
    ({ name, isManaged }) => !wanted.has(name) && isManaged && input.mayRemove,
  );
  const { nowMs, graceMs } = input;
  const times = { sinceMs: input.unwantedSinceMs, nowMs, graceMs };
  const { over, sinceMs, againInMs } = graceOf(unwanted, ({ name }) => name, times);
  const steps = over.map(({ name, uid, resourceVersion }): ClusterSpiffeIdStep => ({
    kind: 'remove',
    name,
    uid,
    resourceVersion,
  }));
  return { steps, unwantedSinceMs: sinceMs, againInMs };
}
