/** The checks of `svidecar check`: what is wrong, where, why it matters, and what to do. */
import type { VNode } from 'preact';
import { useState } from 'preact/hooks';
import { consolePaths } from '../../console/console-model.ts';
import type { DoctorCheck, DoctorFinding, DoctorView } from '../../console/console-reports.ts';
import { StatusBadge, type Tone } from '../shared/status-badge.tsx';
import { countOf, WorkloadLink, type PageProps } from './page-parts.tsx';
import { RunBar, useRun } from './run-bar.tsx';

type CheckStatus = DoctorCheck['status'];

const checkLooks: Readonly<Record<CheckStatus, { readonly tone: Tone; readonly word: string }>> = {
  error: { tone: 'bad', word: 'error' },
  warning: { tone: 'warn', word: 'warning' },
  unknown: { tone: 'info', word: 'unknown' },
  ok: { tone: 'good', word: 'ok' },
  skipped: { tone: 'quiet', word: 'skipped' },
};
const checkStatuses = ['error', 'warning', 'unknown', 'ok', 'skipped'] as const;

export function DoctorPage({ state }: PageProps): VNode {
  const run = useRun<DoctorView>(state, { name: 'doctor', path: consolePaths.doctor, body: {} });
  return (
    <section aria-labelledby="doctor-title">
      <h2 id="doctor-title" class="visually-hidden">
        Doctor
      </h2>
      <RunBar state={state} run={run} label="Check again" body={{}} />
      {run.result !== undefined && <Diagnosis view={run.result} />}
    </section>
  );
}

function Diagnosis({ view: { checks, examined } }: { readonly view: DoctorView }): VNode {
  const [status, setStatus] = useState<CheckStatus>();
  const shown = checks.filter((each) => status === undefined || each.status === status);
  const categories = [...Map.groupBy(shown, ({ category }) => category)]
    .map(([category, group]) => ({ category, group: [...group].sort(byRank) }))
    .sort(({ group: [one] }, { group: [other] }) => rankOf(one) - rankOf(other));
  return (
    <>
      <div class="chips" role="group" aria-label="Show checks of one status">
        {checkStatuses.map((each) => (
          <button
            key={each}
            type="button"
            class={`chip tone-${checkLooks[each].tone}`}
            aria-pressed={status === each}
            onClick={() => {
              setStatus(status === each ? undefined : each);
            }}
          >
            <b>{checks.filter((check) => check.status === each).length}</b> {checkLooks[each].word}
          </button>
        ))}
        <span class="muted">{examined.toLocaleString('en-GB')} workloads and pods looked at</span>
      </div>
      {categories.map(({ category, group }) => (
        <div class="card" key={category}>
          <h3>{category}</h3>
          {group.map((check) => (
            <OneCheck key={check.id} check={check} />
          ))}
        </div>
      ))}
    </>
  );
}

function rankOf(check: DoctorCheck | undefined): number {
  return check === undefined ? checkStatuses.length : checkStatuses.indexOf(check.status);
}

function byRank(one: DoctorCheck, other: DoctorCheck): number {
  return rankOf(one) - rankOf(other);
}

function OneCheck({ check }: { readonly check: DoctorCheck }): VNode {
  const { id, claim, why, status, findings, reasons } = check;
  const isOpen = status === 'error' || status === 'warning';
  return (
    <details class="check" open={isOpen}>
      <summary>
        <StatusBadge tone={checkLooks[status].tone}>{checkLooks[status].word}</StatusBadge> {claim}
        {findings.length > 0 && <b> · {countOf(findings.length, 'finding')}</b>}
      </summary>
      <ul class="findings">
        {findings.map((finding, at) => (
          <OneFinding key={at} finding={finding} />
        ))}
      </ul>
      {reasons.map((reason) => (
        <p key={reason}>· {reason}</p>
      ))}
      <p class="muted">
        {why} <code>docs/check.md#{id}</code>
      </p>
    </details>
  );
}

function OneFinding({ finding }: { readonly finding: DoctorFinding }): VNode {
  const { severity, where, message, hint } = finding;
  const look = checkLooks[severity];
  return (
    <li>
      <StatusBadge tone={look.tone}>{look.word}</StatusBadge> <Where where={where} />
      {message}
      <p class="hint">→ {hint}</p>
    </li>
  );
}

/** Kinds that have a page here. */
const workloadKinds = new Set([
  'Deployment',
  'StatefulSet',
  'DaemonSet',
  'ReplicaSet',
  'Job',
  'CronJob',
]);

function Where({ where }: { readonly where: DoctorFinding['where'] }): VNode | null {
  if (where === undefined) return null;
  const { kind, namespace, name } = where;
  const place = namespace === '' ? `${kind} ${name}` : `${kind} ${namespace}/${name}`;
  if (!workloadKinds.has(kind)) return <b>{place}: </b>;
  return (
    <>
      <WorkloadLink id={`${namespace}/${kind}/${name}`}>{place}</WorkloadLink>:{' '}
    </>
  );
}
