/** A look at the cluster that takes seconds: started by hand, with its progress, and how old its result is. */
import type { ComponentChildren, VNode } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { RunAnswer, RunName, RunState } from '../../console/console-reports.ts';
import { Notice } from '../shared/status-badge.tsx';
import { useAsked, type AskedValue } from './asked-value.ts';
import { ask, whyNot } from './console-asking.ts';
import type { ConsoleState } from './console-state.ts';
import { countOf, useServerNow } from './page-parts.tsx';
import { agoOf } from './token-life.ts';

export interface RunResult<T> {
  readonly result: T | undefined;
  readonly run: RunState;
  readonly asked: AskedValue<RunAnswer<T>>;
  readonly start: (body: object) => void;
  /** Why it could not be started. */
  readonly startProblem: string | undefined;
}

interface RunQuestion {
  readonly name: RunName;
  readonly path: string;
  /** What the first look is asked with: whoever opens the page wants to see something. */
  readonly body: object;
  /** Changes when the result may be out of date without a run. */
  readonly stamp?: number;
}

export function useRun<T>(state: ConsoleState, question: RunQuestion): RunResult<T> {
  const { name, path, body, stamp = 0 } = question;
  const told = state.runs.get(name);
  const asked = useAsked<RunAnswer<T>>(path, `${stampOf(told)} ${stamp} ${state.line.kind}`);
  const [startProblem, setStartProblem] = useState<string>();
  const run = told ?? asked.value?.state ?? { kind: 'never' };
  const start = (given: object): void => {
    void ask<RunState>(path, given).then((reply) => {
      setStartProblem(reply.kind === 'value' ? undefined : whyNot(reply));
      asked.again();
    });
  };
  const isUntouched = asked.value?.state.kind === 'never' && told === undefined;
  useEffect(() => {
    if (isUntouched) start(body);
  }, [isUntouched]);
  return { result: asked.value?.result, run, asked, start, startProblem };
}

/** Progress alone brings no result. */
function stampOf(run: RunState | undefined): string {
  if (run === undefined || run.kind === 'running' || run.kind === 'never') return run?.kind ?? '';
  return `${run.kind} ${run.finishedS}`;
}

interface RunBarProps {
  readonly state: ConsoleState;
  readonly run: RunResult<unknown>;
  readonly label: string;
  /** Of a further run. */
  readonly body: object;
  readonly children?: ComponentChildren;
}

export function RunBar({ state, run, label, body, children }: RunBarProps): VNode {
  const nowS = useServerNow(state);
  const isRunning = run.run.kind === 'running';
  return (
    <>
      <div class="row tools">
        <button
          type="button"
          class="primary"
          disabled={isRunning}
          onClick={() => {
            run.start(body);
          }}
        >
          {label}
        </button>
        {children}
        <span class="muted" role="status">
          {runWords(run, nowS)}
        </span>
      </div>
      {isRunning && <progress class="run-progress" aria-label={`${label}: running`} />}
      <RunFailure run={run} />
    </>
  );
}

/** Changes in words rather than numbers, so that a screen reader is not read every second. */
function runWords({ run, asked }: RunResult<unknown>, nowS: number): string {
  const resultS = asked.value?.resultS;
  const last = resultS === undefined ? '' : `result of ${agoOf(resultS, nowS)}`;
  switch (run.kind) {
    case 'never':
      return asked.isAsking ? 'Reading…' : 'Not run yet';
    case 'running':
      return `${countOf(run.asked, 'answer')} so far; asking for ${run.doing}`;
    case 'done':
      return `${last}; it took ${(run.tookMs / 1_000).toFixed(1)} s`;
    case 'failed':
      return last;
    default:
      return run satisfies never;
  }
}

function RunFailure({
  run: { run, asked, startProblem },
}: {
  readonly run: RunResult<unknown>;
}): VNode {
  const words = [
    run.kind === 'failed' ? `${run.message} [${run.code}]` : undefined,
    asked.failure === undefined ? undefined : whyNot(asked.failure),
    startProblem,
  ].filter((each) => each !== undefined);
  return (
    <>
      {[...new Set(words)].map((each) => (
        <Notice key={each} tone="bad" isAlert>
          {each}
        </Notice>
      ))}
    </>
  );
}
