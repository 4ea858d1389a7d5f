/** Identities for people, as a table, and for programs. */
import { jsonText, printable } from '#kernel/text.ts';
import { fittingEntries, type JudgedIdentity } from '../checks/identity-links.ts';
import type { ClusterFacts, HeldToken } from '../checks/facts.ts';
import type { JudgedProxy } from '../checks/proxy-certificates.ts';
import type { PodIdentity, IdentityChain } from '../checks/workload-identities.ts';
import { exitCodes } from './exit-codes.ts';
import { jsonOfProxy, proxiesText } from './proxies-report.ts';
import type { Paint } from './reports.ts';
import { tableOf, type Cell } from './table.ts';

const heads = ['WORKLOAD', 'SPIFFE ID', 'ENTRY', 'SELECTORS', 'FEDERATES WITH', 'HELPER HAS'];
const none: Cell = ['-'];

/** Where Istio's proxies were asked too, their table stands below, or alone where no helper is asked for. */
export function tablesText(
  judged: readonly JudgedIdentity[],
  proxies: readonly JudgedProxy[] | undefined,
  shown: ShownTables,
): string {
  const { paint } = shown;
  if (proxies === undefined) return identitiesText(judged, shown);
  const told = proxiesText(proxies, paint);
  const isAlone = judged.length === 0 && proxies.length > 0;
  return isAlone ? told : `${identitiesText(judged, shown)}\n${told}`;
}

interface ShownTables {
  readonly paint: Paint;
  /** Whether every workload and pod could be read. */
  readonly isKnown: boolean;
}

function identitiesText(
  judged: readonly JudgedIdentity[],
  { paint, isKnown }: ShownTables,
): string {
  if (judged.length === 0)
    return isKnown
      ? 'no workload asks for the helper\n'
      : 'no workload that asks for the helper could be read\n';
  const rows = judged.map(({ identity }) => cellsOf(identity).map((cell) => cell.map(printable)));
  const { head, linesOf } = tableOf(heads, rows);
  const table = rows.map((row, at) => [
    ...linesOf(row),
    ...remarksOn(judged[at], paint).map((line) => `  ${line}`),
  ]);
  return `${[paint('bold', head), ...table.flat()].join('\n')}\n`;
}

function cellsOf(identity: IdentityChain): readonly Cell[] {
  const { where, registration, clusterSpiffeIds } = identity;
  const fitting = fittingEntries(identity);
  const shown = fitting.length > 0 ? fitting : identity.entries;
  const objects = shown.length > 0 ? [] : clusterSpiffeIds.map((name) => `ClusterSPIFFEID ${name}`);
  const entries = [...shown.map(({ entry }) => entry.id), ...objects];
  const selectors = shown[0]?.entry.selectors ?? registration?.selectors ?? [];
  const domains = new Set([
    ...shown.flatMap(({ entry }) => entry.federatesWith),
    ...(registration?.federatesWith ?? []),
  ]);
  return [
    [`${where.namespace}/${where.kind}/${where.name}`],
    registration === undefined ? none : [registration.spiffeId],
    orNone(shortened(entries)),
    orNone(selectors),
    orNone([...domains].sort()),
    heldCell(identity.pods),
  ];
}

function orNone(cell: Cell): Cell {
  return cell.length === 0 ? none : cell;
}

/** Ids of one cell: with spire-controller-manager every pod has an entry. */
const shownIds = 3;

function shortened(ids: readonly string[]): Cell {
  const more = ids.length - shownIds;
  return more > 0 ? [...ids.slice(0, shownIds), `and ${more} more`] : ids;
}

function heldCell(pods: readonly PodIdentity[]): Cell {
  if (pods.length === 0) return ['no pod runs'];
  const told = pods.flatMap(({ held }) => (held?.kind === 'known' ? [held.value] : []));
  const unknown = pods.flatMap(({ held }) =>
    held === undefined || held.kind === 'known' ? [] : [`unknown: ${held.reason}`],
  );
  const byAudience = Map.groupBy(
    told.flatMap(({ tokens }) => tokens),
    ({ audience }) => audience,
  );
  const lines = [...byAudience].map(([audience, tokens]) =>
    heldLine(audience, tokens, pods.length),
  );
  const verifying = told.find(({ trustDomains }) => trustDomains !== undefined)?.trustDomains;
  return orNone([
    ...lines,
    ...(verifying === undefined ? [] : [`keys of ${verifying.join(', ')}`]),
    ...new Set(told.flatMap(({ keysProblem = '' }) => (keysProblem === '' ? [] : [keysProblem]))),
    ...new Set(unknown),
  ]);
}

