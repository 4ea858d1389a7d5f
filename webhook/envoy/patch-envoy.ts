/**
 * An Envoy configuration gains our filters and clusters. The decision is a list of JSON Patch operations for each
 * file; the text editor carries them out by insertion and proves that nothing else changed.
 */
import { own, setMember } from '#kernel/members.ts';
import type { JsonObject } from '#kernel/json.ts';
import { editOpenText } from '../editing/edit-text.ts';
import { lineOfPath } from '../editing/open-text.ts';
import type { Operation } from '../editing/operation.ts';
import { startAudiences } from './audience-routes.ts';
import { bootstrapSteps } from './bootstrap.ts';
import { checkBootstrap } from './check-bootstrap.ts';
import { checkBehind, exempts, startBehind } from './check-behind.ts';
import { checkClaims } from './check-claims.ts';
import { checkConnection } from './check-connection.ts';
import { checkHosts, startHosts } from './check-hosts.ts';
import { checkPorts } from './check-ports.ts';
import { refuseRepeats } from './check-repeats.ts';
import { checkWaysPast } from './check-ways-past.ts';
import { checkUnrouted } from './check-unrouted.ts';
import { checkRoutes } from './check-routes.ts';
import { chooseListeners, requireChoice } from './choose-listeners.ts';
import {
  type ClusterPlan,
  type KnownCluster,
  clustersIn,
  findClusters,
  planClusters,
  withClusterNames,
} from './clusters.ts';
import {
  type ConfigFile,
  type ConfigFiles,
  asInvalid,
  invalid,
  openFiles,
  missingListenersFile,
  warningAt,
} from './config-file.ts';
import type {
  EnvoyAdditions,
  EnvoyChange,
  EnvoyInsertion,
  EnvoyPatch,
  EnvoySource,
  EnvoyWarning,
  FilterAddition,
} from './patch-contract.ts';
import { findListeners } from './find-managers.ts';
import { checkUnseen, nameFilter } from './filter-names.ts';
import { type Chosen, inboundView } from './guards.ts';
import { checkHandOver } from './hand-over.ts';
import { askedPort, findHandWired } from './hand-wired.ts';
import { type FilterList, type Listener, type Manager, titleOf } from './listener.ts';
import { checkNeighbours, placeOf, requireNames } from './place-filter.ts';
import { type Placed, fieldKey, placedField, textOf } from './proto-field.ts';
import { type EnvoySurroundings, surroundingsOf } from './reach.ts';
import { type SettingsReader, type SettingsView, settingsReader } from './settings-view.ts';
import { withoutUnread } from './unread-metadata.ts';
import { type UnroutedReader, unroutedReader } from './unrouted.ts';

/** One operation, where it belongs, and the sentence that explains it. */
interface Step {
  readonly file: ConfigFile;
  readonly operation: Operation;
  readonly change: EnvoyChange;
}

/** A filter that goes into one list of a connection manager. */
interface Wanted {
  readonly addition: FilterAddition;
  readonly listener: Listener;
  readonly manager: Manager;
  readonly list: FilterList;
  /** The `HttpFilter`, under the name that it gets here; clusters are not named yet. */
  readonly filter: JsonObject;
  /** Index in the list before which it goes. */
  readonly at: number;
}

/**
 * Adds filters and clusters to an Envoy configuration. Pure; the source's strings are not touched.
 * Cost: two parses of each changed file.
 * @throws {AppError} ENVOY_CONFIG_INVALID with file, line and column; LISTENERS_AMBIGUOUS when two directions are
 *   asked for and a listener names neither
 * @see envoy.config.bootstrap.v3.Bootstrap, envoy.config.listener.v3.Listener
 */
