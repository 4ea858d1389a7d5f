/** What became of a workload, in a few words: in the terminal, and on pages. */
import type { ExplainedWorkload } from './explain-texts.ts';

/** `quiet`: it asks for nothing, or nothing is to be done. */
type Tone = 'good' | 'change' | 'quiet' | 'bad';

interface VerdictWords {
  readonly words: string;
  readonly tone: Tone;
}

const verdicts: Readonly<Record<ExplainedWorkload['decision']['kind'], VerdictWords>> = {
  injected: { words: 'will be injected', tone: 'good' },
  uninjected: { words: 'will be un-injected', tone: 'change' },
  unchanged: { words: 'stays as it is', tone: 'good' },
  skipped: { words: 'is left alone', tone: 'quiet' },
  refused: { words: 'is refused', tone: 'bad' },
};

export function verdictWords(decision: ExplainedWorkload['decision']): VerdictWords {
  if (decision.kind !== 'skipped') return verdicts[decision.kind];
  if (decision.reason === 'namespace_not_labelled')
    return { words: 'is not changed: its namespace lacks the label', tone: 'change' };
  if (decision.reason === 'namespace_pods_only')
    return { words: 'stays as it is; its pods will be injected', tone: 'good' };
  return verdicts.skipped;
}
