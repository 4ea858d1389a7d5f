/** How the workloads of a namespace divide by status: a bar, whose parts differ by pattern too, and the same in words. */
import type { VNode } from 'preact';
import type { CoverageCounts } from '../../console/console-model.ts';
import { coverageStatuses } from './console-place.ts';
import { askedOf, totalOf } from './coverage-rows.ts';
import { statusLooks } from './status-words.tsx';

export function ShareBar({ counts }: { readonly counts: CoverageCounts }): VNode {
  const total = totalOf(counts);
  const trouble = troubleWords(counts);
  return (
    <span class="share">
      <span class="share-bar" role="img" aria-label={wordsOf(counts)} title={wordsOf(counts)}>
        {coverageStatuses
          .filter((status) => counts[status] > 0)
          .map((status) => (
            <span
              key={status}
              class={`share-part part-${status}`}
              style={{ flexGrow: String(counts[status] / total) }}
            />
          ))}
      </span>
      {/* In its place where the page is narrow: the column that says it is not there. */}
      {trouble !== '' && (
        <span class="share-trouble" aria-hidden="true">
          {trouble}
        </span>
      )}
      <span class="share-words" aria-hidden="true">
        {shortWords(counts)}
      </span>
    </span>
  );
}

/** `12 of 14 injected`. */
function shortWords(counts: CoverageCounts): string {
  const asked = askedOf(counts);
  return asked === 0 ? 'none asks' : `${counts.injected} of ${asked} injected`;
}

function wordsOf(counts: CoverageCounts): string {
  const parts = coverageStatuses
    .filter((status) => counts[status] > 0)
    .map((status) => `${counts[status]} ${statusLooks[status].word}`);
  return parts.length === 0 ? 'no workloads' : parts.join(', ');
}

/** What needs somebody, in words: `1 refused, 2 missing`. */
export function troubleWords(counts: CoverageCounts): string {
  return (['refused', 'missing', 'stale', 'unknown'] as const)
    .filter((status) => counts[status] > 0)
    .map((status) => `${counts[status]} ${statusLooks[status].word}`)
    .join(', ');
}
