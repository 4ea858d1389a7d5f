/** The coverage as one list of rows: namespaces, and under those that are open their workloads (pure). */
import type {
  CoverageCounts,
  CoverageStatus,
  NamespaceRow,
  WorkloadRow,
} from '../../console/console-model.ts';
import { coverageStatuses, type CoverageChoice, type CoverageSort } from './console-place.ts';

export type CoverageRow =
  | {
      readonly kind: 'namespace';
      readonly id: string;
      readonly level: 1;
      readonly isOpen: boolean;
      readonly namespace: NamespaceRow;
      /** Of the workloads that fit the words; all of them where there are none. */
      readonly counts: CoverageCounts;
      readonly total: number;
    }
  | {
      readonly kind: 'workload';
      readonly id: string;
      readonly level: 2;
      readonly workload: WorkloadRow;
    };

export interface CoverageList {
  readonly rows: readonly CoverageRow[];
  /** Of all that fits the words, whatever its status. */
  readonly counts: CoverageCounts;
  /** Workloads that fit words and status. */
  readonly shown: number;
}

interface Known {
  readonly namespaces: ReadonlyMap<string, NamespaceRow>;
  readonly workloads: ReadonlyMap<string, WorkloadRow>;
}

interface Group {
  readonly namespace: NamespaceRow;
  readonly fitting: readonly WorkloadRow[];
  readonly counts: CoverageCounts;
}

/** From how many namespaces on they begin closed, when something is searched. */
const openAtOnce = 400;

/** What is searched for is shown: with words or a status, namespaces are open as long as few workloads fit. */
export function coverageList(
  { namespaces, workloads }: Known,
  choice: CoverageChoice,
): CoverageList {
  const words = choice.words.toLowerCase().split(/\s+/).filter(Boolean);
  const fits = (row: WorkloadRow): boolean => {
    const text = row.id.toLowerCase();
    return words.every((word) => text.includes(word));
  };
  const byNamespace = Map.groupBy([...workloads.values()].filter(fits), (row) => row.namespace);
  const isSearch = words.length > 0 || choice.status !== '';
  const groups = [...namespaces.values(), ...unnamed(namespaces, byNamespace)]
    .map((namespace) => groupOf(namespace, byNamespace.get(namespace.name) ?? []))
    .map((group) => ({ ...group, fitting: withStatus(group.fitting, choice.status) }))
    .filter(
      ({ namespace, fitting }) => !isSearch || fitting.length > 0 || isNamed(namespace, words),
    )
    .filter(({ fitting }) => choice.status === '' || fitting.length > 0)
    .sort(orders[choice.sort]);
  const shown = groups.reduce((sum, { fitting }) => sum + fitting.length, 0);
  const isOpen = ({ namespace }: Group): boolean =>
    namespace.name === choice.open || (isSearch && choice.open === '' && shown <= openAtOnce);
  return {
    rows: groups.flatMap((group) => rowsOf(group, isOpen(group))),
    counts: sumOf(groups.map(({ counts }) => counts)),
    shown,
  };
}

/** Where namespaces may not be read, or a workload is told before its namespace. */
function unnamed(
  namespaces: ReadonlyMap<string, NamespaceRow>,
  byNamespace: ReadonlyMap<string, readonly WorkloadRow[]>,
): readonly NamespaceRow[] {
  return [...byNamespace.keys()]
    .filter((name) => !namespaces.has(name))
    .map((name) => ({ name, label: 'unknown', isEnding: false, counts: countsOf([]) }));
}

function groupOf(namespace: NamespaceRow, fitting: readonly WorkloadRow[]): Group {
  return { namespace, fitting, counts: countsOf(fitting) };
}

function isNamed({ name }: NamespaceRow, words: readonly string[]): boolean {
  return words.length > 0 && words.every((word) => name.toLowerCase().includes(word));
}

function withStatus(
  rows: readonly WorkloadRow[],
  status: CoverageChoice['status'],
): readonly WorkloadRow[] {
  return status === '' ? rows : rows.filter((row) => row.status === status);
}

function rowsOf({ namespace, fitting, counts }: Group, isOpen: boolean): readonly CoverageRow[] {
  const total = totalOf(counts);
  const head = {
    kind: 'namespace',
    id: namespace.name,
    level: 1,
    isOpen,
    namespace,
    counts,
    total,
  } as const;
  if (!isOpen) return [head];
  const below = [...fitting]
    .sort((one, other) => rankOf(one.status) - rankOf(other.status) || compare(one.id, other.id))
    .map((workload) => ({ kind: 'workload', id: workload.id, level: 2, workload }) as const);
  return [head, ...below];
}

function rankOf(status: CoverageStatus): number {
  return coverageStatuses.indexOf(status);
}

/** By code units: quick, and the same in every browser. */
function compare(one: string, other: string): number {
  if (one === other) return 0;
  return one < other ? -1 : 1;
}

type Order = (one: Group, other: Group) => number;

const byName: Order = (one, other) => compare(one.namespace.name, other.namespace.name);

/** `kube-public` and its like are in each cluster. */
const emptyLast: Order = (one, other) =>
  Number(totalOf(one.counts) === 0) - Number(totalOf(other.counts) === 0);

/** What is equal by its measure stands by name. */
const orders: Readonly<Record<CoverageSort, Order>> = {
  name: byName,
  trouble: (one, other) =>
    troubleOf(other.counts) - troubleOf(one.counts) || emptyLast(one, other) || byName(one, other),
  share: (one, other) => shareOf(one.counts) - shareOf(other.counts) || byName(one, other),
  size: (one, other) => totalOf(other.counts) - totalOf(one.counts) || byName(one, other),
};

/** How many need somebody. */
function troubleOf(counts: CoverageCounts): number {
  return counts.refused + counts.missing + counts.stale + counts.unknown;
}

/** How many ask for injection. */
export function askedOf(counts: CoverageCounts): number {
  return totalOf(counts) - counts.not_asked;
}

/** Injected of those that ask; where none does, it is behind all others. */
function shareOf(counts: CoverageCounts): number {
  const asked = askedOf(counts);
  return asked === 0 ? 2 : counts.injected / asked;
}

export function totalOf(counts: CoverageCounts): number {
  return coverageStatuses.reduce((sum, status) => sum + counts[status], 0);
}

function countsOf(rows: readonly WorkloadRow[]): CoverageCounts {
  const counts = noCounts();
  for (const { status } of rows) counts[status] += 1;
  return counts;
}

function sumOf(all: readonly CoverageCounts[]): CoverageCounts {
  const sum = noCounts();
  for (const counts of all) for (const status of coverageStatuses) sum[status] += counts[status];
  return sum;
}

function noCounts(): Record<CoverageStatus, number> {
  return {
    refused: 0,
    missing: 0,
    stale: 0,
    unknown: 0,
    injected: 0,
    left_alone: 0,
    not_asked: 0,
  };
}
