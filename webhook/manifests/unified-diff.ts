/** Two texts as a unified diff, as `diff -u` and git print it. */
import { structuredPatch, type StructuredPatchHunk } from 'diff';
import { printable } from '#kernel/text.ts';

export interface DiffTexts {
  readonly before: string;
  readonly after: string;
}

export interface DiffLabels {
  /** What the two sides are called. */
  readonly before: string;
  readonly after: string;
  /** Line in its file at which the texts begin, from 1. */
  readonly firstLine?: number;
}

/** Two texts that differ, or are compared, and what they are called. */
export interface LabelledTexts extends DiffTexts {
  readonly labels: DiffLabels;
}

/** Changed lines up to which the shortest diff is computed; beyond it, all lines are shown as replaced. */
const maxEditLength = 1_000;
/** After the line numbers of a hunk, where `diff -p` and git show the name of a function. */
const tooManyChanges = ` more than ${maxEditLength.toLocaleString('en')} lines differ, so all are shown as replaced`;
/** Unchanged lines around a change. */
const context = 3;

/** Empty when the texts are the same. Cost: O((n + m) · changed lines). */
export function unifiedDiff({ before, after }: DiffTexts, labels: DiffLabels): string {
  if (before === after) return '';
  const names = ['', '', before, after, '', ''] as const;
  const found = structuredPatch(...names, { context, maxEditLength });
  const { hunks } = found ?? allReplaced(before, after);
  const first = labels.firstLine ?? 1;
  const heading = found === undefined ? tooManyChanges : '';
  const texts = hunks.map((hunk) => hunkText(hunk, first, heading));
  return `--- ${printable(labels.before)}\n+++ ${printable(labels.after)}\n${texts.join('')}`;
}

function allReplaced(before: string, after: string): { hunks: readonly StructuredPatchHunk[] } {
  const removed = markedLines(before, '-');
  const added = markedLines(after, '+');
  const hunk = {
    oldStart: 1,
    oldLines: removed.filter(isLine).length,
    newStart: 1,
    newLines: added.filter(isLine).length,
    lines: [...removed, ...added],
  };
  return { hunks: [hunk] };
}

const noNewline = '\\ No newline at end of file';
const isLine = (marked: string): boolean => marked !== noNewline;

function markedLines(text: string, mark: '-' | '+'): readonly string[] {
  const lines = text.split('\n').map((line) => mark + line);
  return lines.at(-1) === mark ? lines.slice(0, -1) : [...lines, noNewline];
}

/** A side without lines is said to begin at the line before. @see POSIX diff, "unified output" */
function hunkText(hunk: StructuredPatchHunk, firstLine: number, heading: string): string {
  const side = (start: number, lines: number): string =>
    `${start + firstLine - 1 - (lines === 0 ? 1 : 0)},${lines}`;
  const { oldStart, oldLines, newStart, newLines, lines } = hunk;
  return `@@ -${side(oldStart, oldLines)} +${side(newStart, newLines)} @@${heading}\n${lines.join('\n')}\n`;
}
