/** Where a workload stands: the engine's verdict, its namespace's label and its pods put together. */
import type {
  CoverageCounts,
  CoverageStatus,
  HookStanding,
  NamespaceRow,
  WorkloadPods,
  WorkloadRow,
} from './console-model.ts';
import type { Verdicts } from './board-entries.ts';
import type { SeenWorkload, WorkloadVerdict } from './judge-workload.ts';

export interface StandingFacts {
  readonly seen: Pick<SeenWorkload, 'asks' | 'isInjected'>;
  /** Undefined until it has been judged. */
  readonly verdict: Verdicts['verdict'] | undefined;
  readonly label: NamespaceRow['label'];
  /** Of a namespace whose label has a value that means nothing. */
  readonly labelValue?: string | undefined;
  readonly hooks: HookStanding;
  readonly isPod: boolean;
  readonly pods: WorkloadPods;
  /** Of one of its injected pods, where the workload itself stays as it is. */
  readonly podVerdict: WorkloadVerdict | undefined;
}

/** What a row says of it. */
export type RowStanding = Pick<WorkloadRow, 'status' | 'why'>;

/** Every status once, in the order in which they are shown. */
const coverageStatuses: readonly CoverageStatus[] = [
  'refused',
  'missing',
  'stale',
  'injected',
  'left_alone',
  'unknown',
  'not_asked',
];

export function standingOf(facts: StandingFacts): RowStanding {
  const { seen, verdict } = facts;
  if (!seen.asks && !seen.isInjected) return { status: 'not_asked' };
  if (verdict === undefined)
    return standing('unknown', { id: 'being_judged', message: 'is being looked at' });
  if (verdict.kind === 'unjudged') return standing('unknown', verdict.why);
  return judged(facts, verdict);
}

function judged(facts: StandingFacts, verdict: WorkloadVerdict): RowStanding {
  const { seen, pods } = facts;
  switch (verdict.kind) {
    case 'refused':
      return standing('refused', verdict.why);
    case 'uninjected':
      return standing('stale', verdict.why);
    case 'skipped':
      return standing(seen.asks ? 'left_alone' : 'not_asked', verdict.why);
    case 'unchanged':
      return pods.total > pods.injected ? podsWithout(facts) : standing('injected', verdict.why);
    case 'injected':
      return seen.isInjected ? staleFor(verdict) : notYet(facts, verdict);
    default:
      return verdict.kind satisfies never;
  }
}

const stale: RowStanding = {
  status: 'stale',
  why: { id: 'injected', message: "was injected with other settings than today's" },
};

/** The workload itself is stored as it was written. */
const stalePods: RowStanding = {
  status: 'stale',
  why: { id: 'pods_injected', message: "its pods were injected with other settings than today's" },
};

function staleFor({ why }: WorkloadVerdict): RowStanding {
  return why?.id === 'other_revision' ? standing('stale', why) : stale;
}

/** It would be injected, and is stored without. */
function notYet(facts: StandingFacts, verdict: WorkloadVerdict): RowStanding {
  const { label, labelValue, isPod, pods, hooks } = facts;
  if (hooks === 'none') return notInstalled;
  if (label === 'none') return missing('namespace_not_labelled', labelWords(labelValue));
  if (label === 'pod' && !isPod) return byPods(facts, verdict);
  if (pods.total > pods.injected) return podsWithout(facts);
  return missing('stored_without', storedWords(facts));
}

/** Why {@link CoverageStatus} is `missing` where a restart would change nothing. */
const restartInVain: ReadonlySet<string> = new Set(['not_installed', 'namespace_not_labelled']);

/** Whether the webhook would see the workload, as far as that is known. */
export function isInVain({ why }: Pick<WorkloadRow, 'why'>): boolean {
  return why !== undefined && restartInVain.has(why.id);
}

const notInstalled: RowStanding = {
  status: 'missing',
  why: {
    id: 'not_installed',
    message: 'svidecar is not installed in this cluster: no hook of it is there',
  },
};

/** What a label would have to be. */
function labelWords(value: string | undefined): string {
  return value === undefined
    ? 'its namespace has no label svidecar.dev/injection, so the webhook sees nothing of it'
    : `its namespace has svidecar.dev/injection: "${value}", which is neither "enabled" nor "pod", so the webhook sees nothing of it`;
}

function storedWords({ hooks, label, isPod }: StandingFacts): string {
  const how = isPod
    ? 'asked for injection and runs without it'
    : 'was stored without its injection';
  if (hooks === 'unknown')
    return `${how}; whether svidecar is installed is not known, since its hooks may not be read`;
  if (label === 'unknown')
    return `${how}; whether the webhook sees it is not known, since its namespace may not be read`;
  return isPod
    ? how
    : `${how}, before the webhook or its label was there; its new pods are injected all the same`;
}

/** The workload stays as it is: its pods are injected when they are created. */
function byPods(facts: StandingFacts, verdict: WorkloadVerdict): RowStanding {
  const { pods, podVerdict } = facts;
  if (pods.total > pods.injected) return podsWithout(facts);
  if (podVerdict?.kind === 'injected') return stalePods;
  return standing('injected', podVerdict?.why ?? verdict.why);
}

function podsWithout({ pods: { total, injected }, hooks }: StandingFacts): RowStanding {
  if (hooks === 'none') return notInstalled;
  return missing('pods_without', `${total - injected} of ${total} pods run without it`);
}

function missing(id: string, message: string): RowStanding {
  return standing('missing', { id, message });
}

function standing(status: CoverageStatus, why: RowStanding['why']): RowStanding {
  return why === undefined ? { status } : { status, why };
}

function emptyCounts(): Record<CoverageStatus, number> {
  // Built from the list of all of them.
  return Object.fromEntries(coverageStatuses.map((each) => [each, 0])) as Record<
    CoverageStatus,
    number
  >;
}

/** How many of each there are. */
export function countsOf(rows: Iterable<Pick<WorkloadRow, 'status'>>): CoverageCounts {
  const counts = emptyCounts();
  for (const { status } of rows) counts[status] += 1;
  return counts;
}
