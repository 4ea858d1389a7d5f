/** The decision about each workload, step by step. */
import { printable } from '#kernel/text.ts';
import type { VNode } from 'preact';
import { FirstItems } from '../shared/first-items.tsx';
import { StatusBadge, type Tone } from '../shared/status-badge.tsx';
import type { ToldProblem, WorkbenchResult } from '../../workbench/workbench-model.ts';
import type { ShownPlace } from './workbench-input.ts';

type ShownRecord = WorkbenchResult['records'][number];

const verdicts: Readonly<Record<ShownRecord['decision'], readonly [Tone, string]>> = {
  injected: ['good', 'will be injected'],
  uninjected: ['warn', 'will be un-injected'],
  unchanged: ['good', 'stays as it is'],
  skipped: ['quiet', 'is left alone'],
  refused: ['bad', 'is refused'],
};

function verdictOf({ decision, reason }: ShownRecord): readonly [Tone, string] {
  return reason === 'kind_not_changed' ? ['warn', 'is not changed here'] : verdicts[decision];
}

export function DecisionList({
  result,
  goTo,
}: {
  readonly result: WorkbenchResult;
  readonly goTo: (place: ShownPlace) => void;
}): VNode {
  const { records, problems } = result;
  const refused = new Set(
    records.map(({ file, line, message }) => `${file}:${line}: ${message ?? ''}`),
  );
  // Refusals stand below, with their workload.
  const others = problems.filter(({ message }) => !refused.has(message));
  return (
    <>
      <ProblemList problems={others} />
      {records.length === 0 && others.length === 0 ? (
        <p>There is no workload: nothing here has a pod template that svidecar knows.</p>
      ) : undefined}
      <FirstItems
        items={records}
        render={(record, at) => (
          <DecidedRecord key={`${at} ${record.kind} ${record.name}`} record={record} goTo={goTo} />
        )}
      />
    </>
  );
}

export function ProblemList({ problems }: { readonly problems: readonly ToldProblem[] }): VNode {
  return (
    <FirstItems
      items={problems}
      render={({ code, message }) => (
        <p key={message}>
          <StatusBadge tone="bad">{code}</StatusBadge> {printable(message)}
        </p>
      )}
    />
  );
}

function DecidedRecord({
  record,
  goTo,
}: {
  readonly record: ShownRecord;
  readonly goTo: (place: ShownPlace) => void;
}): VNode {
  const { kind, namespace, name, file, line, code, steps } = record;
  const [tone, words] = verdictOf(record);
  return (
    <article class="decision">
      <div class="row">
        <h3>{printable(`${kind} ${namespace}/${name}`)}</h3>
        <StatusBadge tone={tone}>{words}</StatusBadge>
        {code === undefined ? undefined : <code>{code}</code>}
        <button
          type="button"
          class="quiet"
          onClick={() => {
            goTo({ file, line });
          }}
        >
          {printable(file)}:{line}
        </button>
      </div>
      <ol class="steps">
        {steps.map(({ id, level, message }, at) => (
          <li key={at} class={level === 'warning' ? 'warning' : undefined}>
            <code>{id}</code>{' '}
            {level === 'warning' && id !== 'refused' ? <strong>warning: </strong> : undefined}
            {printable(message)}
          </li>
        ))}
      </ol>
    </article>
  );
}
