/** A decision becomes the bytes that Envoy gets: once for each decision that is a value kept by its rule. */
import type { RefuseOutcome } from './outcomes.ts';
import type { RuleDecision } from './rule-decision.ts';
import { allowance, denial } from './write-answer.ts';

/** Refusals that a later attempt may not meet: the client may try again. */
const temporary: ReadonlySet<RefuseOutcome> = new Set<RefuseOutcome>(['no_token_yet']);

/**
 * Answers in the name of a rule, or of the helper where no rule was found. The same decision has the same bytes, which
 * are shared between checks: nobody may write to them.
 * @param speaker begins the body of a refusal, and is `rule` in the metadata
 */
export function answersOf(speaker: string): (decision: RuleDecision) => Buffer {
  const written = new WeakMap<RuleDecision, Buffer>();
  // Most checks are decided as the one before was: for them this costs one comparison, and no look-up.
  let last: RuleDecision | undefined;
  let lastBytes: Buffer = Buffer.alloc(0);
  return (decision) => {
    if (decision === last) return lastBytes;
    let bytes = written.get(decision);
    if (bytes === undefined) {
      bytes = answerTo(decision, speaker);
      written.set(decision, bytes);
    }
    last = decision;
    lastBytes = bytes;
    return bytes;
  };
}

function answerTo(decision: RuleDecision, rule: string): Buffer {
  switch (decision.kind) {
    case 'allow': {
      const { set, remove, metadata } = decision;
      return allowance({ set, remove, metadata: metadata && { rule, ...metadata } });
    }
    case 'refuse': {
      const { outcome, words, body, metadata } = decision;
      return denial({
        status: temporary.has(outcome) ? 503 : 403,
        body: body ?? `${rule}: ${words}\n`,
        metadata: { rule, refused: outcome, ...metadata },
      });
    }
    default:
      return decision satisfies never;
  }
}
