/** What each status is called, its sign and its tone: the same on every page of the console. */
import type { VNode } from 'preact';
import type { CoverageStatus } from '../../console/console-model.ts';
import type { Tone } from '../shared/status-badge.tsx';

interface StatusLook {
  readonly word: string;
  readonly sign: string;
  readonly tone: Tone;
  /** What it means, for who points at it. */
  readonly means: string;
}

export const statusLooks: Readonly<Record<CoverageStatus, StatusLook>> = {
  refused: {
    word: 'refused',
    sign: '✕',
    tone: 'bad',
    means: 'asks for injection, and the webhook refuses it',
  },
  missing: {
    word: 'missing',
    sign: '○',
    tone: 'bad',
    means: 'asks for injection, and is stored or runs without it',
  },
  stale: {
    word: 'stale',
    sign: '↻',
    tone: 'warn',
    means: 'injected, but not as the configuration of today would do it',
  },
  unknown: { word: 'unknown', sign: '?', tone: 'info', means: 'cannot be judged from here' },
  injected: { word: 'injected', sign: '✓', tone: 'good', means: 'has all that it asks for' },
  left_alone: {
    word: 'left alone',
    sign: '◇',
    tone: 'quiet',
    means: 'asks for injection, and is not touched for a reason that the webhook has',
  },
  not_asked: { word: 'not asked', sign: '–', tone: 'quiet', means: 'asks for nothing' },
};

export function CoverageBadge({ status }: { readonly status: CoverageStatus }): VNode {
  const { word, sign, tone, means } = statusLooks[status];
  return (
    <span class={`badge tone-${tone}`} title={means}>
      <span aria-hidden="true">{sign}</span> {word}
    </span>
  );
}
