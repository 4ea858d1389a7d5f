/** Where a token is exposed besides the host that it is meant for: logs, traces, rate limits, and headers of answers. */
import { type Json, type JsonObject, isArray, isObject } from '#kernel/json.ts';
import { warningAt } from './config-file.ts';
import type { EnvoyWarning, FilterAddition } from './patch-contract.ts';
import { configsOf } from './judge-filter.ts';
import type { Listener } from './listener.ts';
import type { PlacedIn } from './placed-in.ts';
import { messageOf, repeatedOf } from './proto-field.ts';
import { isSet } from './proto-scalar.ts';
import type { RouteEntry } from './route-tree.ts';

const router = 'envoy.extensions.filters.http.router.v3.Router';

/** @param routes those not visited yet for this rule */
export function checkShown(
  { rule }: FilterAddition,
  listener: Listener,
  routes: readonly RouteEntry[],
): readonly EnvoyWarning[] {
  const warning = ({ file, path }: PlacedIn, what: string): EnvoyWarning =>
    warningAt(
      'token_logged',
      { file, path },
      `${what}, with the token that ${rule} puts there: whoever reads it can use the token; leave the header out`,
    );
  const logs = Map.groupBy(logsOf(listener), ({ message }) => whatLogs(message));
  return [
    ...[writes, mayWrite].flatMap((what) => logs.get(what)?.map((one) => warning(one, what)) ?? []),
    ...shownByRoutes(routes).map((one) =>
      warning(one, 'this gives the header authorization to a trace, a rate limit or an answer'),
    ),
  ];
}

const writes = 'this log or trace writes the header authorization';
const mayWrite =
  'the format of this log is in a file or variable that cannot be seen here, and may write the header authorization';

/** What a log does with the token, as a clause; undefined where it does nothing. */
function whatLogs(log: JsonObject): string | undefined {
  if (namesToken(log)) return writes;
  return hasForeignFormat(log) ? mayWrite : undefined;
}

function logsOf(listener: Listener): readonly PlacedIn[] {
  const ofManagers = listener.managers.flatMap((manager) => [
    ...partsOf(manager, ['access_log', 'tracing']),
    ...manager.lists
      .flatMap(({ filters }) => filters)
      .flatMap(configsOf)
      .filter(({ type }) => type === router)
      .flatMap((config) => partsOf({ ...config, file: manager.file }, ['upstream_log'])),
  ]);
  return [...partsOf(listener, ['access_log']), ...ofManagers];
}

const showing = ['tracing', 'rate_limits', 'response_headers_to_add'] as const;

/** What is around many routes is visited once. */
function shownByRoutes(routes: readonly RouteEntry[]): readonly PlacedIn[] {
  const seen = new Set<JsonObject>();
  return routes.flatMap(({ around, action, file }) => {
    const holders = [...around, ...(action === undefined ? [] : [action])];
    const fresh = holders.filter(({ message }) => !seen.has(message));
    for (const { message } of fresh) seen.add(message);
    return fresh
      .flatMap((holder) => partsOf({ ...holder, file }, showing))
      .filter(({ message }) => namesToken(message));
  });
}

function partsOf(holder: PlacedIn, fields: readonly string[]): readonly PlacedIn[] {
  return fields.flatMap((field) =>
    repeatedOf(holder, field).map((one) => ({ ...one, file: holder.file })),
  );
}

const header = 'authorization';
/** Fields whose value is the name of a header to read. @see rate_limit_descriptor, custom_tag, header_to_metadata */
const naming: ReadonlySet<string> = new Set([
  'header',
  'header_name',
  'headerName',
  'name',
  'additional_request_headers_to_log',
  'additionalRequestHeadersToLog',
]);

/** Whether a part of a configuration reads the header with the token: by a formatter, or by its name. */
export function namesToken(value: Json, key = ''): boolean {
  if (typeof value === 'string')
    return naming.has(key) ? value.toLowerCase() === header : readsHeader(value);
  if (isArray(value)) return value.some((one) => namesToken(one, key));
  return (
    isObject(value) &&
    Object.entries(value).some(([name, member]) => namesToken(member ?? null, name))
  );
}

/** `%REQ(authorization)%` and its like; linear for any input. */
function readsHeader(text: string): boolean {
  return text.split('%').some((part) => /^[A-Z_]+\(.*authorization/i.test(part));
}

/** A format that does not come from these files. @see core.v3.DataSource */
function hasForeignFormat(log: JsonObject): boolean {
  return Object.entries(log).some(([, member]) => {
    if (!isObject(member)) return false;
    const source = messageOf(member, 'text_format_source');
    const isForeign = ['filename', 'environment_variable'].some((field) => isSet(source, field));
    return isForeign || hasForeignFormat(member);
  });
}
