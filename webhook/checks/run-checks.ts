/** Runs checks over facts. Pure; the same facts give the same report. */
import { onceFor } from '#kernel/once.ts';
import { askersIn, assess, concernsUs } from './assess.ts';
import { catalogue } from './catalogue.ts';
import type {
  Category,
  Check,
  CheckId,
  Finding,
  Material,
  CheckOutcome,
} from './check-contract.ts';
import { subjectsOf, type ClusterFacts } from './facts.ts';
import { workloadIdentities, type IdentityChain } from './workload-identities.ts';

/** `skipped`: nothing to check, or nothing that can be seen from here. `unknown`: it could not be read. */
export type CheckStatus = 'ok' | 'warning' | 'error' | 'unknown' | 'skipped';

export interface CheckResult {
  readonly id: CheckId;
  readonly category: Category;
  readonly claim: string;
  readonly why: string;
  readonly status: CheckStatus;
  readonly findings: readonly Finding[];
  /** Why something is unknown or skipped, and what else is worth knowing; possible beside findings. */
  readonly reasons: readonly string[];
}

export interface Report {
  readonly checks: readonly CheckResult[];
  /** Workloads and pods with one of our keys that were checked. */
  readonly examined: number;
}

/**
 * In the order of the catalogue; for files only what files can show.
 * @param onCheck called before each check
 * @param assessed of {@link askersIn}, where that was done before
 */
export function runChecks(
  facts: ClusterFacts,
  onCheck?: (id: CheckId) => void,
  assessed = assess(facts, askersIn(facts)),
): Report {
  const users = askersIn(facts);
  const identitiesOf = onceFor(() => workloadIdentities(facts, assessed));
  const identities = (): readonly IdentityChain[] => identitiesOf(facts);
  const checks = catalogue
    .filter((check) => check.offline || facts.origin === 'cluster')
    .map((check) => {
      onCheck?.(check.id);
      return runOne(check, facts, { assessed, identities });
    });
  return { checks, examined: users.filter(({ object }) => concernsUs(object)).length };
}

function runOne(
  check: Check,
  facts: ClusterFacts,
  { assessed, identities }: Pick<Material, 'assessed' | 'identities'>,
): CheckResult {
  const readings = check.reads.map((name) => facts.objects[name]);
  const unread = [...new Set(readings.flatMap((each) => ('reasons' in each ? each.reasons : [])))];
  const isBlind = readings.some(({ kind }) => kind === 'unknown');
  const material: Material = {
    facts,
    assessed,
    identities,
    objects: (name) => subjectsOf(facts.objects[name]),
  };
  const outcome = isBlind ? { findings: [] } : check.run(material);
  return resultOf(check, outcome, unread);
}

function resultOf(check: Check, outcome: CheckOutcome, unread: readonly string[]): CheckResult {
  const { id, category, claim, why } = check;
  const { findings, skipped } = outcome;
  const faults = [...unread, ...(outcome.unread ?? [])];
  return {
    id,
    category,
    claim,
    why,
    findings,
    status: statusOf(findings, faults.length > 0, skipped !== undefined),
    reasons: [...faults, ...(outcome.notes ?? []), ...(skipped === undefined ? [] : [skipped])],
  };
}

function statusOf(
  findings: readonly Finding[],
  isUnknown: boolean,
  isSkipped: boolean,
): CheckStatus {
  if (findings.some(({ severity }) => severity === 'error')) return 'error';
  if (findings.length > 0) return 'warning';
  if (isUnknown) return 'unknown';
  return isSkipped ? 'skipped' : 'ok';
}
