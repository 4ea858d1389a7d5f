/** A word with a colour and a sign of its own: nothing is told by the colour alone. */
import type { ComponentChildren, VNode } from 'preact';

export type Tone = 'good' | 'warn' | 'bad' | 'info' | 'quiet';

const signs: Readonly<Record<Tone, string>> = {
  good: '✓',
  warn: '!',
  bad: '✕',
  info: 'i',
  quiet: '–',
};

export function StatusBadge({
  tone,
  children,
}: {
  readonly tone: Tone;
  readonly children: ComponentChildren;
}): VNode {
  return (
    <span class={`badge tone-${tone}`}>
      <span aria-hidden="true">{signs[tone]}</span> {children}
    </span>
  );
}

/** A sentence that stands out. @param props.isAlert read at once by a screen reader */
export function Notice({
  tone,
  isAlert = false,
  children,
}: {
  readonly tone: Tone;
  readonly isAlert?: boolean;
  readonly children: ComponentChildren;
}): VNode {
  return (
    <div class={`notice tone-${tone}`} role={isAlert ? 'alert' : undefined}>
      {children}
    </div>
  );
}
