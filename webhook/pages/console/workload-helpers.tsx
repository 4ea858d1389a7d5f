/** What the helper of each pod has in hand: tokens and how long they last, keys, and what it answered. */
import type { VNode } from 'preact';
import { useEffect } from 'preact/hooks';
import {
  consolePaths,
  type HelperAnswers,
  type HelperHolds,
  type HelperToken,
  type HelperView,
  type WorkloadView,
} from '../../console/console-model.ts';
import { DataTable, type Column } from '../shared/data-table.tsx';
import { Notice, StatusBadge } from '../shared/status-badge.tsx';
import { useAsked } from './asked-value.ts';
import { pathOfWorkload, whyNot } from './console-asking.ts';
import type { ConsoleWorkloadPlace } from './console-place.ts';
import type { ConsoleState } from './console-state.ts';
import { LifeBar, useServerNow } from './page-parts.tsx';

interface HelperProps {
  readonly place: ConsoleWorkloadPlace;
  readonly view: WorkloadView;
  readonly state: ConsoleState;
}

/** Milliseconds: tokens of minutes are renewed at half their life. */
const againMs = 15_000;

export function HelperPart({ place, view, state }: HelperProps): VNode {
  const path = pathOfWorkload(consolePaths.helpers, [place.namespace, place.kind, place.name]);
  const asked = useAsked<readonly HelperView[]>(path, view.row.revision);
  const nowS = useServerNow(state);
  useEffect(() => {
    const timer = setInterval(asked.again, againMs);
    return () => {
      clearInterval(timer);
    };
  }, [path]);
  const helpers = asked.value ?? [];
  return (
    <>
      <p class="row">
        <button type="button" disabled={asked.isAsking} onClick={asked.again}>
          Ask again
        </button>
        <span class="muted" role="status">
          {asked.isAsking
            ? 'Asking each helper…'
            : 'Asked every 15 s. Tokens themselves are never shown.'}
        </span>
      </p>
      {asked.failure !== undefined && (
        <Notice tone="bad" isAlert>
          {whyNot(asked.failure)}
        </Notice>
      )}
      {asked.value !== undefined && helpers.length === 0 && (
        <p class="muted">No pod of it has a helper.</p>
      )}
      {helpers.map((helper) => (
        <OneHelper key={helper.pod} helper={helper} nowS={nowS} />
      ))}
    </>
  );
}

function OneHelper({
  helper,
  nowS,
}: {
  readonly helper: HelperView;
  readonly nowS: number;
}): VNode {
  const { pod, held, answers } = helper;
  return (
    <div class="card">
      <h3>{pod}</h3>
      {held.kind === 'known' ? (
        <Holds holds={held.value} nowS={nowS} />
      ) : (
        <Notice tone="info">What it holds is not known: {held.reason}</Notice>
      )}
      {answers.kind === 'known' ? (
        <Answers answers={answers.value} />
      ) : (
        <p class="muted">What it answered is not known: {answers.reason}</p>
      )}
    </div>
  );
}

/** Seconds that a full bar may stand for. */
const scales = [
  { seconds: 300, words: '5 min' },
  { seconds: 3_600, words: '1 h' },
  { seconds: 86_400, words: '1 d' },
  { seconds: 2_592_000, words: '30 d' },
] as const;
const longest = scales[3];

/** The helper does not say how long a token is valid in all: all bars of a pod have one scale, on which they fit. */
function scaleOf(tokens: readonly HelperToken[], nowS: number): (typeof scales)[number] {
  const left = Math.max(0, ...tokens.map(({ validUntilS = nowS }) => validUntilS - nowS));
  return scales.find(({ seconds }) => left <= seconds) ?? longest;
}

function Holds({ holds, nowS }: { readonly holds: HelperHolds; readonly nowS: number }): VNode {
  const { tokens, trustDomains, keysProblem } = holds;
  const scale = scaleOf(tokens, nowS);
  const columns: readonly Column<HelperToken>[] = [
    { name: 'Audience', cell: ({ audience }) => audience },
    {
      name: 'Token',
      cell: (token) => <TokenLife token={token} nowS={nowS} scale={scale} />,
    },
    { name: 'Issued by', cell: ({ issuer }) => issuer ?? '–' },
    { name: 'As', cell: ({ spiffeId }) => spiffeId ?? '–' },
  ];
  return (
    <>
      {tokens.length > 0 && (
        <DataTable caption="Tokens that it sends" columns={columns} rows={tokens} />
      )}
      {trustDomains !== undefined && (
        <p>
          Verifies tokens with the keys of{' '}
          {trustDomains.length === 0 ? <b>no trust domain yet</b> : trustDomains.join(', ')}.{' '}
          {keysProblem !== undefined && <b>They may be old: {keysProblem}</b>}
        </p>
      )}
      {tokens.length === 0 && trustDomains === undefined && (
        <p class="muted">Its rules need no identity.</p>
      )}
    </>
  );
}

function TokenLife({
  token,
  nowS,
  scale,
}: {
  readonly token: HelperToken;
  readonly nowS: number;
  readonly scale: (typeof scales)[number];
}): VNode {
  const { validUntilS, problem } = token;
  return (
    <>
      {validUntilS === undefined ? (
        <StatusBadge tone="bad">no token</StatusBadge>
      ) : (
        <LifeBar life={{ fromS: undefined, untilS: validUntilS }} nowS={nowS} scale={scale} />
      )}
      {problem !== undefined && <p>{problem}</p>}
    </>
  );
}

function Answers({ answers }: { readonly answers: readonly HelperAnswers[] }): VNode {
  const most = Math.max(1, ...answers.map(({ count }) => count));
  const columns: readonly Column<HelperAnswers>[] = [
    { name: 'Rule', cell: ({ rule }) => rule },
    {
      name: 'Outcome',
      cell: ({ outcome, isRefusal }) => (
        <StatusBadge tone={isRefusal ? 'bad' : 'good'}>{outcome}</StatusBadge>
      ),
    },
    { name: 'Answers', cell: ({ count }) => <CountBar count={count} most={most} /> },
    { name: 'What it means', cell: ({ words }) => words ?? '' },
  ];
  if (answers.length === 0) return <p class="muted">It has answered no request yet.</p>;
  return <DataTable caption="Answers since it started" columns={columns} rows={answers} />;
}

function CountBar({ count, most }: { readonly count: number; readonly most: number }): VNode {
  return (
    <span class="life">
      <span class="life-bar" aria-hidden="true">
        <span class="life-left" style={{ width: `${(count / most) * 100}%` }} />
      </span>
      <span>{count.toLocaleString('en-GB')}</span>
    </span>
  );
}
