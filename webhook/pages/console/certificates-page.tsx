/** The webhook's certificates: how long they last, and whether the API server trusts what is served. */
import type { VNode } from 'preact';
import { consolePaths } from '../../console/console-model.ts';
import type {
  CertificatesView,
  HookTrust,
  ServedView,
  ShownCertificate,
} from '../../console/console-reports.ts';
import { DataTable, type Column } from '../shared/data-table.tsx';
import { Notice, StatusBadge, type Tone } from '../shared/status-badge.tsx';
import { LifeBar, useServerNow, type PageProps } from './page-parts.tsx';
import { RunBar, useRun } from './run-bar.tsx';
import { utcOf } from './token-life.ts';

export function CertificatesPage({ state }: PageProps): VNode {
  const nowS = useServerNow(state);
  const run = useRun<CertificatesView>(state, {
    name: 'certificates',
    path: consolePaths.certificates,
    body: {},
    stamp: state.changes.certificates,
  });
  return (
    <section aria-labelledby="certificates-title">
      <h2 id="certificates-title" class="visually-hidden">
        Certificates
      </h2>
      <RunBar state={state} run={run} label="Look again" body={{}} />
      {run.result !== undefined && <CertificatesResult view={run.result} nowS={nowS} />}
    </section>
  );
}

interface ResultProps {
  readonly view: CertificatesView;
  readonly nowS: number;
}

function CertificatesResult({ view, nowS }: ResultProps): VNode {
  const { hooks, certificates, unread, isPartial } = view;
  const byPrint = new Map(certificates.map((each) => [each.fingerprint, each]));
  return (
    <>
      {unread.map((each) => (
        <Notice key={each} tone="info">
          {each}
        </Notice>
      ))}
      {hooks.length === 0 && (
        <p class="muted">
          {isPartial
            ? 'No hook of svidecar is seen; what could not be read is told above.'
            : 'There is no hook of svidecar in this cluster.'}
        </p>
      )}
      {hooks.length > 0 && (
        <div class="card">
          <DataTable caption="Who trusts what" columns={hookColumns(byPrint)} rows={hooks} />
        </div>
      )}
      {certificates.length > 0 && (
        <div class="card">
          <DataTable caption="Each certificate" columns={columnsAt(nowS)} rows={certificates} />
        </div>
      )}
    </>
  );
}

type ByPrint = ReadonlyMap<string, ShownCertificate>;

function hookColumns(byPrint: ByPrint): readonly Column<HookTrust>[] {
  return [
    {
      name: 'Hook',
      cell: ({ name, configuration }) => (
        <>
          {name}
          <p class="muted">{configuration}</p>
        </>
      ),
    },
    { name: 'Calls', cell: ({ target }) => target },
    {
      name: 'If it cannot',
      cell: ({ failurePolicy }) =>
        failurePolicy === 'Fail' ? 'refuses the object (Fail)' : 'lets it pass (Ignore)',
    },
    {
      name: 'Trusts (caBundle)',
      cell: ({ trusts }) =>
        trusts.length === 0
          ? 'the authorities of the API server’s machine'
          : trusts.map((print) => <Named key={print} print={print} byPrint={byPrint} />),
    },
    { name: 'Is served', cell: ({ served }) => <Served served={served} byPrint={byPrint} /> },
  ];
}

/** Letters of a fingerprint that tell certificates apart for people. */
const printLetters = 12;

function Named({ print, byPrint }: { readonly print: string; readonly byPrint: ByPrint }): VNode {
  return (
    <div title={print}>
      {byPrint.get(print)?.subject ?? 'a certificate'} <code>{print.slice(0, printLetters)}</code>
    </div>
  );
}

function Served({
  served,
  byPrint,
}: Pick<HookTrust, 'served'> & { readonly byPrint: ByPrint }): VNode {
  if (served.kind !== 'known') return <span class="muted">not known: {served.reason}</span>;
  if (served.value.length === 0) return <span class="muted">nobody serves it</span>;
  return (
    <>
      {served.value.map((each) => (
        <OneServed key={each.source} served={each} byPrint={byPrint} />
      ))}
    </>
  );
}

function OneServed({
  served: { source, chain, trustedBy },
  byPrint,
}: {
  readonly served: ServedView;
  readonly byPrint: ByPrint;
}): VNode {
  return (
    <div class="served">
      {trustedBy === undefined ? (
        <StatusBadge tone="bad">not trusted: the API server refuses it</StatusBadge>
      ) : (
        <StatusBadge tone="good">trusted</StatusBadge>
      )}
      <p class="muted">{source}</p>
      {chain.map((print) => (
        <Named key={print} print={print} byPrint={byPrint} />
      ))}
    </div>
  );
}

const standings: Readonly<
  Record<ShownCertificate['standing'], { readonly tone: Tone; readonly words: string }>
> = {
  good: { tone: 'good', words: 'good' },
  renewal_late: { tone: 'warn', words: 'renewal is late' },
  over: { tone: 'bad', words: 'expired' },
  not_yet: { tone: 'bad', words: 'not valid yet' },
};

const columnsAt = (nowS: number): readonly Column<ShownCertificate>[] => [
  {
    name: 'Certificate',
    cell: ({ subject, isAuthority, fingerprint }) => (
      <span title={fingerprint}>
        {subject} {isAuthority && <span class="tag">authority</span>}{' '}
        <code>{fingerprint.slice(0, printLetters)}</code>
      </span>
    ),
  },
  {
    name: 'Life',
    cell: ({ fromS, untilS }) => <LifeBar life={{ fromS, untilS }} nowS={nowS} />,
  },
  {
    name: 'State',
    cell: ({ standing }) => (
      <StatusBadge tone={standings[standing].tone}>{standings[standing].words}</StatusBadge>
    ),
  },
  { name: 'Renewal', cell: ({ renewalS }) => utcOf(renewalS) },
  { name: 'Until', cell: ({ untilS }) => utcOf(untilS) },
  { name: 'Issued by', cell: ({ issuer }) => issuer },
  { name: 'Names', cell: ({ names }) => (names.length === 0 ? '–' : names.join(', ')) },
];