export function patchEnvoy(source: EnvoySource, asked: EnvoyAdditions): EnvoyPatch {
  const files = openFiles(source);
  const additions = { ...asked, filters: withoutUnread(asked.filters, { files, source }) };
  const listeners = findListeners(files);
  if (additions.filters.length > 0) requireManagers(files, listeners);
  requireChoice(listeners, additions.filters);
  const search = startSearch({ files, listeners, additions, version: source.version });
  const { surroundings, warnings, chosen } = search;
  const wanted = additions.filters.flatMap((addition) => placesFor(addition, search));
  const plans = planClusters(clustersWanted(additions, wanted), search.clusters);
  const steps = [
    ...[...Map.groupBy(wanted, ({ list }) => list).values()].flatMap((ofList) =>
      filterSteps(ofList, plans),
    ),
    ...clusterSteps(files.main, plans),
    ...bootstrapChanges(files.main, wanted.length === 0 ? [] : additions.bootstrap),
  ];
  const reused = plans.flatMap((plan) => reuseOf(plan));
  const inbound = inboundView(chosen, files, surroundings);
  addAll(warnings, checkWaysPast(inbound, chosen, surroundings));
  return {
    ...written(source, steps),
    warnings: unique(warnings),
    changes: [...steps.map(({ change }) => change), ...reused],
    inbound,
  };
}

function requireManagers(files: ConfigFiles, listeners: readonly Listener[]): void {
  if (listeners.some(({ managers }) => managers.length > 0)) return;
  const missing = missingListenersFile(files);
  if (missing !== undefined && listeners.length === 0) {
    throw invalid(files.main, '/dynamic_resources/lds_config', {
      reason: 'discovery_file_missing',
      why: `the listeners should come from ${missing}, which is not among the files that the container gets from this ConfigMap by the same mount and volume source; put it there, so that its listeners get the filter`,
    });
  }
  const path = listeners.length > 0 ? '/static_resources/listeners' : '/static_resources';
  throw invalid(files.main, path, {
    reason: 'no_connection_manager',
    why: 'there is no HTTP connection manager here, and only HTTP requests can carry a token; if the listeners come from a control plane (xDS), the filter must be added there',
  });
}

interface Search {
  readonly files: ConfigFiles;
  readonly listeners: readonly Listener[];
  readonly clusters: readonly KnownCluster[];
  readonly surroundings: EnvoySurroundings;
  readonly additions: EnvoyAdditions;
  readonly version: EnvoySource['version'];
  readonly settingsOf: SettingsReader;
  readonly unroutedOf: UnroutedReader;
  /** Both are filled. */
  readonly warnings: EnvoyWarning[];
  readonly chosen: Chosen[];
}

function startSearch(asked: Pick<Search, 'files' | 'listeners' | 'additions' | 'version'>): Search {
  const { files, listeners, additions } = asked;
  const clusters = findClusters(files);
  return {
    ...asked,
    clusters,
    surroundings: surroundingsOf(clusters, listeners),
    settingsOf: settingsReader(),
    unroutedOf: unroutedReader(),
    warnings: [
      ...files.warnings,
      ...checkPorts(files, listeners, new Set(additions.takenPorts)),
      ...checkBootstrap(files.main),
    ],
    chosen: [],
  };
}

/** The lists that get a filter: those of the chosen listeners' connection managers that have none for this rule yet. */
function placesFor(addition: FilterAddition, whole: Search): readonly Wanted[] {
  // Where the filter protects nothing, bypassing it is no danger: no warning.
  const search = addition.onlyRefuses === true ? { ...whole, warnings: [], chosen: [] } : whole;
  const { files, listeners, clusters, surroundings, additions, warnings } = search;
  const reported = new Set<object>();
  const behind = startBehind(addition, clusters);
  const before = new Set(addition.before);
  const bothAsked = new Set(additions.filters.map(({ direction }) => direction)).size > 1;
  const choice = chooseListeners(addition, listeners, { files, bothAsked });
  addAll(whole.warnings, choice.warnings);
  addAll(warnings, checkHandOver(addition, choice.listeners, search));
  for (const listener of choice.listeners) search.chosen.push({ addition, listener });
  requireNames(addition, choice.listeners, files.main);
  refuseRepeats(addition, choice.listeners, surroundings);
  const filter = withClusterNames(addition.filter, planClusters(additions.clusters, clusters));
  const of = { addition, filter, before, port: askedPort(addition, additions.clusters) };
  const hosts = startHosts(addition, { ...surroundings, main: files.main });
  const around = { ...surroundings, reported, sharedOf: startAudiences(addition, surroundings) };
  return choice.listeners.flatMap((listener) => {
    addAll(warnings, checkRoutes(addition, listener, around));
    addAll(warnings, checkHosts(addition, listener, hosts));
    addAll(warnings, checkBehind(addition, listener, { ...search, behind }));
    addAll(warnings, checkConnection(addition, listener));
    addAll(whole.warnings, checkClaims(addition, listener, additions.filters));
    return listener.managers.flatMap((manager) =>
      manager.lists.flatMap((list) => placeIn({ ...of, listener, manager, list }, search) ?? []),
    );
  });
}

