/** What becomes of the input: decisions, differences, texts, findings. */
import { printable } from '#kernel/text.ts';
import type { ComponentChildren, VNode } from 'preact';
import { useState } from 'preact/hooks';
import { CodeText } from '../shared/code-editor.tsx';
import { DiffView } from '../shared/diff-view.tsx';
import { CopyButton, DownloadButton } from '../shared/give-text.tsx';
import { FirstItems } from '../shared/first-items.tsx';
import { TabList, type Tab } from '../shared/tab-list.tsx';
import type { MadeObject, WorkbenchResult } from '../../workbench/workbench-model.ts';
import { DecisionList, ProblemList } from './decision-list.tsx';
import { FindingList, findingCount } from './finding-list.tsx';
import type { ShownPlace } from './workbench-input.ts';

type PartId = 'decisions' | 'differences' | 'injected' | 'made' | 'entries' | 'findings';

interface ResultProps {
  readonly result: WorkbenchResult;
  readonly goTo: (place: ShownPlace) => void;
}

export function ResultPanel({ result, goTo }: ResultProps): VNode {
  const [part, setPart] = useState<PartId>('decisions');
  const tabs: readonly Tab<PartId>[] = [
    { id: 'decisions', label: `Decisions (${result.records.length})` },
    { id: 'differences', label: `Differences (${result.compared.length})` },
    { id: 'injected', label: 'Result' },
    { id: 'made', label: `Objects (${result.made.length})` },
    { id: 'entries', label: 'Entries' },
    { id: 'findings', label: `Findings (${findingCount(result.report)})` },
  ];
  return (
    <TabList label="What becomes of it" tabs={tabs} selected={part} onSelect={setPart}>
      <Part part={part} result={result} goTo={goTo} />
    </TabList>
  );
}

function Part({ part, result, goTo }: ResultProps & { readonly part: PartId }): VNode {
  switch (part) {
    case 'decisions':
      return <DecisionList result={result} goTo={goTo} />;
    case 'differences':
      return <Differences result={result} />;
    case 'injected':
      return (
        <OneText
          title="What svidecar inject prints"
          text={result.injected}
          name="injected.yaml"
          empty="There is nothing to print."
        />
      );
    case 'made':
      return <MadeObjects made={result.made} />;
    case 'entries':
      return <Entries result={result} />;
    case 'findings':
      return <FindingList report={result.report} goTo={goTo} />;
    default:
      return part satisfies never;
  }
}

/** Shown at once; further ones when they are opened. */
const shownAtOnce = 6;

function Differences({ result }: { readonly result: WorkbenchResult }): VNode {
  const { compared, differences } = result;
  if (compared.length === 0) return <p>Nothing would change.</p>;
  return (
    <>
      <div class="row tools">
        <CopyButton what="the differences" text={differences} />
        <DownloadButton name="changes.diff" text={differences} />
        <span class="muted">as svidecar diff prints them</span>
      </div>
      <FirstItems
        items={compared}
        render={({ label, before, after }, at) => (
          <Opened key={`${at} ${label}`} title={label} isOpen={at < shownAtOnce}>
            {() => <DiffView label={label} before={before} after={after} />}
          </Opened>
        )}
      />
    </>
  );
}

/** Its contents are made when they are looked at. */
function Opened({
  title,
  isOpen,
  children,
}: {
  readonly title: string;
  readonly isOpen: boolean;
  readonly children: () => ComponentChildren;
}): VNode {
  const [isShown, setShown] = useState(isOpen);
  return (
    <details
      open={isShown}
      onToggle={({ currentTarget }) => {
        setShown(currentTarget.open);
      }}
    >
      <summary>
        <h3 class="inline">{printable(title)}</h3>
      </summary>
      {isShown ? children() : undefined}
    </details>
  );
}

function OneText(props: {
  readonly title: string;
  readonly text: string;
  readonly name: string;
  readonly empty: string;
}): VNode {
  const { title, text, name, empty } = props;
  if (text.trim() === '') return <p>{empty}</p>;
  return (
    <>
      <div class="row tools">
        <CopyButton what={title} text={text} />
        <DownloadButton name={name} text={text} />
        <span class="muted">{title}</span>
      </div>
      <CodeText label={title} text={text} />
    </>
  );
}

function MadeObjects({ made }: { readonly made: readonly MadeObject[] }): VNode {
  if (made.length === 0) return <p>No ConfigMap and no EnvoyFilter would be made.</p>;
  const texts = made.flatMap(({ kind, namespace, name, files }) =>
    files.map((file) => ({ title: `${kind} ${namespace}/${name}: ${file.name}`, file })),
  );
  return (
    <>
      <p class="muted">
        In a cluster, svidecar’s controller makes these. The patched Envoy configuration is among
        them.
      </p>
      <FirstItems
        items={texts}
        render={({ title, file }, at) => (
          <Opened key={title} title={title} isOpen={at < shownAtOnce}>
            {() => (
              <>
                <div class="row tools">
                  <CopyButton what={title} text={file.text} />
                  <DownloadButton name={file.name} text={file.text} />
                </div>
                <CodeText label={title} text={file.text} />
              </>
            )}
          </Opened>
        )}
      />
    </>
  );
}

function Entries({ result }: { readonly result: WorkbenchResult }): VNode {
  return (
    <>
      <OneText
        title="What svidecar render entries prints"
        text={result.entries}
        name="entries.sh"
        empty="No workload here needs an entry in SPIRE."
      />
      <ProblemList problems={result.entryProblems} />
    </>
  );
}
