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
 * Both stand in the order in which links name them, each caller beside whom it calls: few links cross, and what was told first
 * is on top. The longer column is packed, the other spread along it. A workload that calls and is called stands in both.
 */
export function layoutOf(links: readonly LinkEnds[], sizes: LinkSizes): LinkLayout {
  const callees = [...Map.groupBy(links, ({ to }) => to)].map(([id, own]) => ({
    id,
    ends: own.map(({ from }) => from),
  }));
  const places = new Map(callees.map(({ id }, at) => [id, at]));
  const callers = [...Map.groupBy(links, ({ from }) => from)]
    .map(([id, own]) => ({ id, ends: own.map(({ to }) => to) }))
    .map((caller) => ({ ...caller, middle: meanOf(caller.ends, places) }))
    .sort((one, other) => one.middle - other.middle);
  const right = sizes.width - sizes.nodeWidth;
  if (callers.length >= callees.length) {
    const left = packed(callers, 0, sizes);
    return withHeight(left, beside(callees, left, { x: right, sizes }), sizes);
  }
  const packedCallees = packed(callees, right, sizes);
  return withHeight(beside(callers, packedCallees, { x: 0, sizes }), packedCallees, sizes);
}

interface LinkedNode {
  readonly id: string;
  /** Ids at the other ends of its links. */
  readonly ends: readonly string[];
}

function packed(
  nodes: readonly LinkedNode[],
  x: number,
  { nodeHeight, gap }: LinkSizes,
): readonly PlacedNode[] {
  return nodes.map(({ id }, at) => ({ id, x, y: gap + at * (nodeHeight + gap) }));
}

/** Each at the middle of its links' other ends, and below the one before. */
function beside(
  nodes: readonly LinkedNode[],
  others: readonly PlacedNode[],
  { x, sizes }: { readonly x: number; readonly sizes: LinkSizes },
): readonly PlacedNode[] {
  const heights = new Map(others.map(({ id, y }) => [id, y]));
  const placed: PlacedNode[] = [];
  let free = sizes.gap;
  for (const { id, ends } of nodes) {
    const y = Math.max(free, Math.round(meanOf(ends, heights)));
    placed.push({ id, x, y });
    free = y + sizes.nodeHeight + sizes.gap;
  }
  return placed;
}

function withHeight(
  callers: readonly PlacedNode[],
  callees: readonly PlacedNode[],
  { nodeHeight, gap }: LinkSizes,
): LinkLayout {
  const lowest = Math.max(0, ...[...callers, ...callees].map(({ y }) => y));
  return { callers, callees, height: lowest + nodeHeight + gap };
}

function meanOf(ids: readonly string[], places: ReadonlyMap<string, number>): number {
  const at = ids.flatMap((id) => places.get(id) ?? []);
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
