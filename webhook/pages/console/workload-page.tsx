/** One workload: what was decided about it and why, what changed, what its helper has in hand, and what may be done. */
import type { VNode } from 'preact';
import { useState } from 'preact/hooks';
import {
  consolePaths,
  type OfferedAction,
  type WorkloadView,
} from '../../console/console-model.ts';
import { Notice } from '../shared/status-badge.tsx';
import { TabList } from '../shared/tab-list.tsx';
import { ActionDialog } from './action-dialog.tsx';
import { useAsked, type AskedValue } from './asked-value.ts';
import { isGone, pathOfWorkload, whyNot } from './console-asking.ts';
import {
  fragmentOf,
  wholeCoverage,
  type WorkloadPart,
  type ConsoleWorkloadPlace,
} from './console-place.ts';
import type { ConsoleState } from './console-state.ts';
import { HelperPart } from './workload-helpers.tsx';
import { PodsPart, StoryPart, UndoPart } from './workload-parts.tsx';
import { ChangesPart } from './workload-changes.tsx';
import { countOf, type PageProps } from './page-parts.tsx';
import { CoverageBadge } from './status-words.tsx';

interface WorkloadProps extends PageProps {
  readonly place: ConsoleWorkloadPlace;
}

export function WorkloadPage({ state, place, go }: WorkloadProps): VNode {
  const names = [place.namespace, place.kind, place.name];
  const row = state.workloads.get(names.join('/'));
  const asked = useAsked<WorkloadView>(
    pathOfWorkload(consolePaths.workload, names),
    `${row?.revision ?? 'gone'} ${state.line.kind === 'live'}`,
  );
  const view = asked.value;
  const hasGone = asked.failure !== undefined && isGone(asked.failure);
  return (
    <section aria-labelledby="workload-title">
      <WorkloadHead place={place} view={view} row={row ?? view?.row} hasGone={hasGone} />
      <WorkloadFailure asked={asked} gone={hasGone ? goneWords(place, state, view) : undefined} />
      {view !== undefined && (
        <>
          {!hasGone && <WorkloadActions offered={view.actions} />}
          <WorkloadTabs place={place} view={view} state={state} go={go} />
        </>
      )}
    </section>
  );
}

interface FailureProps {
  readonly asked: AskedValue<WorkloadView>;
  /** In words, where it is gone. */
  readonly gone: string | undefined;
}

function WorkloadFailure({ asked, gone }: FailureProps): VNode | null {
  const { value, failure, isAsking, again } = asked;
  if (gone !== undefined)
    return (
      <Notice tone="warn" isAlert>
        {gone}
      </Notice>
    );
  if (failure !== undefined)
    return (
      <Notice tone="bad" isAlert>
        {whyNot(failure)}{' '}
        <button type="button" onClick={again}>
          Ask again
        </button>
      </Notice>
    );
  return value === undefined && isAsking ? <p class="muted">Reading…</p> : null;
}

function goneWords(
  { namespace, kind, name }: ConsoleWorkloadPlace,
  { namespaces }: ConsoleState,
  view: WorkloadView | undefined,
): string {
  const what = namespaces.has(namespace)
    ? `${kind} ${name} is not in namespace ${namespace} any more.`
    : `Namespace ${namespace} is gone, and ${kind} ${name} with it.`;
  return view === undefined ? what : `${what} What was last seen of it stands below.`;
}

interface HeadProps {
  readonly place: ConsoleWorkloadPlace;
  readonly view: WorkloadView | undefined;
  readonly row: WorkloadView['row'] | undefined;
  readonly hasGone: boolean;
}

function WorkloadHead({ place, view, row, hasGone }: HeadProps): VNode {
  const { namespace, kind, name } = place;
  return (
    <div class="card">
      <nav aria-label="Where this is" class="crumbs">
        <a href={fragmentOf({ page: 'coverage', choice: wholeCoverage })}>Coverage</a>
        <span aria-hidden="true">›</span>
        <a href={fragmentOf({ page: 'coverage', choice: { ...wholeCoverage, open: namespace } })}>
          {namespace}
        </a>
      </nav>
      <div class="row">
        <h2 id="workload-title">
          {kind} {name}
        </h2>
        {row !== undefined && !hasGone && <CoverageBadge status={row.status} />}
        {row !== undefined && row.templates.length > 0 && (
          <span class="tag">{row.templates.join(', ')}</span>
        )}
        {row !== undefined && <span class="muted">{podsWords(row.pods)}</span>}
      </div>
      {row?.why !== undefined && <p>{row.why.message}</p>}
      {view !== undefined && (
        <p class="muted">
          Applied now, it {view.verdict.words}.
          {view.verdict.code !== undefined && <code> {view.verdict.code}</code>}
        </p>
      )}
    </div>
  );
}

function podsWords({ total, ready, injected }: WorkloadView['row']['pods']): string {
  return total === 0 ? 'no pods' : `${countOf(total, 'pod')}, ${ready} ready, ${injected} injected`;
}

function WorkloadActions({ offered }: { readonly offered: readonly OfferedAction[] }): VNode {
  const [chosen, setChosen] = useState<OfferedAction>();
  return (
    <>
      {offered.length > 0 && (
        <div class="row actions">
          {offered.map((each) => (
            <span key={each.label} class="row">
              <button
                type="button"
                onClick={() => {
                  setChosen(each);
                }}
              >
                {each.label}…
              </button>
              <span class="muted">{each.why}</span>
            </span>
          ))}
        </div>
      )}
      {chosen !== undefined && (
        <ActionDialog
          title={chosen.label}
          action={chosen.action}
          close={() => {
            setChosen(undefined);
          }}
        />
      )}
    </>
  );
}

const partWords: Readonly<Record<WorkloadPart, string>> = {
  story: 'Story',
  changes: 'Changes',
  helper: 'Helper',
  pods: 'Pods and events',
  undo: 'Undo',
};

function WorkloadTabs({
  place,
  view,
  state,
  go,
}: WorkloadProps & { readonly view: WorkloadView }): VNode {
  const tabs = Object.entries(partWords).map(([id, label]) => ({ id, label }));
  return (
    <TabList
      label={`${place.kind} ${place.name}`}
      tabs={tabs}
      selected={place.part}
      onSelect={(id) => {
        // Its own keys.
        go({ ...place, part: id as WorkloadPart });
      }}
    >
      <Part place={place} view={view} state={state} go={go} />
    </TabList>
  );
}

function Part(props: WorkloadProps & { readonly view: WorkloadView }): VNode {
  const { place, view, state } = props;
  switch (place.part) {
    case 'story':
      return <StoryPart view={view} />;
    case 'changes':
      return <ChangesPart texts={view.texts} />;
    case 'helper':
      return <HelperPart place={place} view={view} state={state} />;
    case 'pods':
      return <PodsPart view={view} />;
    case 'undo':
      return <UndoPart view={view} />;
    default:
      return place.part satisfies never;
  }
}
