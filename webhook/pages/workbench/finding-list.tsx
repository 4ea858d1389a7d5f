/** The findings of `svidecar check`, the worst first. */
import { printable } from '#kernel/text.ts';
import type { VNode } from 'preact';
import { FirstItems } from '../shared/first-items.tsx';
import { StatusBadge, type Tone } from '../shared/status-badge.tsx';
import type { WorkbenchResult } from '../../workbench/workbench-model.ts';
import type { ShownPlace } from './workbench-input.ts';

type ShownReport = WorkbenchResult['report'];
type ShownCheck = ShownReport['checks'][number];
type ShownFinding = ShownCheck['findings'][number];

const tones: Readonly<Record<ShownCheck['status'], Tone>> = {
  error: 'bad',
  warning: 'warn',
  unknown: 'info',
  ok: 'good',
  skipped: 'quiet',
};
const order: readonly ShownCheck['status'][] = ['error', 'warning', 'unknown', 'ok', 'skipped'];

export function findingCount({ checks }: ShownReport): number {
  return checks.reduce((sum, { findings }) => sum + findings.length, 0);
}

export function FindingList({
  report,
  goTo,
}: {
  readonly report: ShownReport;
  readonly goTo: (place: ShownPlace) => void;
}): VNode {
  const checks = order.flatMap((status) => report.checks.filter((each) => each.status === status));
  const told = checks.filter(({ status }) => status !== 'ok' && status !== 'skipped');
  const quiet = checks.filter((each) => !told.includes(each));
  return (
    <>
      {told.length === 0 ? <p>svidecar check finds nothing in these manifests.</p> : undefined}
      {told.map((check) => (
        <CheckView key={check.id} check={check} goTo={goTo} />
      ))}
      <details>
        <summary>{quiet.length} checks found nothing, or had nothing to look at</summary>
        {quiet.map((check) => (
          <CheckView key={check.id} check={check} goTo={goTo} />
        ))}
      </details>
      <p class="muted">
        What only a cluster knows is not checked here: svidecar check, without files, looks there.
      </p>
    </>
  );
}

interface CheckViewProps {
  readonly check: ShownCheck;
  readonly goTo: (place: ShownPlace) => void;
}

function CheckView({ check, goTo }: CheckViewProps): VNode {
  const { id, status, claim, why, findings, reasons } = check;
  return (
    <article class="decision">
      <div class="row">
        <h3>
          <code>{id}</code>
        </h3>
        <StatusBadge tone={tones[status]}>{status}</StatusBadge>
        <span>{claim}</span>
      </div>
      {findings.length === 0 ? undefined : <p class="muted">{why}</p>}
      <ul class="steps">
        <FirstItems
          items={findings}
          render={(finding, at) => <FindingView key={at} finding={finding} goTo={goTo} />}
        />
        {reasons.map((reason) => (
          <li key={reason} class="muted">
            {printable(reason)}
          </li>
        ))}
      </ul>
    </article>
  );
}

function FindingView({
  finding,
  goTo,
}: {
  readonly finding: ShownFinding;
  readonly goTo: CheckViewProps['goTo'];
}): VNode {
  const { severity, where, message, hint } = finding;
  const { file, line } = where ?? {};
  return (
    <li class="warning">
      <strong>{severity}: </strong>
      {file === undefined || line === undefined ? undefined : (
        <>
          <button
            type="button"
            class="quiet"
            onClick={() => {
              goTo({ file, line });
            }}
          >
            {printable(file)}:{line}
          </button>{' '}
        </>
      )}
      {printable(message)} <em>→ {printable(hint)}</em>
    </li>
  );
}
