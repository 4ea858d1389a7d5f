/** All that the console has heard, and how each event changes it (pure). */
import type {
  ClusterStanding,
  ConsoleEvent,
  CoverageChange,
  CoverageSnapshot,
  NamespaceRow,
  WorkloadRow,
} from '../../console/console-model.ts';
import type { RunName, RunState } from '../../console/console-reports.ts';

/** The line to `svidecar console` itself; how it reaches the cluster is in `ClusterStanding`. */
export type LineState =
  | { readonly kind: 'opening' }
  | { readonly kind: 'live' }
  /** What is shown is what was last heard; it is tried again. */
  | { readonly kind: 'lost'; readonly sinceMs: number; readonly message: string }
  /** Nothing helps but a new address. */
  | { readonly kind: 'locked'; readonly message: string };

export interface ConsoleState {
  readonly line: LineState;
  readonly cluster: ClusterStanding | undefined;
  /** Seconds by which the server's clock is ahead of the browser's. */
  readonly aheadS: number;
  readonly version: string;
  readonly namespaces: ReadonlyMap<string, NamespaceRow>;
  /** By id. */
  readonly workloads: ReadonlyMap<string, WorkloadRow>;
  readonly runs: ReadonlyMap<RunName, RunState>;
  /** How often the server said that these changed. */
  readonly changes: Readonly<Record<'certificates' | 'bans', number>>;
}

export const nothingHeard: ConsoleState = {
  line: { kind: 'opening' },
  cluster: undefined,
  aheadS: 0,
  version: '',
  namespaces: new Map<string, NamespaceRow>(),
  workloads: new Map<string, WorkloadRow>(),
  runs: new Map<RunName, RunState>(),
  changes: { certificates: 0, bans: 0 },
};

/** @param nowS by the browser's clock */
export function withSnapshot(
  state: ConsoleState,
  snapshot: CoverageSnapshot,
  nowS: number,
): ConsoleState {
  return {
    ...state,
    line: { kind: 'live' },
    cluster: snapshot.cluster,
    aheadS: snapshot.nowS - nowS,
    version: snapshot.version,
    namespaces: new Map(snapshot.namespaces.map((row) => [row.name, row])),
    workloads: new Map(snapshot.workloads.map((row) => [row.id, row])),
  };
}

/** `reset` changes nothing here: whoever reads the stream asks for everything again. */
export function withEvent(state: ConsoleState, event: ConsoleEvent, nowS: number): ConsoleState {
  switch (event.kind) {
    case 'beat':
      return {
        ...state,
        line: { kind: 'live' },
        aheadS: event.nowS - nowS,
        version: event.version,
      };
    case 'changed':
      return { ...state, version: event.version, ...withChange(state, event) };
    case 'cluster':
      return { ...state, cluster: event.cluster };
    case 'run':
      return { ...state, runs: new Map(state.runs).set(event.run, event.state) };
    case 'certificates':
    case 'bans':
      return {
        ...state,
        changes: { ...state.changes, [event.kind]: state.changes[event.kind] + 1 },
      };
    case 'reset':
      return state;
    default:
      return event satisfies never;
  }
}

type Rows = Pick<ConsoleState, 'namespaces' | 'workloads'>;

/** A map that did not change stays the same one: what is worked out from it need not be again. */
function withChange({ namespaces, workloads }: Rows, change: CoverageChange): Rows {
  return {
    namespaces: changed(
      namespaces,
      change.namespaces.map((row) => [row.name, row]),
      change.goneNamespaces,
    ),
    workloads: changed(
      workloads,
      change.workloads.map((row) => [row.id, row]),
      change.goneWorkloads,
    ),
  };
}

function changed<Row>(
  rows: ReadonlyMap<string, Row>,
  news: readonly (readonly [string, Row])[],
  gone: readonly string[],
): ReadonlyMap<string, Row> {
  if (news.length === 0 && gone.length === 0) return rows;
  const next = new Map(rows);
  for (const id of gone) next.delete(id);
  for (const [id, row] of news) next.set(id, row);
  return next;
}
