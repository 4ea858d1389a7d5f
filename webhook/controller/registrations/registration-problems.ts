/** Sentences about registrations that are not as they should be, for events on the workloads. */
import { printable } from '#kernel/text.ts';
import type { OwnerReference } from '../../desired/desired.ts';
import type {
  RegistrationProblem,
  WantedEntry,
  WantedRegistrations,
} from '../../desired/registrations.ts';
import type { RefusedItem } from './entry-writer.ts';
import type { EntryPlan } from './plan-registrations.ts';

/** What a namespace's last look found, and what SPIRE would not take since. */
export function problemsOf(
  { wanted, plan }: { readonly wanted: WantedRegistrations; readonly plan: EntryPlan },
  refusal: (id: string) => RefusedItem | undefined,
): readonly RegistrationProblem[] {
  const refused = wanted.entries.flatMap((each) => {
    const found = refusal(each.entry.id);
    return found === undefined ? [] : [refusedProblem(each, found)];
  });
  const foreign = plan.foreign.map(({ wanted: { entry, workloads }, there }) =>
    foreignProblem(entry.spiffeId, there, workloads),
  );
  return [...wanted.problems, ...refused, ...foreign];
}

function refusedProblem(
  { entry, workloads }: WantedEntry,
  { code, words }: RefusedItem,
): RegistrationProblem {
  const message = `SPIRE's server does not take the entry ${entry.id} for ${entry.spiffeId}: ${printable(words)} (${code}); it is tried again later and later. See the server's log`;
  return { reason: 'RegistrationAwaited', message, workloads };
}

function foreignProblem(
  spiffeId: string,
  id: string,
  workloads: readonly OwnerReference[],
): RegistrationProblem {
  const message = `the entry ${printable(id)}, which is not svidecar's, registers it as ${spiffeId} already: svidecar leaves it alone, and its federation and lives are what that entry says. Delete it to have svidecar make its own`;
  return { reason: 'RegistrationForeign', message, workloads };
}

/** Of workloads that have an entry or none: SPIRE could not be asked yet. */
export function openProblem({
  workloads,
}: Pick<RegistrationProblem, 'workloads'>): RegistrationProblem {
  const message =
    "whether it is registered in SPIRE is not known, because SPIRE's server has not taken svidecar's calls yet; its helper gets no identity if it is not. An entry that is there stays, and one that is not is made as soon as the server answers: the events in svidecar's own namespace say what is wrong";
  return { reason: 'RegistrationAwaited', message, workloads };
}

/** Of workloads that have no entry while SPIRE does not answer. */
export function awaitedProblem(missing: readonly WantedEntry[]): RegistrationProblem {
  const message =
    "it is not registered in SPIRE yet, because SPIRE's server does not take svidecar's calls; its helper gets no identity until then. It is made as soon as the server answers: the events in svidecar's own namespace say what is wrong";
  return {
    reason: 'RegistrationAwaited',
    message,
    workloads: missing.flatMap(({ workloads }) => workloads),
  };
}

export function spireProblem(fault: string, object: OwnerReference): RegistrationProblem {
  const message = `the registrations in SPIRE are not kept up: ${fault}. Those that are there stay; new workloads wait for theirs`;
  return { reason: 'RegistrationAwaited', message, workloads: [object] };
}
