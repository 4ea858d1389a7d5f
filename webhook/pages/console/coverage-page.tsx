/** Who has what they asked for: namespaces, worst first, down to the workload. */
import type { ComponentChildren, VNode } from 'preact';
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type {
  ClusterStanding,
  CoverageCounts,
  NamespaceRow,
  WorkloadRow,
} from '../../console/console-model.ts';
import { StatusBadge } from '../shared/status-badge.tsx';
import {
  coverageSorts,
  coverageStatuses,
  fragmentOf,
  type CoverageChoice,
  type CoverageSort,
} from './console-place.ts';
import { coverageList, totalOf, type CoverageList, type CoverageRow } from './coverage-rows.ts';
import { countOf, WorkloadLink, type PageProps } from './page-parts.tsx';
import { ShareBar, troubleWords } from './share-bar.tsx';
import { CoverageBadge, statusLooks } from './status-words.tsx';
import { VirtualGrid } from './virtual-grid.tsx';

interface CoverageProps extends PageProps {
  readonly choice: CoverageChoice;
}

export function CoveragePage({ state, choice, go }: CoverageProps): VNode {
  const { namespaces, workloads } = state;
  const list = useMemo(
    () => coverageList({ namespaces, workloads }, choice),
    [namespaces, workloads, fragmentOf({ page: 'coverage', choice })],
  );
  const choose = (change: Partial<CoverageChoice>): void => {
    go({ page: 'coverage', choice: { ...choice, ...change } });
  };
  return (
    <section aria-labelledby="coverage-title" class="page-fill">
      <h2 id="coverage-title" class="visually-hidden">
        Coverage
      </h2>
      <StatusChips counts={list.counts} choice={choice} choose={choose} />
      <CoverageTools choice={choice} choose={choose} list={list} />
      <CoverageGrid list={list} choice={choice} choose={choose} go={go} state={state} />
      <p class="muted keys">
        <kbd>/</kbd> filter · <kbd>↑</kbd> <kbd>↓</kbd> move · <kbd>→</kbd> <kbd>←</kbd> open and
        close · <kbd>Enter</kbd> choose · <kbd>Esc</kbd> back
      </p>
    </section>
  );
}

interface ChoiceProps {
  readonly choice: CoverageChoice;
  readonly choose: (change: Partial<CoverageChoice>) => void;
}

/** Counts of everything, which are the filter and the legend as well. */
function StatusChips({
  counts,
  choice,
  choose,
}: ChoiceProps & { readonly counts: CoverageCounts }): VNode {
  return (
    <div class="chips" role="group" aria-label="Show one status">
      <button
        type="button"
        class="chip"
        aria-pressed={choice.status === ''}
        onClick={() => {
          choose({ status: '' });
        }}
      >
        <b>{totalOf(counts).toLocaleString('en-GB')}</b> all
      </button>
      {coverageStatuses.map((status) => (
        <button
          key={status}
          type="button"
          class={`chip tone-${statusLooks[status].tone}`}
          aria-pressed={choice.status === status}
          title={statusLooks[status].means}
          onClick={() => {
            choose({ status: choice.status === status ? '' : status });
          }}
        >
          <span class={`chip-key part-${status}`} aria-hidden="true" />
          <b>{counts[status].toLocaleString('en-GB')}</b> {statusLooks[status].sign}{' '}
          {statusLooks[status].word}
        </button>
      ))}
    </div>
  );
}

const sortWords: Readonly<Record<CoverageSort, string>> = {
  trouble: 'most trouble first',
  share: 'least injected first',
  name: 'by name',
  size: 'largest first',
};

function CoverageTools({
  choice,
  choose,
  list,
}: ChoiceProps & { readonly list: CoverageList }): VNode {
  return (
    <div class="row tools">
      <FilterBox
        words={choice.words}
        label="Filter by namespace, kind or name"
        onWords={(words) => {
          choose({ words });
        }}
      />
      <label>
        Namespaces{' '}
        <select
          value={choice.sort}
          onChange={({ currentTarget }) => {
            choose({ sort: coverageSorts.find((each) => each === currentTarget.value) ?? 'name' });
          }}
        >
          {coverageSorts.map((sort) => (
            <option key={sort} value={sort}>
              {sortWords[sort]}
            </option>
          ))}
        </select>
      </label>
      <span class="muted" role="status">
        {countOf(list.shown, 'workload')}
        {choice.words === '' ? '' : ` with "${choice.words}"`}
      </span>
    </div>
  );
}

/** Milliseconds after the last letter. */
const typingMs = 120;

