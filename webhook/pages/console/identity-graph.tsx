/** The links as a picture: callers left, callees right; what is missing is red, dashed, and numbered as in the list beneath. */
import type { VNode } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { IdentityEdge } from '../../console/console-reports.ts';
import { fragmentOf } from './console-place.ts';
import { curveOf, layoutOf, type LinkSizes, type PlacedNode } from './link-layout.ts';
import { kindOf, labelOf, type LinkChoice } from './link-choice.ts';

interface GraphProps {
  readonly choice: LinkChoice;
}

/** Pixels. */
const nodeHeight = 44;
const gap = 12;
const leastWidth = 330;

export function IdentityGraph({ choice }: GraphProps): VNode {
  const frame = useRef<HTMLDivElement>(null);
  const width = useWidth(frame);
  const sizes: LinkSizes = { width, nodeWidth: Math.min(280, width * 0.36), nodeHeight, gap };
  const layout = layoutOf(choice.drawn, sizes);
  const callerAt = new Map(layout.callers.map((node) => [node.id, node]));
  const calleeAt = new Map(layout.callees.map((node) => [node.id, node]));
  const boxes = { nodes: choice.nodes, sizes };
  return (
    <div ref={frame} class="graph">
      <p class="graph-heads" aria-hidden="true">
        <b>calls</b>
        <span class="graph-keys">
          <span>
            <Key status="complete" /> may call
          </span>
          <span>
            <Key status="unknown" /> may call, as far as is known
          </span>
          <span>
            <Key status="missing" /> something is missing
          </span>
        </span>
        <b>is called</b>
      </p>
      <div
        class="graph-canvas"
        style={{ width: `${width}px`, height: `${layout.height}px` }}
        role="group"
        aria-label={`Callers and callees: ${choice.words}. The table beneath says the same.`}
      >
        <svg width={width} height={layout.height} aria-hidden="true">
          {choice.drawn.map((edge, at) => {
            const ends = { caller: callerAt.get(edge.from), callee: calleeAt.get(edge.to) };
            return <Link key={at} edge={edge} number={at + 1} sizes={sizes} {...ends} />;
          })}
        </svg>
        <Boxes label="Callers" places={layout.callers} {...boxes} />
        <Boxes label="Callees" places={layout.callees} {...boxes} />
      </div>
    </div>
  );
}

function Key({ status }: Pick<IdentityEdge, 'status'>): VNode {
  return (
    <svg width="30" height="10" class="graph-key">
      <path d="M0 5H30" class={`link link-${status}`} />
    </svg>
  );
}

interface LinkProps {
  readonly edge: IdentityEdge;
  readonly number: number;
  readonly sizes: LinkSizes;
  readonly caller: PlacedNode | undefined;
  readonly callee: PlacedNode | undefined;
}

function Link({ edge, number, sizes, caller, callee }: LinkProps): VNode | null {
  if (caller === undefined || callee === undefined) return null;
  const middleX = (caller.x + sizes.nodeWidth + callee.x) / 2;
  const middleY = (caller.y + callee.y + sizes.nodeHeight) / 2;
  return (
    <g>
      <path d={curveOf(caller, callee, sizes)} class={`link link-${edge.status}`}>
        <title>{edge.words}</title>
      </path>
      {edge.status === 'missing' && (
        <g>
          <circle cx={middleX} cy={middleY} r={11} class="link-number" />
          <text x={middleX} y={middleY + 4} text-anchor="middle" class="link-number-text">
            {number}
          </text>
        </g>
      )}
    </g>
  );
}

interface BoxProps {
  readonly nodes: LinkChoice['nodes'];
  readonly sizes: LinkSizes;
}

function Boxes({
  label,
  places,
  ...box
}: BoxProps & { readonly label: string; readonly places: readonly PlacedNode[] }): VNode {
  return (
    <ul aria-label={label} class="boxes">
      {places.map((place) => (
        <NodeBox key={place.id} place={place} {...box} />
      ))}
    </ul>
  );
}

/** Leads to its own links alone. */
function NodeBox({ place, nodes, sizes }: BoxProps & { readonly place: PlacedNode }): VNode | null {
  const node = nodes.get(place.id);
  if (node === undefined) return null;
  const isBroken = node.kind === 'workload' && node.link.status === 'missing';
  const about = node.kind === 'workload' ? node.name : node.label;
  const style = {
    left: `${place.x}px`,
    top: `${place.y}px`,
    width: `${sizes.nodeWidth}px`,
    height: `${sizes.nodeHeight}px`,
  };
  return (
    <li class={`box box-${node.kind}${isBroken ? ' box-broken' : ''}`} style={style}>
      <a href={fragmentOf({ page: 'identities', about })} title={labelOf(node)}>
        <b>{labelOf(node)}</b>
        <span>{isBroken ? '✕ identity broken' : kindOf(node)}</span>
      </a>
    </li>
  );
}

function useWidth(frame: { readonly current: HTMLElement | null }): number {
  const [width, setWidth] = useState(900);
  useEffect(() => {
    if (frame.current === null) return undefined;
    const follow = new ResizeObserver(([entry]) => {
      if (entry !== undefined) setWidth(Math.max(leastWidth, Math.floor(entry.contentRect.width)));
    });
    follow.observe(frame.current);
    return () => {
      follow.disconnect();
    };
  }, []);
  return width;
}
