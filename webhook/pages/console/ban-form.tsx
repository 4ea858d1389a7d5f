/** Bans somebody, or lifts a ban, by the value of a claim: what is typed goes to `svidecar console` on this machine alone. */
import type { VNode } from 'preact';
import { useState } from 'preact/hooks';
import type { ConsoleAction } from '../../console/console-reports.ts';

interface BanFormProps {
  /** Id of the list. */
  readonly list: string;
  readonly choose: (chosen: { readonly title: string; readonly action: ConsoleAction }) => void;
}

interface Typed {
  readonly claim: string;
  readonly value: string;
  readonly lasts: string;
  readonly reason: string;
}

const nothingTyped: Typed = { claim: '', value: '', lasts: '', reason: '' };

const fields: readonly (readonly [keyof Typed, string, string])[] = [
  ['claim', 'Claim', 'email'],
  ['value', 'Value', 'jo@example.org'],
  ['lasts', 'For (empty: for good)', '24h'],
  ['reason', 'Reason', 'lost laptop'],
];

export function BanForm({ list, choose }: BanFormProps): VNode {
  const [typed, setTyped] = useState(nothingTyped);
  const isReady = typed.claim !== '' && typed.value !== '';
  const onAdd = (): void => {
    choose({ title: 'Add a ban', action: banOf(list, typed) });
  };
  const onLift = (): void => {
    const { claim, value } = typed;
    choose({ title: 'Lift bans', action: { kind: 'ban_lift', list, claim, value } });
  };
  return (
    <form
      class="row ban-form"
      onSubmit={(event) => {
        event.preventDefault();
        if (isReady) onAdd();
      }}
    >
      {fields.map(([key, label, example]) => (
        <label key={key}>
          {label}
          <input
            value={typed[key]}
            placeholder={example}
            autocomplete="off"
            spellcheck={false}
            onInput={({ currentTarget }) => {
              setTyped({ ...typed, [key]: currentTarget.value });
            }}
          />
        </label>
      ))}
      <button type="submit" disabled={!isReady}>
        Ban…
      </button>
      <button type="button" disabled={!isReady} onClick={onLift}>
        Lift…
      </button>
    </form>
  );
}

function banOf(list: string, { claim, value, lasts, reason }: Typed): ConsoleAction {
  return {
    kind: 'ban_add',
    list,
    claim,
    value,
    ...(lasts === '' ? {} : { for: lasts }),
    ...(reason === '' ? {} : { reason }),
  };
}
