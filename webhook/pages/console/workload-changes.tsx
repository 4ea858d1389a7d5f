/** The object and each of its files before and after, side by side. */
import type { VNode } from 'preact';
import { useState } from 'preact/hooks';
import type { TextPair } from '../../console/console-model.ts';
import { DiffView } from '../shared/diff-view.tsx';
import { Notice, StatusBadge } from '../shared/status-badge.tsx';

const kindWords: Readonly<Record<TextPair['kind'], string>> = {
  object: 'object',
  envoy: 'Envoy file',
  envoy_filter: 'EnvoyFilter',
  settings: "helper's settings",
};

export function ChangesPart({ texts }: { readonly texts: readonly TextPair[] }): VNode {
  const [at, setAt] = useState(0);
  const shown = texts[at] ?? texts[0];
  if (shown === undefined) return <p class="muted">There is nothing to compare.</p>;
  return (
    <div class="changes">
      <div class="row" role="group" aria-label="Which text">
        {texts.map((text, index) => (
          <button
            key={index}
            type="button"
            class="chip"
            aria-pressed={text === shown}
            onClick={() => {
              setAt(index);
            }}
          >
            {text.title} <span class="muted">{kindWords[text.kind]}</span>
            {text.before === text.after && <span class="muted"> · unchanged</span>}
          </button>
        ))}
      </div>
      <OneText text={shown} />
    </div>
  );
}

function OneText({ text }: { readonly text: TextPair }): VNode {
  const { title, before, after, beforeName, afterName, problem } = text;
  if (problem !== undefined && before === '' && after === '')
    return <Notice tone="info">{problem}</Notice>;
  return (
    <>
      {problem !== undefined && <Notice tone="info">{problem}</Notice>}
      <div class="sides">
        <p>
          <StatusBadge tone="quiet">before</StatusBadge>{' '}
          {before === '' ? 'there is none' : beforeName}
        </p>
        <p>
          <StatusBadge tone="info">after</StatusBadge> {after === '' ? 'there is none' : afterName}
        </p>
      </div>
      {before === after && <p class="muted">Nothing changes in it.</p>}
      <DiffView label={title} before={before} after={after} />
    </>
  );
}
