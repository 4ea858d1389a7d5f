/** Which rows of a long list are drawn: thousands stand in memory, some dozens in the page (pure). */

export interface RowWindow {
  /** First row that is drawn. */
  readonly from: number;
  /** First row after it that is not. */
  readonly until: number;
}

export interface RowView {
  /** Pixels. */
  readonly scrolled: number;
  /** Pixels. */
  readonly height: number;
  /** Pixels. */
  readonly rowHeight: number;
  readonly count: number;
}

/** Rows above and below what is seen, so that a quick wheel meets no gap. */
const spare = 10;

export function windowOf({ scrolled, height, rowHeight, count }: RowView): RowWindow {
  const first = Math.floor(scrolled / rowHeight) - spare;
  const last = Math.ceil((scrolled + height) / rowHeight) + spare;
  const until = Math.min(count, Math.max(0, last));
  return { from: Math.min(until, Math.max(0, first)), until };
}

/** How far a list must be scrolled, in pixels, so that a row is seen; as it is where it is seen already. */
export function scrolledTo(row: number, { scrolled, height, rowHeight }: RowView): number {
  const top = row * rowHeight;
  if (top < scrolled) return top;
  return Math.max(scrolled, top + rowHeight - height);
}

/** Keys that move through a list, as in a grid of WAI-ARIA's Authoring Practices. Undefined for any other key. */
export function movedBy(key: string, at: number, view: RowView): number | undefined {
  const page = Math.max(1, Math.floor(view.height / view.rowHeight) - 1);
  const steps: ReadonlyMap<string, number> = new Map([
    ['ArrowDown', 1],
    ['ArrowUp', -1],
    ['PageDown', page],
    ['PageUp', -page],
    ['Home', -view.count],
    ['End', view.count],
  ]);
  const step = steps.get(key);
  if (step === undefined || view.count === 0) return undefined;
  return Math.min(view.count - 1, Math.max(0, at + step));
}
