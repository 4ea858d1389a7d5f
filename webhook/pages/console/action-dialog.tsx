/** What may be changed from here: the command is shown first, and carried out only when somebody says so. */
import type { VNode } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { consolePaths } from '../../console/console-model.ts';
import type {
  ActionOutcome,
  ConsoleAction,
  PreparedAction,
} from '../../console/console-reports.ts';
import { Notice } from '../shared/status-badge.tsx';
import { ask, whyNot, type ServerReply } from './console-asking.ts';
import { CommandText } from './page-parts.tsx';

interface ActionProps {
  readonly title: string;
  readonly action: ConsoleAction;
  readonly close: () => void;
}

type Stage =
  | { readonly kind: 'preparing' }
  | { readonly kind: 'prepared'; readonly prepared: PreparedAction; readonly isRunning: boolean }
  | { readonly kind: 'done'; readonly message: string }
  | { readonly kind: 'failed'; readonly message: string };

/** Esc closes it, as any dialog of HTML; the focus goes back to where it was. */
export function ActionDialog({ title, action, close }: ActionProps): VNode {
  const dialog = useRef<HTMLDialogElement>(null);
  const [stage, setStage] = useState<Stage>({ kind: 'preparing' });
  useEffect(() => {
    dialog.current?.showModal();
    void prepare(action).then(setStage);
  }, []);
  const onCarryOut = (prepared: PreparedAction): void => {
    setStage({ kind: 'prepared', prepared, isRunning: true });
    void carryOut(prepared).then(setStage);
  };
  return (
    <dialog ref={dialog} class="dialog" aria-labelledby="dialog-title" onClose={close}>
      <h2 id="dialog-title">{title}</h2>
      <div aria-live="polite">
        <StageText stage={stage} action={action} />
      </div>
      <div class="row dialog-buttons">
        {stage.kind === 'prepared' && (
          <button
            type="button"
            class="primary"
            disabled={stage.isRunning}
            onClick={() => {
              onCarryOut(stage.prepared);
            }}
          >
            {stage.isRunning ? 'Carrying out…' : 'Carry out'}
          </button>
        )}
        <button
          type="button"
          onClick={() => {
            dialog.current?.close();
          }}
        >
          {stage.kind === 'done' ? 'Close' : 'Cancel'}
        </button>
      </div>
    </dialog>
  );
}

function StageText({
  stage,
  action,
}: {
  readonly stage: Stage;
  readonly action: ConsoleAction;
}): VNode {
  switch (stage.kind) {
    case 'preparing':
      return <p class="muted">Preparing…</p>;
    case 'prepared':
      return (
        <>
          <p>{stage.prepared.consequence}</p>
          <p class="muted">This is the command; nothing has been changed yet:</p>
          <CommandText command={commandOf(stage.prepared.command, action)} />
        </>
      );
    case 'done':
      return <Notice tone="good">{stage.message}</Notice>;
    case 'failed':
      return <Notice tone="bad">{stage.message}</Notice>;
    default:
      return stage satisfies never;
  }
}

/** The value that was typed never comes back from the server: it is written into the command here. */
function commandOf(command: string, action: ConsoleAction): string {
  if (!('value' in action)) return command;
  const quoted = action.value.replaceAll("'", String.raw`'\''`);
  return command.replace('{value}', () => quoted);
}

async function prepare(action: ConsoleAction): Promise<Stage> {
  const reply = await ask<PreparedAction>(consolePaths.actions, action);
  return reply.kind === 'value'
    ? { kind: 'prepared', prepared: reply.value, isRunning: false }
    : failed(reply);
}

async function carryOut({ id }: PreparedAction): Promise<Stage> {
  const reply = await ask<ActionOutcome>(consolePaths.carryOut, { id });
  return reply.kind === 'value' ? { kind: 'done', message: reply.value.message } : failed(reply);
}

function failed(reply: Exclude<ServerReply<unknown>, { readonly kind: 'value' }>): Stage {
  return { kind: 'failed', message: whyNot(reply) };
}