interface Place extends Omit<Wanted, 'at'> {
  /** Names of filters that must not see a request before this one has. */
  readonly before: ReadonlySet<string>;
  /** Where the service that the filter asks listens. */
  readonly port: number | undefined;
}

/** Undefined where a filter of the list already does this. */
function placeIn(place: Place, search: Search): Wanted | undefined {
  const { addition, manager, list, filter } = place;
  const { additions, version, warnings, unroutedOf } = search;
  const settings = search.settingsOf(manager, addition.routes);
  const { wired, at } = whereIn(place, settings, search);
  const exempt = exempts(addition, settings);
  addAll(warnings, checkNeighbours(addition, list, { ...manager, settings, at, exempts: exempt }));
  const from = wired === undefined ? at : at + 1;
  addAll(warnings, checkUnrouted(addition, { manager, list, settings, from, unroutedOf }));
  if (wired !== undefined) warnings.push(leftAlone(addition, manager, wired));
  const isOwn = textOf(wired?.message, 'name') === textOf(filter, 'name');
  if (wired !== undefined && !isOwn) {
    const name = textOf(wired.message, 'name') ?? '';
    addAll(warnings, checkUnseen(addition, name, { manager, version }));
    return undefined;
  }
  const added = new Set(additions.filters.map((one) => textOf(one.filter, 'name') ?? ''));
  const named = nameFilter(addition, { manager, settings, added, version });
  addAll(warnings, named.warnings);
  const name = textOf(named.filter, 'name') ?? '';
  addAll(warnings, checkUnseen(addition, name, { manager, version }));
  return wired === undefined ? { ...place, filter: named.filter, at } : undefined;
}

/** Where the filter goes, or where the one that does its work is. */
function whereIn(
  { addition, manager, list, filter, before, port }: Place,
  settings: SettingsView,
  { surroundings }: Search,
): { readonly wired: Placed | undefined; readonly at: number } {
  const wired = findHandWired(addition, {
    manager,
    list,
    surroundings,
    settings,
    wanted: filter,
    port,
  });
  const at =
    wired === undefined
      ? placeOf(addition, list, { ...manager, settings, before })
      : list.filters.findIndex(({ path }) => path === wired.path);
  return { wired, at };
}

function leftAlone({ rule }: FilterAddition, { file }: Manager, wired: Placed): EnvoyWarning {
  const name = textOf(wired.message, 'name') ?? 'without a name';
  return warningAt(
    'wired_by_hand',
    { file, path: wired.path },
    `filter ${name} does the work of ${rule} already, so nothing is added for it here; remove it to let svidecar do the wiring`,
  );
}

/** A cluster that filters refer to is wanted only where at least one of these filters is added. */
function clustersWanted(
  { filters, clusters }: EnvoyAdditions,
  wanted: readonly Wanted[],
): EnvoyAdditions['clusters'] {
  const refersTo = (name: string, list: readonly FilterAddition[]): boolean =>
    list.some(({ filter }) => clustersIn(filter).has(name));
  const added = wanted.map(({ addition }) => addition);
  return clusters.filter(({ name }) => !refersTo(name, filters) || refersTo(name, added));
}

/**
 * Filters of one list, in its order; before the same filter, those that want to be first come first, and those that look at
 * what others leave behind come last.
 */
function filterSteps(wanted: readonly Wanted[], plans: readonly ClusterPlan[]): readonly Step[] {
  const rank = ({ addition: { place, readsMetadata } }: Wanted): number =>
    readsMetadata !== undefined ? 2 : Number(place !== 'first');
  const sorted = wanted.toSorted((a, b) => a.at - b.at || rank(a) - rank(b));
  return sorted.map((one, index) => filterStep(one, one.at + index, plans));
}

