/** Whatever SPIRE has: our entries become the wanted ones, and nobody else's is touched. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { WantedEntry } from '../../webhook/desired/registrations.ts';
import { entryIdentity, entryName, namespaceOfEntry } from '../../webhook/identity/entry-name.ts';
import type { SpireEntry } from '../../webhook/identity/spire-entry.ts';
import {
  planRegistrations,
  type EntryPlan,
} from '../../webhook/controller/registrations/plan-registrations.ts';
import { SpireView } from '../../webhook/controller/registrations/spire-view.ts';
import { FakeSpire } from '../fakes/fake-spire.ts';
import { spireEntry } from '../fakes/spire-entry-fake.ts';

const { signal } = new AbortController();
const namespace = 'shop';
const names = fc.constantFrom('a', 'b', 'c');

const contents = fc.record({
  account: names,
  parent: fc.constantFrom('node', 'other'),
  selectors: fc.uniqueArray(names, { minLength: 1 }),
  hint: fc.constantFrom('', 'h'),
  ttl: fc.constantFrom(0, 60),
  isAdmin: fc.boolean(),
});

function entryFrom(made: typeof contents extends fc.Arbitrary<infer T> ? T : never): SpireEntry {
  const parts = {
    spiffeId: `spiffe://example.org/ns/shop/sa/${made.account}`,
    parentId: `spiffe://example.org/${made.parent}`,
    selectors: made.selectors.map((name) => `k8s:${name}`).sort(),
  };
  return spireEntry({
    id: entryName('', namespace, parts),
    ...parts,
    hint: made.hint,
    x509SvidTtlS: made.ttl,
    jwtSvidTtlS: made.ttl,
    isAdmin: made.isAdmin,
  });
}

const entries = fc.array(contents.map(entryFrom), { maxLength: 6 });
const wantedEntries = entries.map((all): readonly WantedEntry[] =>
  [...new Map(all.map((entry) => [entry.id, entry])).values()].map((entry) => ({
    namespace,
    entry: { ...entry, isAdmin: false },
    workloads: [],
  })),
);
/** Entries of others, some of them as we would make them; and ours, some of them changed by somebody. */
const existing = fc.record({
  foreign: entries.map((all) =>
    all.map((entry, index) => ({
      ...entry,
      id: index % 2 === 0 ? `hand-${index}` : `svidecar-blue.shop.${'0'.repeat(31)}${index}`,
    })),
  ),
  ours: entries,
  tampered: fc.array(fc.tuple(contents.map(entryFrom), contents.map(entryFrom)), { maxLength: 3 }),
});

async function spireWith(
  there: typeof existing extends fc.Arbitrary<infer T> ? T : never,
): Promise<FakeSpire> {
  const spire = new FakeSpire();
  await spire.api.createEntries(there.foreign, signal);
  await spire.api.createEntries(there.ours, signal);
  const changed = there.tampered.map(([named, says]) => ({ ...says, id: named.id }));
  await spire.api.updateEntries(changed, signal);
  return spire;
}

async function planFor(
  spire: FakeSpire,
  wanted: readonly WantedEntry[],
  more: { readonly mayDelete?: boolean; readonly before?: EntryPlan; readonly nowMs?: number } = {},
): Promise<EntryPlan> {
  const nobody = new Set<string>();
  const facts = { trustDomain: 'example.org', federated: nobody, agents: [], privileged: nobody };
  const view = new SpireView(facts, await spire.api.listEntries(signal), '');
  return planRegistrations({
    wanted,
    ours: view.ours(namespace),
    similar: (entry) => view.similar(entry),
    mayDelete: () => more.mayDelete ?? true,
    unwantedSinceMs: more.before?.unwantedSinceMs ?? new Map(),
    nowMs: more.nowMs ?? 0,
    graceMs: 100,
  });
}

async function carryOut(spire: FakeSpire, { steps }: EntryPlan): Promise<void> {
  for (const step of steps) {
    if (step.kind === 'delete') await spire.api.deleteEntries([step.id], signal);
    else if (step.kind === 'update') await spire.api.updateEntries([step.entry], signal);
    else await spire.api.createEntries([step.entry], signal);
  }
}

function foreignOf(spire: FakeSpire): readonly SpireEntry[] {
  return [...spire.entries.values()].filter(({ id }) => namespaceOfEntry('', id) === undefined);
}

test('a few plans bring our entries to what is wanted, the next is empty, and others stay as they were', async () => {
  await fc.assert(
    fc.asyncProperty(existing, wantedEntries, async (there, wanted) => {
      const spire = await spireWith(there);
      const foreign = foreignOf(spire);
      let plan = await planFor(spire, wanted);
      // Entries of ours that were changed may stand in one another's way: each plan frees at least one.
      for (let round = 1; round <= 10; round += 1) {
        for (const step of plan.steps)
          expect(namespaceOfEntry('', step.kind === 'delete' ? step.id : step.entry.id)).toBe(
            namespace,
          );
        await carryOut(spire, plan);
        plan = await planFor(spire, wanted, { before: plan, nowMs: round * 100 });
      }
      expect(plan.steps).toEqual([]);
      expect(foreignOf(spire)).toEqual(foreign);
      const taken = new Set(foreign.map(entryIdentity));
      const due = wanted.filter(({ entry }) => !taken.has(entryIdentity(entry)));
      const ours = [...spire.entries.values()].filter((entry) => !foreign.includes(entry));
      expect(ours.map(({ id }) => id).sort()).toEqual(due.map(({ entry }) => entry.id).sort());
      for (const { entry } of due) expect(spire.entries.get(entry.id)).toEqual(entry);
    }),
    { numRuns: 300 },
  );
});

test('nothing is deleted before its grace is over, or while a list is not complete', async () => {
  await fc.assert(
    fc.asyncProperty(existing, wantedEntries, async (there, wanted) => {
      const spire = await spireWith(there);
      const first = await planFor(spire, wanted);
      expect(first.steps.some(({ kind }) => kind === 'delete')).toBe(false);
      const early = await planFor(spire, wanted, { before: first, nowMs: 99 });
      expect(early.steps.some(({ kind }) => kind === 'delete')).toBe(false);
      expect(early.againInMs).toBe(early.unwantedSinceMs.size === 0 ? undefined : 1);
      const unsure = await planFor(spire, wanted, { before: first, nowMs: 1e6, mayDelete: false });
      expect(unsure.steps.some(({ kind }) => kind === 'delete')).toBe(false);
      expect(unsure.unwantedSinceMs.size).toBe(0);
      const due = await planFor(spire, wanted, { before: first, nowMs: 100 });
      expect(due.steps.filter(({ kind }) => kind === 'delete')).toHaveLength(
        first.unwantedSinceMs.size,
      );
    }),
    { numRuns: 200 },
  );
});
