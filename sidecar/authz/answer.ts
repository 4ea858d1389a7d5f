/** An answer as a rule gives it: the bytes for Envoy and what became of the check. */
import type { RefusalReason } from '../jwt/token-ports.ts';
import { refusalWords, type AuthzOutcome, type RuleRefusal } from './outcomes.ts';
import { denial } from './write-answer.ts';

export interface CheckAnswer {
  /** A CheckResponse; shared between checks, so nobody may write to it. */
  readonly bytes: Buffer;
  readonly outcome: AuthzOutcome;
}

/** One prepared refusal for each reason. */
export type Refusals = Readonly<Record<RuleRefusal | RefusalReason, CheckAnswer>>;

/** Refusals that a later attempt may not meet: the client may try again. */
const temporary: ReadonlySet<AuthzOutcome> = new Set<AuthzOutcome>(['no_token_yet']);

/** @param speaker begins each body: the rule's name, or the helper's where no rule was found. */
export function refusalsOf(speaker: string): Refusals {
  const entries = Object.entries(refusalWords).map(([reason, words]) => {
    // The keys of a complete record are the members of its key type.
    const outcome = reason as RuleRefusal | RefusalReason;
    return [outcome, refusal({ speaker, outcome, words })] as const;
  });
  // One entry was made for every key.
  return Object.fromEntries(entries) as Refusals;
}

/** A refusal with words of its own. */
export function refusal(told: {
  readonly speaker: string;
  readonly outcome: AuthzOutcome;
  readonly words: string;
}): CheckAnswer {
  const { speaker, outcome, words } = told;
  const bytes = denial({
    status: temporary.has(outcome) ? 503 : 403,
    body: `${speaker}: ${words}\n`,
    metadata: { rule: speaker, refused: outcome },
  });
  return { bytes, outcome };
}
