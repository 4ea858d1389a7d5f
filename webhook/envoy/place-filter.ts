/**
 * Where in a list of HTTP filters ours goes: directly before the terminal one, but before any filter that answers, or sends the
 * request on, by itself. Filters in front that cannot be judged are warned about.
 */
import type { TypedMessage } from './any-config.ts';
import { verifiersIn } from './check-claims.ts';
import { namesToken } from './check-shown.ts';
import { type ConfigFile, invalid, warningAt } from './config-file.ts';
import type { EnvoyWarning, FilterAddition } from './patch-contract.ts';
import { asksByHttp, ourNames } from './route-settings.ts';
import { type SettingsView, settingsUnder } from './settings-view.ts';
import { authzFilterType, mayRewrite } from './http-filters.ts';
import {
  type Choosing,
  type Judgement,
  configsOf,
  filterTitle,
  judgeFilter,
} from './judge-filter.ts';
import { type FilterList, type Listener } from './listener.ts';
import { type PlacedIn } from './placed-in.ts';
import { type Placed, messageOf, textOf } from './proto-field.ts';
import { isOn } from './proto-scalar.ts';

/** What is known of the manager that a list is of. */
interface ListContext {
  readonly file: ConfigFile;
  /** Its routes: what they set for single filters counts. */
  readonly routes: readonly Choosing[];
  readonly settings: SettingsView;
}

/** Index in the list before which an addition goes. */
export function placeOf(
  addition: FilterAddition,
  list: FilterList,
  context: ListContext & {
    /** Names of filters that must not see a request first. */
    readonly before: ReadonlySet<string>;
  },
): number {
  const reads = addition.readsMetadata !== undefined;
  if (addition.place === 'first' && !reads) return 0;
  const terminal = list.filters.length - 1;
  const first = list.filters.findIndex((filter) => mustFollow(addition, filter, context));
  const usual = first === -1 ? terminal : Math.min(first, terminal);
  if (!reads) return usual;
  const authn = list.filters.findLastIndex((filter) => verifiersIn(filter).length > 0);
  return Math.max(authn + 1, usual);
}

/** Whether a filter must not see requests that the addition has not seen. */
function mustFollow(
  addition: FilterAddition,
  filter: Placed,
  context: Parameters<typeof placeOf>[2],
): boolean {
  const name = textOf(filter.message, 'name') ?? '';
  if (context.before.has(name)) return true;
  const found = judgeHere(filter, context);
  if (isOurs(filter, found)) return false;
  // A token that another filter puts into the request is not the client's.
  return found.some(
    ({ effect }) =>
      effect === 'elsewhere' ||
      (addition.direction === 'inbound' && (effect === 'signs' || effect === 'asks')),
  );
}

/** What a filter does in a list, with what routes set for it. */
function judgeHere(
  filter: Placed,
  { routes, settings }: ListContext,
): readonly [Judgement, ...Judgement[]] {
  const [first, ...others] = judgeFilter(filter, routes);
  const own = settingsUnder(settings, textOf(filter.message, 'name') ?? '');
  // Filters behind matter less, and those in front are reported anyway.
  const asks = own.some(asksByHttp) && first.effect === 'passes';
  return asks ? [asksForRoutes, first, ...others] : [first, ...others];
}

const asksForRoutes: Judgement = {
  effect: 'asks',
  because: 'sends requests of some routes to a server of its own, and answers with what that says',
};

/** By its name, and by what ours can do: a name alone proves nothing. */
function isOurs({ message }: Placed, found: readonly Judgement[]): boolean {
  const isKnown = found.every(({ effect }) => effect === 'passes' || effect === 'signs');
  return isKnown && (textOf(message, 'name') ?? '').startsWith(ourNames);
}

/**
 * A name that no filter has is a mistake in the request.
 * @throws {AppError} ENVOY_CONFIG_INVALID
 */