/** `/` goes there from anywhere, Esc empties it. */
export function FilterBox({
  words,
  label,
  onWords,
}: {
  readonly words: string;
  readonly label: string;
  readonly onWords: (words: string) => void;
}): VNode {
  const [typed, setTyped] = useState(words);
  const timer = useRef(0);
  useEffect(() => {
    setTyped(words);
  }, [words]);
  const tell = (next: string, afterMs: number): void => {
    setTyped(next);
    clearTimeout(timer.current);
    timer.current = window.setTimeout(() => {
      onWords(next);
    }, afterMs);
  };
  return (
    <label class="filter">
      <span class="visually-hidden">{label}</span>
      <input
        type="search"
        data-filter=""
        placeholder={`${label}  ( / )`}
        value={typed}
        onInput={({ currentTarget }) => {
          tell(currentTarget.value, typingMs);
        }}
        onKeyDown={(event) => {
          if (event.key !== 'Escape' || typed === '') return;
          event.preventDefault();
          event.stopPropagation();
          tell('', 0);
        }}
      />
    </label>
  );
}

const heads = ['Namespace or workload', 'State', 'Size', 'What about it'];

/** Pixels: two lines where the page is narrow. */
const rowHeights = { wide: 40, narrow: 72 };
const narrowPage = matchMedia('(max-width: 700px)');

function CoverageGrid({
  list,
  choice,
  choose,
  go,
  state,
}: ChoiceProps & PageProps & { readonly list: CoverageList }): VNode {
  const toggle = (row: CoverageRow): void => {
    if (row.kind === 'namespace') choose({ open: row.id === choice.open ? '' : row.id });
  };
  return (
    <VirtualGrid
      label="Namespaces and their workloads"
      heads={heads}
      rows={list.rows}
      showing={choice.open}
      rowHeight={narrowPage.matches ? rowHeights.narrow : rowHeights.wide}
      empty={emptyWords(state.cluster, choice)}
      toggle={toggle}
      choose={(row) => {
        if (row.kind === 'namespace') toggle(row);
        else go(placeOfRow(row.workload));
      }}
      cells={(row) =>
        row.kind === 'namespace' ? namespaceCells(row) : workloadCells(row.workload)
      }
    />
  );
}

function emptyWords(
  cluster: ClusterStanding | undefined,
  { words, status }: CoverageChoice,
): string {
  if (words !== '' || status !== '') return 'Nothing fits. Esc in the filter shows all again.';
  if (cluster?.connection !== 'connected') return 'The cluster is being read…';
  if (cluster.missingRights?.hidesWorkloads === true)
    return 'Nothing that you may read is here: see above what you may not.';
  // Of a namespace that is there, and may be read, there is a row.
  return cluster.namespace === undefined || cluster.missingRights !== undefined
    ? 'There are no workloads here.'
    : `There is no namespace ${cluster.namespace} any more.`;
}

function placeOfRow({ namespace, kind, name }: WorkloadRow) {
  return { page: 'workload', namespace, kind, name, part: 'story' } as const;
}

type NamespaceCells = Extract<CoverageRow, { readonly kind: 'namespace' }>;

function namespaceCells(row: NamespaceCells): readonly ComponentChildren[] {
  const { namespace, counts, total, isOpen } = row;
  const trouble = troubleWords(counts);
  return [
    <span class="name">
      <span aria-hidden="true" class="twist">
        {isOpen ? '▾' : '▸'}
      </span>{' '}
      <b>{namespace.name}</b> <LabelBadge namespace={namespace} />
    </span>,
    total === 0 ? <span class="muted">no workloads</span> : <ShareBar counts={counts} />,
    <span class="muted">{countOf(total, 'workload')}</span>,
    trouble === '' ? <span class="muted">nothing to do</span> : trouble,
  ];
}

const labelWords: Readonly<Record<NamespaceRow['label'], string>> = {
  enabled: 'enabled',
  pod: 'pods only',
  none: 'no label',
  unknown: 'label unknown',
};

function LabelBadge({ namespace }: { readonly namespace: NamespaceRow }): VNode {
  if (namespace.isEnding) return <StatusBadge tone="warn">being deleted</StatusBadge>;
  return (
    <span
      class="tag"
      title="label svidecar.dev/injection of the namespace: enabled, or pod for its pods alone"
    >
      {namespace.labelValue === undefined
        ? labelWords[namespace.label]
        : `label "${namespace.labelValue}"?`}
    </span>
  );
}

function workloadCells(row: WorkloadRow): readonly ComponentChildren[] {
  const { kind, name, status, pods, why, templates } = row;
  return [
    <span class="name">
      <span class="muted">{kind}</span> <WorkloadLink id={row.id}>{name}</WorkloadLink>
    </span>,
    <CoverageBadge status={status} />,
    <span>{podWords(pods)}</span>,
    <span title={why?.message}>{why?.message ?? templates.join(', ')}</span>,
  ];
}

/** `3 of 4 pods`: how many are injected. */
function podWords({ total, injected }: WorkloadRow['pods']): string {
  return total === 0 ? 'no pods' : `${injected} of ${countOf(total, 'pod')}`;
}
