/** Where callers, callees and the links between them stand in the graph (pure): callers left, callees right. */

export interface LinkEnds {
  readonly from: string;
  readonly to: string;
}

export interface PlacedNode {
  readonly id: string;
  /** Pixels, of the box's left upper corner. */
  readonly x: number;
  /** Pixels. */
  readonly y: number;
}

export interface LinkLayout {
  readonly callers: readonly PlacedNode[];
  readonly callees: readonly PlacedNode[];
  /** Pixels. */
  readonly height: number;
}

/** Pixels. */
export interface LinkSizes {
  readonly width: number;
  readonly nodeWidth: number;
  readonly nodeHeight: number;
  readonly gap: number;
}

/**
 * Callees stand in the order in which they are given, each caller near the middle of whom it calls: few links cross then.
 * Both columns have the same middle. A workload that calls and is called stands in both.
 */
export function layoutOf(
  callees: readonly string[],
  links: readonly LinkEnds[],
  sizes: LinkSizes,
): LinkLayout {
  const places = new Map(callees.map((id, at) => [id, at]));
  const called = Map.groupBy(links, ({ from }) => from);
  const callers = [...called]
    .map(([id, own]) => ({ id, middle: middleOf(own, places) }))
    .sort((one, other) => one.middle - other.middle || one.id.localeCompare(other.id))
    .map(({ id }) => id);
  const rows = Math.max(callers.length, callees.length);
  const step = sizes.nodeHeight + sizes.gap;
  const column = (ids: readonly string[], x: number): readonly PlacedNode[] => {
    const top = ((rows - ids.length) * step) / 2 + sizes.gap;
    return ids.map((id, at) => ({ id, x, y: top + at * step }));
  };
  return {
    callers: column(callers, 0),
    callees: column(callees, sizes.width - sizes.nodeWidth),
    height: rows * step + sizes.gap,
  };
}

function middleOf(links: readonly LinkEnds[], places: ReadonlyMap<string, number>): number {
  const at = links.flatMap(({ to }) => places.get(to) ?? []);
  return at.reduce((sum, place) => sum + place, 0) / Math.max(1, at.length);
}

/** A curve from a caller's right edge to a callee's left one, as the `d` of an SVG path. */
export function curveOf(caller: PlacedNode, callee: PlacedNode, sizes: LinkSizes): string {
  const startX = caller.x + sizes.nodeWidth;
  const startY = caller.y + sizes.nodeHeight / 2;
  const endY = callee.y + sizes.nodeHeight / 2;
  const bend = (callee.x - startX) / 2;
  return `M${startX} ${startY}C${startX + bend} ${startY} ${callee.x - bend} ${endY} ${callee.x} ${endY}`;
}