export function requireNames(
  { rule, before = [], advice }: FilterAddition,
  chosen: readonly Listener[],
  main: ConfigFile,
): void {
  if (before.length === 0) return;
  const names = new Set(
    chosen
      .flatMap(({ managers }) => managers.flatMap(({ lists }) => lists))
      .flatMap(({ filters }) => filters)
      .flatMap(({ message }) => textOf(message, 'name') ?? []),
  );
  const unknown = before.find((name) => !names.has(name));
  if (unknown === undefined) return;
  const by = advice?.before === undefined ? '' : ` (${advice.before})`;
  throw invalid(main, '/static_resources/listeners', {
    reason: 'filter_not_found',
    why: `${rule} is to stand before the filter "${unknown}"${by}, which none of its listeners has; they have: ${[...names].join(', ')}`,
  });
}

/**
 * Warnings about the filters around a place.
 * @param at index before which the addition goes, or at which it already is
 */
export function checkNeighbours(
  addition: FilterAddition,
  list: FilterList,
  {
    file,
    at,
    exempts,
    ...context
  }: ListContext & {
    readonly at: number;
    /** Whether some requests need no token. */
    readonly exempts: boolean;
  },
): readonly EnvoyWarning[] {
  const terminal = list.filters.length - 1;
  const judged = list.filters
    .map((filter, index) => ({ filter, index, found: judgeHere(filter, { file, ...context }) }))
    .filter(({ filter, found }) => !isOurs(filter, found));
  const front = judged.filter(({ index }) => index < at);
  const behind = judged.filter(({ index }) => index >= at && index < terminal);
  return [
    ...(addition.direction === 'inbound' ? front : []).flatMap((one) =>
      inFront(addition, file, one),
    ),
    ...(addition.direction === 'outbound' ? front : []).flatMap((one) => [
      ...signsToo(addition, file, one),
      ...seesTokenLater(addition, file, one),
    ]),
    ...behind.flatMap((one) => behindOurs(addition, { file, exempts, one })),
  ];
}

/** Warnings about one filter that sees requests after ours. */
export function checkLater(
  addition: FilterAddition,
  filter: PlacedIn,
  exempts: boolean,
): readonly EnvoyWarning[] {
  const one = { filter, found: judgeFilter(filter, []) };
  return behindOurs(addition, { file: filter.file, exempts, one });
}

interface Behind {
  readonly file: ConfigFile;
  readonly exempts: boolean;
  readonly one: Judged;
}

function behindOurs(
  addition: FilterAddition,
  { file, exempts, one }: Behind,
): readonly EnvoyWarning[] {
  return [
    ...(exempts ? rewritesBehind(addition, file, one) : []),
    ...(addition.carriesToken === true ? seesToken(addition, file, one) : []),
  ];
}

interface Judged {
  readonly filter: Placed;
  readonly found: readonly [Judgement, ...Judgement[]];
}

const opening: ReadonlySet<Judgement['effect']> = new Set<Judgement['effect']>([
  'code',
  'unknown',
  'elsewhere',
  'asks',
]);

function inFront(
  { rule, advice }: FilterAddition,
  file: ConfigFile,
  { filter, found: [{ effect, because }] }: Judged,
): readonly EnvoyWarning[] {
  if (!opening.has(effect)) return [];
  const start = `${filterTitle(filter)} stands before the filter of ${rule} and ${because}`;
  const move =
    advice?.before === undefined
      ? 'remove it, or trust it'
      : `name it in ${advice.before} if ${rule} is to stand before it`;
  const why =
    effect === 'elsewhere' || effect === 'asks'
      ? `${start}: such requests are not checked; move it behind`
      : `${start}, so nothing here tells whether requests are answered, or sent somewhere, before they are checked; ${move}`;
  return [warningAt('filter_in_front', { file, path: filter.path }, why)];
}

