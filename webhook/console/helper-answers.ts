/** What a helper has answered since its start, from its metrics: counts by rule and outcome, and nothing of who asked. */
import { own } from '#kernel/members.ts';
import { refusalTexts } from '../../sidecar/config/refusal-texts.ts';
import type { HelperAnswers } from './console-model.ts';

/** Of one helper; whoever writes the pod can write the page too. */
const maxSamples = 500;
const sample = /^svidecar_checks_total\{([^}]*)\} (\d+)$/;
const label = /(\w+)="([^"]*)"/g;

/** @param metrics the page; other lines do not matter. @see Prometheus, "Text-based format" */
export function helperAnswers(metrics: string): readonly HelperAnswers[] {
  return metrics
    .split('\n')
    .flatMap((line): readonly HelperAnswers[] => {
      const [, labels, count] = sample.exec(line) ?? [];
      if (labels === undefined) return [];
      const byName = new Map([...labels.matchAll(label)].map(([, name, value]) => [name, value]));
      const outcome = byName.get('outcome') ?? '';
      return [
        {
          rule: byName.get('rule') ?? '',
          outcome,
          count: Number(count),
          ...meaningOf(outcome),
        },
      ];
    })
    .slice(0, maxSamples);
}

function meaningOf(outcome: string): Pick<HelperAnswers, 'isRefusal' | 'words'> {
  const words = own(refusalTexts, outcome);
  return words === undefined ? { isRefusal: false } : { isRefusal: true, words };
}
