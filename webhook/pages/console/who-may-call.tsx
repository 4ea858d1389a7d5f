/** Who may call whom: a picture of the links that matter, and all of them as a table. */
import type { VNode } from 'preact';
import { useMemo, useState } from 'preact/hooks';
import { consolePaths } from '../../console/console-model.ts';
import type { IdentitiesView } from '../../console/console-reports.ts';
import { Notice } from '../shared/status-badge.tsx';
import { FilterBox } from './coverage-page.tsx';
import { IdentityGraph } from './identity-graph.tsx';
import { ChainTable, LinkTable } from './identity-tables.tsx';
import { linkChoice, type LinkChoice } from './link-choice.ts';
import type { PageProps } from './page-parts.tsx';
import { RunBar, useRun } from './run-bar.tsx';

interface IdentitiesProps extends PageProps {
  readonly about: string;
}

export function IdentitiesPage({ state, about, go }: IdentitiesProps): VNode {
  const [asksHelpers, setAsksHelpers] = useState(false);
  const run = useRun<IdentitiesView>(state, {
    name: 'identities',
    path: consolePaths.identities,
    body: { asksHelpers },
  });
  const seeAbout = (words: string): void => {
    go({ page: 'identities', about: words });
  };
  return (
    <section aria-labelledby="identities-title">
      <h2 id="identities-title" class="visually-hidden">
        Identities
      </h2>
      <RunBar state={state} run={run} label="Look again" body={{ asksHelpers }}>
        <label>
          <input
            type="checkbox"
            checked={asksHelpers}
            onChange={({ currentTarget }) => {
              setAsksHelpers(currentTarget.checked);
            }}
          />{' '}
          ask each helper what it holds (slower)
        </label>
      </RunBar>
      {run.result !== undefined && (
        <IdentitiesResult view={run.result} about={about} seeAbout={seeAbout} />
      )}
    </section>
  );
}

interface ResultProps {
  readonly view: IdentitiesView;
  readonly about: string;
  readonly seeAbout: (words: string) => void;
}

function IdentitiesResult({ view, about, seeAbout }: ResultProps): VNode {
  const choice = useMemo(() => linkChoice(view, about), [view, about]);
  return (
    <>
      <Sources view={view} />
      <div class="row tools">
        <FilterBox
          words={about}
          label="Only callers and callees with these words"
          onWords={seeAbout}
        />
        <span class="muted" role="status">
          {choice.words}
        </span>
      </div>
      <Picture choice={choice} isPartial={view.isPartial} />
      <LinkTable choice={choice} />
      <ChainTable workloads={choice.workloads} />
    </>
  );
}

function Sources({ view: { spire, unread, edgesLeftOut } }: Pick<ResultProps, 'view'>): VNode {
  return (
    <>
      {spire.kind === 'known' ? (
        <p class="muted">
          {spire.value.entries} entries of {spire.value.source}
        </p>
      ) : (
        <Notice tone="info">Registrations in SPIRE: {spire.reason}</Notice>
      )}
      {unread.map((each) => (
        <Notice key={each} tone="info">
          {each}
        </Notice>
      ))}
      {edgesLeftOut > 0 && (
        <Notice tone="info">{edgesLeftOut} more links are left out: there are too many.</Notice>
      )}
    </>
  );
}

function Picture({
  choice,
  isPartial,
}: {
  readonly choice: LinkChoice;
  readonly isPartial: boolean;
}): VNode {
  if (choice.drawn.length === 0)
    return (
      <p class="muted">
        No workload {isPartial ? 'that could be read' : 'here'} calls another, or says who may call
        it.
      </p>
    );
  return (
    <div class="card">
      <IdentityGraph choice={choice} />
    </div>
  );
}