function signsToo(
  { rule, carriesToken }: FilterAddition,
  file: ConfigFile,
  { filter, found }: Judged,
): readonly EnvoyWarning[] {
  const signs = found.find(({ effect }) => effect === 'signs');
  if (signs === undefined || carriesToken !== true) return [];
  return [
    warningAt(
      'authorization_taken',
      { file, path: filter.path },
      `${filterTitle(filter)} ${signs.because}, as ${rule} does: a request can carry one of the two; remove one, or give them listeners of their own`,
    ),
  ];
}

/** How messages name a path that passes unchecked. */
export function exemptPath(advice: FilterAddition['advice']): string {
  const by = advice?.exempts === undefined ? '' : ` (${advice.exempts})`;
  return `a path that needs no token${by}`;
}

function rewritesBehind(
  { rule, advice }: FilterAddition,
  file: ConfigFile,
  { filter, found }: Judged,
): readonly EnvoyWarning[] {
  const may = found.find(({ effect }) => effect === 'unknown' || mayRewrite(effect));
  if (may === undefined) return [];
  return [
    warningAt(
      'path_changed_behind',
      { file, path: filter.path },
      `${filterTitle(filter)} stands behind the filter of ${rule} and ${may.because}: ${exemptPath(advice)} could become another one there; make sure that it does not`,
    ),
  ];
}

const tapType = 'envoy.extensions.filters.http.tap.v3.Tap';
/** They read the request when the answer comes: by then it carries the token. */
const lookingBack: ReadonlySet<string> = new Set([
  tapType,
  'envoy.extensions.filters.http.dynamic_modules.v3.DynamicModuleFilter',
  'envoy.extensions.filters.http.ext_proc.v3.ExternalProcessor',
  'envoy.extensions.filters.http.golang.v3alpha.Config',
  'envoy.extensions.filters.http.wasm.v3.Wasm',
]);

/** A filter in front of ours that sees what ours adds. */
function seesTokenLater(
  { rule, carriesToken }: FilterAddition,
  file: ConfigFile,
  { filter }: Judged,
): readonly EnvoyWarning[] {
  if (carriesToken !== true) return [];
  const config = configsOf(filter).find((one) => looksBack(one));
  if (config === undefined) return [];
  const start = `${filterTitle(filter)} stands before the filter of ${rule}, and`;
  const why =
    config.type === tapType
      ? `${start} records the request when it is over, with its token: whoever reads that can use the token; remove the tap, or set streaming: true in its output_config, by which it writes what it saw itself`
      : `${start} its code can look at the request, with its token, when the answer comes: nothing here tells where the token goes; trust it with the token, or remove it`;
  return [warningAt('token_seen_by_filter', { file, path: filter.path }, why)];
}

function looksBack({ type, message }: TypedMessage): boolean {
  if (type !== tapType) return lookingBack.has(type ?? '');
  const output = ['common_config', 'static_config', 'output_config'].reduce(messageOf, message);
  return !isOn(output, 'streaming');
}

/** Why a filter that does nothing to requests still gives the token away. */
function readerOf(filter: Placed): Pick<Judgement, 'because'> | undefined {
  const configs = configsOf(filter);
  if (configs.some(({ type }) => type === authzFilterType))
    return { because: 'sends the headers of each request to its own service' };
  if (configs.some(({ message }) => namesToken(message)))
    return { because: 'reads the header authorization by its configuration' };
  return undefined;
}

const seeing: ReadonlySet<Judgement['effect']> = new Set<Judgement['effect']>([
  'unknown',
  'code',
  'watches',
  'asks',
]);

function seesToken(
  { rule }: FilterAddition,
  file: ConfigFile,
  { filter, found }: Judged,
): readonly EnvoyWarning[] {
  const sees = found.find(({ effect }) => seeing.has(effect)) ?? readerOf(filter);
  if (sees === undefined) return [];
  return [
    warningAt(
      'token_seen_by_filter',
      { file, path: filter.path },
      `${filterTitle(filter)} stands behind the filter of ${rule}, sees its token, and ${sees.because}: nothing here tells where the token goes; put it in front, or trust it with the token`,
    ),
  ];
}
