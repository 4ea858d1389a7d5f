/**
 * A list of any length as a tree grid: only the rows in sight are in the page, and the keyboard moves through all of them.
 * @see https://www.w3.org/WAI/ARIA/apg/patterns/treegrid/
 */
import type { ComponentChildren, VNode } from 'preact';
import { useId, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { movedBy, scrolledTo, windowOf, type RowView } from './row-window.ts';

export interface GridRow {
  readonly id: string;
  /** 1 for a row of the outermost level. */
  readonly level: number;
  /** Absent for a row that cannot be opened. */
  readonly isOpen?: boolean;
}

export interface GridShape<Row extends GridRow> {
  readonly label: string;
  readonly heads: readonly string[];
  readonly rows: readonly Row[];
  /** Id of a row that a link leads to: it is scrolled to, once it is there. */
  readonly showing: string;
  /** Pixels. */
  readonly rowHeight: number;
  /** One for each head. */
  readonly cells: (row: Row) => readonly ComponentChildren[];
  /** Enter, or a click. */
  readonly choose: (row: Row) => void;
  /** Arrow to the right opens, arrow to the left closes, or goes to the row above that holds this one. */
  readonly toggle: (row: Row) => void;
  /** What stands there when there is no row. */
  readonly empty: string;
}

/** Pixels. */
const headHeight = 32;

/** The keyboard's place is kept by the row's id, so it stays when rows come and go above it. */
export function VirtualGrid<Row extends GridRow>(shape: GridShape<Row>): VNode {
  const { rows, rowHeight } = shape;
  const scroller = useRef<HTMLDivElement>(null);
  const [scrolled, setScrolled] = useState(0);
  const [activeId, setActiveId] = useState<string>();
  const prefix = useId();
  const height = useHeight(scroller) - headHeight;
  const view: RowView = { scrolled, height, rowHeight, count: rows.length };
  const { from, until } = windowOf(view);
  const active = rows.findIndex(({ id }) => id === activeId);
  const goTo = (at: number): void => {
    setActiveId(rows[at]?.id);
    scroller.current?.scrollTo({ top: scrolledTo(at, view) });
  };
  const shown = rows.findIndex(({ id }) => id === shape.showing);
  useLayoutEffect(() => {
    // Its rows beneath should be seen too: so it goes to the top, unless it is in sight.
    if (shown >= 0 && scrolledTo(shown, view) !== scrolled)
      scroller.current?.scrollTo({ top: shown * rowHeight });
  }, [shape.showing, shown >= 0]);
  return (
    <div
      class="grid"
      role="treegrid"
      ref={scroller}
      tabIndex={0}
      aria-label={shape.label}
      aria-rowcount={rows.length + 1}
      aria-activedescendant={active >= from && active < until ? `${prefix}${active}` : undefined}
      onKeyDown={(event) => {
        if (actOn(event.key, { shape, view, active, goTo })) event.preventDefault();
      }}
      onScroll={({ currentTarget }) => {
        setScrolled(currentTarget.scrollTop);
      }}
    >
      <GridHead heads={shape.heads} />
      {rows.length === 0 ? (
        <p class="grid-empty">{shape.empty}</p>
      ) : (
        <div role="rowgroup" class="grid-body" style={{ height: `${rows.length * rowHeight}px` }}>
          {rows.slice(from, until).map((row, index) => (
            <DrawnRow
              key={row.id}
              {...{ row, shape, prefix, at: from + index, isActive: row.id === activeId }}
              activate={setActiveId}
            />
          ))}
        </div>
      )}
    </div>
  );
}

interface KeyPlace<Row extends GridRow> {
  readonly shape: GridShape<Row>;
  readonly view: RowView;
  /** -1: none. */
  readonly active: number;
  readonly goTo: (at: number) => void;
}

/** Whether the key meant something here. */
function actOn<Row extends GridRow>(key: string, place: KeyPlace<Row>): boolean {
  const { shape, view, active, goTo } = place;
  const row = shape.rows[active];
  if (row !== undefined && actOnRow(key, row, place)) return true;
  const next =
    row === undefined && key === 'ArrowDown' ? 0 : movedBy(key, Math.max(0, active), view);
  if (next === undefined) return false;
  goTo(next);
  return true;
}

function actOnRow<Row extends GridRow>(key: string, row: Row, place: KeyPlace<Row>): boolean {
  const { shape, active, goTo } = place;
  if (key === 'Enter' || key === ' ') {
    shape.choose(row);
    return true;
  }
  if (key === (row.isOpen === true ? 'ArrowLeft' : 'ArrowRight') && row.isOpen !== undefined) {
    shape.toggle(row);
    return true;
  }
  if (key !== 'ArrowLeft') return false;
  const above = shape.rows.findLastIndex(({ level }, at) => at < active && level < row.level);
  if (above >= 0) goTo(above);
  return true;
}

function GridHead({ heads }: { readonly heads: readonly string[] }): VNode {
  return (
    <div role="rowgroup" class="grid-head">
      <div role="row" aria-rowindex={1} class="grid-row">
        {heads.map((head) => (
          <div role="columnheader" class="grid-cell" key={head}>
            {head}
          </div>
        ))}
      </div>
    </div>
  );
}

interface DrawnRowProps<Row extends GridRow> {
  readonly row: Row;
  readonly shape: GridShape<Row>;
  readonly at: number;
  readonly prefix: string;
  readonly isActive: boolean;
  readonly activate: (id: string) => void;
}

function DrawnRow<Row extends GridRow>(props: DrawnRowProps<Row>): VNode {
  const { row, shape, at, prefix, isActive, activate } = props;
  return (
    <div
      role="row"
      id={`${prefix}${at}`}
      class={`grid-row level-${row.level}${isActive ? ' is-active' : ''}`}
      aria-rowindex={at + 2}
      aria-level={row.level}
      aria-expanded={row.isOpen}
      aria-selected={isActive}
      style={{ height: `${shape.rowHeight}px`, transform: `translateY(${at * shape.rowHeight}px)` }}
      onClick={() => {
        activate(row.id);
        shape.choose(row);
      }}
    >
      {shape.cells(row).map((cell, column) => (
        <div role="gridcell" class={`grid-cell cell-${column}`} key={column}>
          {cell}
        </div>
      ))}
    </div>
  );
}

/** Pixels that the list has on the screen, also after the window changes. */
function useHeight(element: { readonly current: HTMLElement | null }): number {
  const [height, setHeight] = useState(600);
  useLayoutEffect(() => {
    if (element.current === null) return undefined;
    const follow = new ResizeObserver(([entry]) => {
      if (entry !== undefined) setHeight(entry.contentRect.height);
    });
    follow.observe(element.current);
    return () => {
      follow.disconnect();
    };
  }, []);
  return height;
}