/** Of several pods the token that ends first. */
function heldLine(audience: string, tokens: readonly HeldToken[], pods: number): string {
  const ends = tokens.flatMap(({ validUntilS }) => validUntilS ?? []);
  const count = pods === 1 ? '' : ` (${ends.length} of ${pods} pods)`;
  if (ends.length === 0) return `no token for ${audience}`;
  const first = ends.reduce((one, other) => Math.min(one, other));
  const until = new Date(first * 1_000).toISOString().replace('.000Z', 'Z');
  const issuer = tokens.find((each) => each.issuer !== undefined)?.issuer ?? '';
  return `${audience}, from ${issuer}, until ${until}${count}`;
}

function remarksOn(judged: JudgedIdentity | undefined, paint: Paint): readonly string[] {
  if (judged === undefined) return [];
  const { link, twins } = judged;
  const twin =
    twins.length === 0
      ? []
      : [
          `${paint('yellow', '!')} ${printable(shortened(twins).join(twins.length > shownIds ? ', ' : ' and '))} give it the same identity twice`,
        ];
  switch (link.kind) {
    case 'complete':
      return twin;
    case 'unknown':
      return [`${paint('magenta', '?')} ${printable(link.reason)}`, ...twin];
    case 'missing':
      return [
        `${paint('red', '✗')} ${link.step}: ${printable(link.message)}`,
        `  → ${printable(link.hint)}`,
        ...twin,
      ];
    default:
      return link satisfies never;
  }
}

/** One line. */
export function identitiesSummary(judged: readonly JudgedIdentity[]): string {
  const { complete, missing, unknown } = summaryOf(judged);
  return `${judged.length} workload${judged.length === 1 ? '' : 's'}: ${complete} with an identity, ${missing} without, ${unknown} not known`;
}

function summaryOf(judged: readonly JudgedIdentity[]) {
  const count = (kind: JudgedIdentity['link']['kind']): number =>
    judged.filter(({ link }) => link.kind === kind).length;
  return { complete: count('complete'), missing: count('missing'), unknown: count('unknown') };
}

/** As with `check`: 1 where something is missing, 5 where only twins are to be told of, 3 where something is not known. */
export function exitCodeOfIdentities(judged: readonly JudgedIdentity[], isBlind: boolean): number {
  const { missing, unknown } = summaryOf(judged);
  if (missing > 0) return exitCodes.refused;
  if (judged.some(({ twins }) => twins.length > 0)) return exitCodes.warned;
  return unknown > 0 || isBlind ? exitCodes.unreachable : exitCodes.ok;
}

/** Of two reports, what is missing counts before what is doubled, and that before what is not known. */
export function worstCode(codes: readonly number[]): number {
  const order = [exitCodes.refused, exitCodes.warned, exitCodes.unreachable];
  return order.find((code) => codes.includes(code)) ?? exitCodes.ok;
}

/** docs/cli.md describes the members. */
export function identitiesJson(
  judged: readonly JudgedIdentity[],
  {
    target,
    spire,
    proxies,
  }: {
    readonly target: string;
    readonly spire: ClusterFacts['spire'];
    /** Undefined where they were not asked. */
    readonly proxies: readonly JudgedProxy[] | undefined;
  },
): string {
  const { kind: status } = spire;
  return jsonText({
    target,
    spire:
      spire.kind === 'known'
        ? {
            status,
            source: spire.value.source,
            trustDomain: spire.value.trustDomain,
            entries: spire.value.entries.length,
          }
        : { status, reason: spire.reason },
    summary: summaryOf(judged),
    workloads: judged.map(jsonOf),
    ...(proxies === undefined ? {} : { proxies: proxies.map(jsonOfProxy) }),
  });
}

function jsonOf({ identity, link, twins }: JudgedIdentity) {
  const { where, registration, entries, clusterSpiffeIds, pods } = identity;
  const { kind: status, ...missing } = link;
  return {
    ...where,
    spiffeId: registration?.spiffeId,
    selectors: registration?.selectors ?? [],
    federatesWith: registration?.federatesWith ?? [],
    entries: entries.map(({ entry, fit }) => ({
      id: entry.id,
      parentId: entry.parentId,
      selectors: entry.selectors,
      federatesWith: entry.federatesWith,
      hint: entry.hint,
      unmet: fit.unmet,
      unjudged: fit.unjudged,
    })),
    sameIdentity: twins,
    clusterSpiffeIds,
    pods: pods.map(jsonOfPod),
    link: { status, ...missing },
  };
}

function jsonOfPod({ name, held }: PodIdentity) {
  if (held === undefined) return { name, status: 'not_asked' };
  const { kind: status } = held;
  if (held.kind !== 'known') return { name, status, reason: held.reason };
  const { tokens, trustDomains, keysProblem } = held.value;
  const told = tokens.map(({ validUntilS, ...rest }) => ({ ...rest, validUntil: validUntilS }));
  return { name, status, tokens: told, trustDomains, keysProblem };
}
