/** Story, pods, events and the way back of one workload. */
import type { VNode } from 'preact';
import type { ConsoleStep, EventView, PodView, WorkloadView } from '../../console/console-model.ts';
import { DataTable, type Column } from '../shared/data-table.tsx';
import { Notice, StatusBadge } from '../shared/status-badge.tsx';
import { CommandText } from './page-parts.tsx';
import { agoOf } from './token-life.ts';

interface PartProps {
  readonly view: WorkloadView;
}

/** The trace in the order in which it was decided. */
export function StoryPart({ view }: PartProps): VNode {
  if (view.steps.length === 0)
    return <p class="muted">There is no story: svidecar does not know this kind of object.</p>;
  return (
    <ol class="story">
      {view.steps.map((step, at) => (
        <StoryStep key={at} step={step} isLast={at === view.steps.length - 1} />
      ))}
    </ol>
  );
}

function StoryStep({
  step,
  isLast,
}: {
  readonly step: ConsoleStep;
  readonly isLast: boolean;
}): VNode {
  const isWarning = step.level === 'warning';
  return (
    <li class={isWarning ? 'step-warning' : ''}>
      <p>
        {isWarning && <StatusBadge tone="warn">warning</StatusBadge>}{' '}
        {isLast ? <b>{step.message}</b> : step.message}
      </p>
      <p class="muted">
        <code>{step.id}</code>
        {step.key !== undefined && (
          <>
            {' '}
            · to change: <code>{step.key}</code>
          </>
        )}
      </p>
    </li>
  );
}

const podColumns = (nowS: number): readonly Column<PodView>[] => [
  { name: 'Pod', cell: ({ name }) => name },
  { name: 'Injection', cell: ({ injection }) => <PodBadge injection={injection} /> },
  { name: 'Phase', cell: ({ phase }) => phase },
  { name: 'Ready', cell: ({ isReady }) => (isReady ? '✓ ready' : '✕ not ready') },
  { name: 'Restarts', cell: ({ restarts }) => restarts },
  { name: 'Started', cell: ({ startedS }) => whenOf(startedS, nowS) },
  { name: 'Node', cell: ({ node }) => node ?? '–' },
];

function whenOf(atS: number | undefined, nowS: number): string {
  return atS === undefined ? '–' : agoOf(atS, nowS);
}

function PodBadge({ injection }: { readonly injection: PodView['injection'] }): VNode {
  switch (injection) {
    case 'injected':
      return <StatusBadge tone="good">injected</StatusBadge>;
    case 'missing':
      return <StatusBadge tone="bad">without helper</StatusBadge>;
    case 'not_asked':
      return <StatusBadge tone="quiet">not asked</StatusBadge>;
    default:
      return injection satisfies never;
  }
}

const eventColumns = (nowS: number): readonly Column<EventView>[] => [
  { name: 'When', cell: ({ lastS }) => whenOf(lastS, nowS) },
  {
    name: 'Type',
    cell: ({ type }) => (
      <StatusBadge tone={type === 'Warning' ? 'warn' : 'info'}>{type}</StatusBadge>
    ),
  },
  { name: 'Reason', cell: ({ reason }) => reason },
  { name: 'About', cell: ({ about }) => about },
  {
    name: 'Message',
    cell: ({ message, count }) => (count > 1 ? `${message} (${count} times)` : message),
  },
];

export function PodsPart({ view }: PartProps): VNode {
  const { pods, events, nowS } = view;
  return (
    <>
      <div class="card">
        {pods.length === 0 ? (
          <p class="muted">It has no pods.</p>
        ) : (
          <DataTable caption="Pods" columns={podColumns(nowS)} rows={pods} />
        )}
      </div>
      <div class="card">
        <Events events={events} nowS={nowS} />
      </div>
    </>
  );
}

function Events({ events, nowS }: Pick<WorkloadView, 'events' | 'nowS'>): VNode {
  if (events.kind !== 'known') return <Notice tone="info">Events: {events.reason}</Notice>;
  if (events.value.length === 0)
    return <p class="muted">No events; Kubernetes keeps them for an hour.</p>;
  return (
    <DataTable caption="Events, newest first" columns={eventColumns(nowS)} rows={events.value} />
  );
}

export function UndoPart({ view }: PartProps): VNode {
  if (view.undo.length === 0) return <p class="muted">There is nothing to undo.</p>;
  return (
    <>
      {view.undo.map(({ words, command }) => (
        <div class="card" key={command}>
          <p>{words}</p>
          <CommandText command={command} />
        </div>
      ))}
    </>
  );
}
