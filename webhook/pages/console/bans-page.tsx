/** The lists of bans that rules read: how many, why and until when. Who is banned is a claim's value, and never here. */
import type { VNode } from 'preact';
import { useState } from 'preact/hooks';
import { consolePaths } from '../../console/console-model.ts';
import type {
  BanListView,
  BansShown,
  BansView,
  BanView,
  ConsoleAction,
} from '../../console/console-reports.ts';
import { DataTable, type Column } from '../shared/data-table.tsx';
import { Notice } from '../shared/status-badge.tsx';
import { ActionDialog } from './action-dialog.tsx';
import { useAsked } from './asked-value.ts';
import { BanForm } from './ban-form.tsx';
import { whyNot } from './console-asking.ts';
import { countOf, useServerNow, WorkloadLink, type PageProps } from './page-parts.tsx';
import { agoOf, lengthOf, utcOf } from './token-life.ts';

interface Chosen {
  readonly title: string;
  readonly action: ConsoleAction;
}

export function BansPage({ state }: PageProps): VNode {
  const asked = useAsked<BansView>(
    consolePaths.bans,
    `${state.changes.bans} ${state.line.kind === 'live'}`,
  );
  const nowS = useServerNow(state);
  const [chosen, setChosen] = useState<Chosen>();
  const lists = asked.value?.lists ?? [];
  return (
    <section aria-labelledby="bans-title">
      <h2 id="bans-title" class="visually-hidden">
        Bans
      </h2>
      {asked.failure !== undefined && (
        <Notice tone="bad" isAlert>
          {whyNot(asked.failure)}
        </Notice>
      )}
      {asked.value === undefined && asked.isAsking && <p class="muted">Reading…</p>}
      {asked.value !== undefined && lists.length === 0 && <NoLists state={state} />}
      {lists.map((list) => (
        <OneList key={list.id} list={list} nowS={nowS} choose={setChosen} />
      ))}
      {chosen !== undefined && (
        <ActionDialog
          {...chosen}
          close={() => {
            setChosen(undefined);
            asked.again();
          }}
        />
      )}
    </section>
  );
}

function NoLists({ state: { cluster } }: Pick<PageProps, 'state'>): VNode {
  const isPartial = cluster?.missingRights?.hidesWorkloads === true;
  return (
    <p class="muted">
      No workload {isPartial ? 'that you may read' : 'here'} has a rule with a list of bans
      (template jwt-ban).
    </p>
  );
}

interface ListProps {
  readonly list: BanListView;
  readonly nowS: number;
  readonly choose: (chosen: Chosen) => void;
}

function OneList({ list, nowS, choose }: ListProps): VNode {
  const { name, users, bans } = list;
  return (
    <div class="card">
      <h3>{name}</h3>
      <p class="muted">
        Read by{' '}
        {users.length === 0
          ? 'no workload that is seen here'
          : users.map((id, at) => (
              <span key={id}>
                {at > 0 && ', '}
                <WorkloadLink id={id} />
              </span>
            ))}
      </p>
      {bans.kind === 'known' ? (
        <Shown shown={bans.value} {...{ list, nowS, choose }} />
      ) : (
        <Notice tone="info">Its bans are not known: {bans.reason}</Notice>
      )}
      <BanForm list={list.id} choose={choose} />
    </div>
  );
}

function Shown({ shown, list, nowS, choose }: ListProps & { readonly shown: BansShown }): VNode {
  const { count, byReason } = shown;
  const columns: readonly Column<BanView>[] = [
    { name: 'Claim', cell: ({ claim }) => claim },
    { name: 'Reason', cell: ({ reason }) => reason ?? '–' },
    { name: 'Until', cell: ({ untilS }) => untilWords(untilS, nowS) },
    {
      name: 'Tokens',
      cell: ({ issuedBeforeS }) =>
        issuedBeforeS === undefined ? 'all' : `issued before ${utcOf(issuedBeforeS)}`,
    },
    {
      name: 'Banned',
      cell: ({ bannedS }) => (bannedS === undefined ? '–' : agoOf(bannedS, nowS)),
    },
    {
      name: 'Lift',
      cell: ({ id, claim }) => (
        <button
          type="button"
          onClick={() => {
            choose({
              title: `Lift a ban of a ${claim}`,
              action: { kind: 'ban_lift_shown', list: list.id, ban: id },
            });
          }}
        >
          Lift…
        </button>
      ),
    },
  ];
  if (count === 0) return <p>Nobody is banned.</p>;
  return (
    <>
      <p>
        <b>{countOf(count, 'ban')}</b>
        {byReason.map(({ reason, count: times }) => (
          <span key={reason}>
            {' '}
            · {reason === '' ? 'no reason given' : reason}: {times}
          </span>
        ))}
      </p>
      {shown.shown.length < count && (
        <p class="muted">The first {shown.shown.length} by their end:</p>
      )}
      <DataTable
        caption="Bans; whom they are about is not shown"
        columns={columns}
        rows={shown.shown}
      />
    </>
  );
}

function untilWords(untilS: number | undefined, nowS: number): string {
  return untilS === undefined ? 'for good' : `${utcOf(untilS)} (${lengthOf(untilS - nowS)})`;
}
