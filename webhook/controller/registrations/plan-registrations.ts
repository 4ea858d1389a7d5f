/** What to write so that our entries of some namespaces become the wanted ones. A function of its input. */
import { sameJson } from '#kernel/json.ts';
import type { SpireEntry } from '../../identity/spire-entry.ts';
import type { WantedEntry } from '../../desired/registrations.ts';
import { graceOf } from '../grace.ts';

export type EntryStep =
  | { readonly kind: 'create'; readonly entry: SpireEntry }
  /** Of all fields: somebody may have changed any. */
  | { readonly kind: 'update'; readonly entry: SpireEntry }
  | { readonly kind: 'delete'; readonly id: string };

export interface EntryPlanInput {
  readonly wanted: readonly WantedEntry[];
  /** Those of the same namespaces whose names are ours. */
  readonly ours: readonly SpireEntry[];
  /** Id of an entry of others that SPIRE takes for the same. */
  readonly similar: (entry: SpireEntry) => string | undefined;
  /** Whether one that nobody wants may go: all lists are complete, and nothing is unclear in its namespace. */
  readonly mayDelete: (id: string) => boolean;
  /** Name → when it was first seen unwanted; the plan of the last look. */
  readonly unwantedSinceMs: ReadonlyMap<string, number>;
  readonly nowMs: number;
  readonly graceMs: number;
}

export interface EntryPlan {
  /** In this order: what goes may be in the way of what comes. */
  readonly steps: readonly EntryStep[];
  /** Wanted ones that others have made, with the id of theirs. */
  readonly foreign: readonly { readonly wanted: WantedEntry; readonly there: string }[];
  readonly unwantedSinceMs: ReadonlyMap<string, number>;
  /** When to look again although nothing changes. */
  readonly againInMs: number | undefined;
}

export function planRegistrations(input: EntryPlanInput): EntryPlan {
  const ours = new Map(input.ours.map((entry) => [entry.id, entry]));
  const foreign: EntryPlan['foreign'][number][] = [];
  const creates: EntryStep[] = [];
  const updates: EntryStep[] = [];
  for (const wanted of input.wanted) {
    const { entry } = wanted;
    const there = ours.get(entry.id);
    if (there !== undefined) {
      if (!isSameEntry(there, entry)) updates.push({ kind: 'update', entry });
      continue;
    }
    const similar = input.similar(entry);
    if (similar === undefined) creates.push({ kind: 'create', entry });
    else foreign.push({ wanted, there: similar });
  }
  const { steps, ...removal } = planRemoval(input);
  return { ...removal, steps: [...steps, ...updates, ...creates], foreign };
}

/** One that nobody wants goes after a grace: its workload may be about to come back. */
function planRemoval(input: EntryPlanInput): Omit<EntryPlan, 'foreign'> {
  const wanted = new Set(input.wanted.map(({ entry }) => entry.id));
  const unwanted = input.ours.filter(({ id }) => !wanted.has(id) && input.mayDelete(id));
  const { nowMs, graceMs } = input;
  const times = { sinceMs: input.unwantedSinceMs, nowMs, graceMs };
  const { over, sinceMs, againInMs } = graceOf(unwanted, ({ id }) => id, times);
  const steps = over.map(({ id }): EntryStep => ({ kind: 'delete', id }));
  return { steps, unwantedSinceMs: sinceMs, againInMs };
}

/** Compared before an update: SPIRE counts a revision for each, and agents then fetch it anew. */
export function isSameEntry(a: SpireEntry, b: SpireEntry): boolean {
  return sameJson({ ...a }, { ...b });
}
