/** The links and the identities behind them as tables: all that the picture shows, and what to do. */
import type { VNode } from 'preact';
import type { IdentityEdge, IdentityOfWorkload } from '../../console/console-reports.ts';
import { DataTable, type Column } from '../shared/data-table.tsx';
import { StatusBadge, type Tone } from '../shared/status-badge.tsx';
import { kindOf, labelOf, type LinkChoice } from './link-choice.ts';
import { breakable, WorkloadLink } from './page-parts.tsx';

/** Rows of one table: more would be no table to read, and words narrow it. */
const rowsMost = 200;

const standingTones: Readonly<Record<IdentityEdge['status'], Tone>> = {
  complete: 'good',
  missing: 'bad',
  unknown: 'info',
};

function Standing({ status }: Pick<IdentityEdge, 'status'>): VNode {
  return <StatusBadge tone={standingTones[status]}>{status}</StatusBadge>;
}

interface NumberedLink {
  readonly edge: IdentityEdge;
  readonly number: number;
}

export function LinkTable({ choice }: { readonly choice: LinkChoice }): VNode | null {
  const { links, nodes } = choice;
  const rows = links.slice(0, rowsMost).map((edge, at) => ({ edge, number: at + 1 }));
  const end = (id: string) => <NodeName id={id} nodes={nodes} />;
  const columns: readonly Column<NumberedLink>[] = [
    { name: 'No.', cell: ({ number }) => number },
    { name: 'Caller', cell: ({ edge }) => end(edge.from) },
    { name: 'Called', cell: ({ edge }) => end(edge.to) },
    { name: 'State', cell: ({ edge }) => <Standing status={edge.status} /> },
    {
      name: 'What it is',
      cell: ({ edge: { words, hint } }) => (
        <>
          {words}
          {hint !== undefined && <p class="hint">→ {hint}</p>}
        </>
      ),
    },
  ];
  if (links.length === 0) return null;
  return (
    <div class="card">
      <DataTable caption={captionOf('Links', links.length)} columns={columns} rows={rows} />
    </div>
  );
}

function captionOf(things: string, count: number): string {
  return count <= rowsMost
    ? things
    : `${things}: the first ${rowsMost} of ${count}; words in the filter show others`;
}

function NodeName({ id, nodes }: Pick<LinkChoice, 'nodes'> & { readonly id: string }): VNode {
  const node = nodes.get(id);
  if (node === undefined) return <>{id}</>;
  if (node.kind !== 'workload')
    return (
      <>
        {node.label} <span class="muted">({kindOf(node)})</span>
      </>
    );
  return <WorkloadLink id={id}>{breakable(labelOf(node))}</WorkloadLink>;
}

const chainColumns: readonly Column<IdentityOfWorkload>[] = [
  {
    name: 'Workload',
    cell: (node) => <WorkloadLink id={node.id}>{breakable(labelOf(node))}</WorkloadLink>,
  },
  { name: 'SPIFFE ID', cell: ({ spiffeId }) => spiffeId ?? '–' },
  { name: 'Chain', cell: ({ link }) => <Chain link={link} /> },
  { name: 'Sends tokens for', cell: ({ sendsTo }) => listed(sendsTo) },
  { name: 'Accepts', cell: ({ accepts }) => listed(accepts) },
  { name: 'Callers allowed', cell: ({ allowCallers }) => listed(allowCallers) },
  { name: 'Federates with', cell: ({ federatesWith }) => listed(federatesWith) },
  { name: 'Entries', cell: (node) => <Entries node={node} /> },
];

export function ChainTable({
  workloads,
}: {
  readonly workloads: readonly IdentityOfWorkload[];
}): VNode | null {
  if (workloads.length === 0) return null;
  return (
    <div class="card">
      <DataTable
        caption={captionOf('Identities, from SPIRE to the helper', workloads.length)}
        columns={chainColumns}
        rows={workloads.slice(0, rowsMost)}
      />
    </div>
  );
}

function listed(values: readonly string[]): string {
  return values.length === 0 ? '–' : values.join(', ');
}

function Chain({ link }: Pick<IdentityOfWorkload, 'link'>): VNode {
  if (link.status === 'complete') return <Standing status="complete" />;
  return (
    <>
      <Standing status={link.status} />
      <p>
        {link.status === 'missing' && <code>{link.step}</code>} {link.message}
      </p>
      {link.status === 'missing' && <p class="hint">→ {link.hint}</p>}
    </>
  );
}

function Entries({ node: { entries, twins } }: { readonly node: IdentityOfWorkload }): VNode {
  if (entries.length === 0) return <>–</>;
  return (
    <>
      {entries.map(({ id, selectors, unmet }) => (
        <div key={id} title={selectors.join(', ')}>
          <code>{id}</code>
          {unmet.length > 0 && <p class="hint">✕ not met: {unmet.join(', ')}</p>}
        </div>
      ))}
      {twins.length > 0 && <p class="hint">! the same identity twice, by {twins.join(', ')}</p>}
    </>
  );
}
