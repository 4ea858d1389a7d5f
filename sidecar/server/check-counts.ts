/** Counts the outcomes of checks by rule, for the metrics. */
import { outcomes, type AuthzOutcome } from '../authz/outcomes.ts';
import type { Tally } from '../authz/check-handler.ts';
import type { MetricFamily } from '#kernel/observe.ts';

type Counts = Record<AuthzOutcome, number>;

class RuleCounts implements Tally {
  // One entry for every outcome.
  readonly counts: Counts = Object.fromEntries(outcomes.map((one) => [one, 0])) as Counts;
  add(outcome: AuthzOutcome): void {
    this.counts[outcome] += 1;
  }
}

export class CheckCounts {
  /** Rules come from settings; the names of rules that a reload took away stay, since counters must not vanish. */
  readonly #byRule = new Map<string, RuleCounts>();

  tallyFor(rule: string): Tally {
    const present = this.#byRule.get(rule);
    if (present !== undefined) return present;
    const made = new RuleCounts();
    this.#byRule.set(rule, made);
    return made;
  }

  /** `allowed`, `passed` and `skipped` are always shown, refusals once they occurred. */
  family(): MetricFamily {
    const samples = [...this.#byRule].flatMap(([rule, { counts }]) =>
      outcomes
        .filter((outcome) => counts[outcome] > 0 || isUsual(outcome))
        .map((outcome) => ({ labels: { rule, outcome }, value: counts[outcome] })),
    );
    const help = 'Checks answered, by rule and outcome.';
    return { name: 'svidecar_checks_total', help, type: 'counter', samples };
  }
}

function isUsual(outcome: AuthzOutcome): boolean {
  return outcome === 'allowed' || outcome === 'passed' || outcome === 'skipped';
}
