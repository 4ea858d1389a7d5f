/** Texts in columns. */

/** Lines of one cell. */
export type Cell = readonly string[];

interface Table {
  /** The line above all rows. */
  readonly head: string;
  readonly linesOf: (row: readonly Cell[]) => readonly string[];
}

/** As wide as the widest of its rows demand. */
export function tableOf(heads: readonly string[], rows: readonly (readonly Cell[])[]): Table {
  const widths = heads.map((head, at) =>
    rows
      .flatMap((row) => row[at] ?? [])
      .reduce((width, line) => Math.max(width, line.length), head.length),
  );
  const lineOf = (texts: readonly string[]): string =>
    texts
      .map((text, at) => text.padEnd(widths[at] ?? 0))
      .join('  ')
      .trimEnd();
  return {
    head: lineOf(heads),
    linesOf: (row) => {
      const height = Math.max(...row.map((cell) => cell.length));
      return Array.from({ length: height }, (_, line) =>
        lineOf(row.map((cell) => cell[line] ?? '')),
      );
    },
  };
}
