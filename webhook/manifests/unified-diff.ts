/** Two texts as a unified diff, as `diff -u` and git print it. */
import { printable } from '#kernel/text.ts';

interface Line {
  readonly mark: ' ' | '-' | '+';
  readonly text: string;
}

export interface DiffTexts {
  readonly before: string;
  readonly after: string;
}

export interface DiffLabels {
  /** What the two sides are called. */
  readonly before: string;
  readonly after: string;
  /** Line in its file that the texts begin at, from 1. */
  readonly firstLine?: number;
}

/** Unchanged lines around a change. */
const context = 3;
/** Changed lines up to which the shortest diff is looked for; beyond it, all lines between are shown as replaced. */
const maxEdits = 1_000;
const noNewline = '\\ No newline at end of file';

/** Empty when the texts are the same. Cost: O((n + m) · changed lines). */
export function unifiedDiff({ before, after }: DiffTexts, labels: DiffLabels): string {
  if (before === after) return '';
  const lines = compare(linesOf(before), linesOf(after));
  const hunks = hunksOf(lines).map((range) => hunkText(lines, range, labels.firstLine ?? 1));
  return `--- ${printable(labels.before)}\n+++ ${printable(labels.after)}\n${hunks.join('')}`;
}

/** With their line breaks, so that a missing one at the end is a difference. */
function linesOf(text: string): readonly string[] {
  return text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
}

function compare(before: readonly string[], after: readonly string[]): readonly Line[] {
  let start = 0;
  while (start < before.length && before[start] === after[start]) start += 1;
  let end = 0;
  const room = Math.min(before.length, after.length) - start;
  while (end < room && before.at(-1 - end) === after.at(-1 - end)) end += 1;
  const middle = shortestEdit(
    before.slice(start, before.length - end),
    after.slice(start, after.length - end),
  );
  const same = (text: string): Line => ({ mark: ' ', text });
  return [
    ...before.slice(0, start).map(same),
    ...middle,
    ...before.slice(before.length - end).map(same),
  ];
}

/** How far each diagonal (position in the one minus position in the other) reaches. */
type Front = ReadonlyMap<number, number>;

/** Myers' greedy algorithm: with one edit more each round, how far each diagonal reaches. */
function shortestEdit(before: readonly string[], after: readonly string[]): readonly Line[] {
  const limit = Math.min(before.length + after.length, maxEdits);
  const fronts: Front[] = [];
  let front: Front = new Map([[1, 0]]);
  for (let edits = 0; edits <= limit; edits += 1) {
    fronts.push(front);
    const next = new Map<number, number>();
    for (let diagonal = -edits; diagonal <= edits; diagonal += 2) {
      const reach = slide(before, after, stepOn(front, diagonal, edits));
      next.set(diagonal, reach);
      const isDone = reach >= before.length && reach - diagonal >= after.length;
      if (isDone) return walkBack(before, after, fronts);
    }
    front = next;
  }
  return [
    ...before.map((text): Line => ({ mark: '-', text })),
    ...after.map((text): Line => ({ mark: '+', text })),
  ];
}

interface Step {
  /** An addition; else a removal. */
  readonly isDown: boolean;
  readonly diagonal: number;
  /** Position in the text before, after the step. */
  readonly x: number;
}

/** Which edit leads farthest on a diagonal. */
function stepOn(front: Front, diagonal: number, edits: number): Step {
  const down = front.get(diagonal + 1) ?? -1;
  const right = front.get(diagonal - 1) ?? -1;
  const isDown = diagonal === -edits || (diagonal !== edits && right < down);
  return { isDown, diagonal, x: isDown ? down : right + 1 };
}

/** As far as the lines are the same. */
function slide(before: readonly string[], after: readonly string[], step: Step): number {
  let { x } = step;
  const isInside = (): boolean => x < before.length && x - step.diagonal < after.length;
  while (isInside() && before[x] === after[x - step.diagonal]) x += 1;
  return x;
}

/** The steps of the shortest way, from its end to its beginning, as lines. */
function walkBack(
  before: readonly string[],
  after: readonly string[],
  fronts: readonly Front[],
): readonly Line[] {
  const backwards: Line[] = [];
  let [x, y] = [before.length, after.length];
  for (const [edits, front] of [...fronts.entries()].reverse()) {
    const step = stepOn(front, x - y, edits);
    const first = edits === 0 ? 0 : step.x;
    const same = before.slice(first, x).reverse();
    backwards.push(...same.map((text): Line => ({ mark: ' ', text })));
    y -= x - first;
    x = first;
    if (edits === 0) break;
    if (step.isDown) backwards.push({ mark: '+', text: after[(y -= 1)] ?? '' });
    else backwards.push({ mark: '-', text: before[(x -= 1)] ?? '' });
  }
  return backwards.reverse();
}

interface Range {
  readonly start: number;
  readonly end: number;
}

/** Changes with their surroundings; those that touch are one. */
function hunksOf(lines: readonly Line[]): readonly Range[] {
  const hunks: Range[] = [];
  for (const [index, { mark }] of lines.entries()) {
    if (mark === ' ') continue;
    const start = Math.max(0, index - context);
    const end = Math.min(lines.length, index + context + 1);
    const last = hunks.at(-1);
    if (last !== undefined && start <= last.end)
      hunks[hunks.length - 1] = { start: last.start, end };
    else hunks.push({ start, end });
  }
  return hunks;
}

function hunkText(lines: readonly Line[], { start, end }: Range, firstLine: number): string {
  const count = (part: readonly Line[], mark: Line['mark']): number =>
    part.filter((line) => line.mark !== mark).length;
  const earlier = lines.slice(0, start);
  const own = lines.slice(start, end);
  const side = (mark: Line['mark']): string => {
    const length = count(own, mark);
    const from = firstLine + count(earlier, mark) - (length === 0 ? 1 : 0);
    return `${from},${length}`;
  };
  const body = own.map(({ mark, text }) =>
    text.endsWith('\n') ? `${mark}${text}` : `${mark}${text}\n${noNewline}\n`,
  );
  return `@@ -${side('+')} +${side('-')} @@\n${body.join('')}`;
}