function filterStep(one: Wanted, index: number, plans: readonly ClusterPlan[]): Step {
  const { addition, manager, listener, list } = one;
  const { file } = manager;
  const { filters, path, title } = list;
  const value = withClusterNames(one.filter, plans);
  const neighbour = filters[one.at];
  const name = textOf(value, 'name') ?? 'filter';
  const before = textOf(neighbour?.message, 'name') ?? 'the terminal filter';
  return {
    file,
    operation: { op: 'add', path: `${path}/${index}`, value },
    change: {
      file: file.name,
      line: lineOfPath(file.open, neighbour?.path ?? path),
      message: `added ${name} for ${addition.rule} before ${before} in ${title === 'http_filters' ? '' : `${title} of `}listener ${titleOf(listener)}`,
    },
  };
}

function clusterSteps(file: ConfigFile, plans: readonly ClusterPlan[]): readonly Step[] {
  const missing = plans.filter(({ reused }) => reused === undefined);
  if (missing.length === 0) return [];
  const { root } = file;
  const outerKey = fieldKey(root.message, 'static_resources');
  const outer = placedField(root, 'static_resources')?.message;
  const innerKey = outer === undefined ? 'clusters' : fieldKey(outer, 'clusters');
  const list = own(outer, innerKey) ?? undefined;
  const path = `/${outerKey}/${innerKey}`;
  const line = lineOfPath(file.open, path);
  const steps = missing.map((plan) => ({
    file,
    operation: { op: 'add', path: `${path}/-`, value: plan.cluster } as const,
    change: { file: file.name, line, message: sentenceOf(plan) },
  }));
  if (list !== undefined) return steps;
  const [first, ...rest] = steps;
  if (first === undefined) return [];
  const clusters = [first.operation.value];
  const operation: Operation =
    outer === undefined
      ? { op: 'add', path: `/${outerKey}`, value: { [innerKey]: clusters } }
      : { op: 'add', path, value: clusters };
  return [{ ...first, operation }, ...rest];
}

function bootstrapChanges(
  file: ConfigFile,
  wanted: EnvoyAdditions['bootstrap'] = [],
): readonly Step[] {
  return bootstrapSteps(file, wanted).map(({ operation, near, title, reason }) => ({
    file,
    operation,
    change: {
      file: file.name,
      line: lineOfPath(file.open, near),
      message: `added ${title}${reason === '' ? '' : `, ${reason}`}`,
    },
  }));
}

function sentenceOf({ name, wished, clash }: ClusterPlan): string {
  const added = `added cluster ${name}`;
  if (clash === undefined) return added;
  return `${added}; the name ${wished} belongs to another cluster (line ${lineOfPath(clash.file.open, clash.path)} of ${clash.file.name})`;
}

function reuseOf({ reused, name }: ClusterPlan): readonly EnvoyChange[] {
  if (reused === undefined) return [];
  const line = lineOfPath(reused.file.open, reused.path);
  return [{ file: reused.file.name, line, message: `cluster ${name} already exists and fits` }];
}

function written(
  source: EnvoySource,
  steps: readonly Step[],
): Pick<EnvoyPatch, 'files' | 'insertions'> {
  const files: Record<string, string> = { ...source.files };
  const insertions: Record<string, readonly EnvoyInsertion[]> = {};
  for (const file of new Set(steps.map((step) => step.file))) {
    const operations = steps.filter((step) => step.file === file).map((step) => step.operation);
    try {
      const result = editOpenText(file.open, operations);
      setMember(files, file.name, result.text);
      setMember(insertions, file.name, result.insertions);
    } catch (thrown) {
      throw asInvalid(thrown);
    }
  }
  return { files, insertions };
}

/** `push(...more)` would put each of them on the stack. */
function addAll(warnings: EnvoyWarning[], more: readonly EnvoyWarning[]): void {
  for (const one of more) warnings.push(one);
}

function unique(warnings: readonly EnvoyWarning[]): readonly EnvoyWarning[] {
  return [...new Map(warnings.map((warning) => [warning.message, warning])).values()];
}
