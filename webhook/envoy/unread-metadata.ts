/**
 * Whether something may read dynamic metadata that a filter of ours leaves: an access log, a filter, a trace. Envoy copies it
 * for each request, so it is not written for nobody. What cannot be judged counts as a reader.
 */
import type { Json, JsonObject } from '#kernel/json.ts';
import { isArray, isObject } from '#kernel/json.ts';
import type { ConfigFiles } from './config-file.ts';
import { hasUnseenListeners } from './config-file.ts';
import type { EnvoySource, FilterAddition } from './patch-contract.ts';
import { isSet } from './proto-scalar.ts';
import { messageOf } from './proto-field.ts';

/**
 * Signs of a reader that need not name what it reads: code, a log that gets all metadata (`HttpGrpcAccessLogConfig`), expressions
 * (CEL), what a control plane adds to filters or routes, and text that is written in another form than it is read.
 */
const mayReadAll =
  /lua|wasm|golang|dynamic_?modules?|grpcAccessLog|filter_?metadata|payload_?in_?metadata|\bcel\b|config_?discovery|scoped_?routes|\b(?:rds|srds|vhds)\b|!!binary|\\(?:[xuU]|\r?\n)/i;

/** The additions, without the members by which they leave metadata that nothing in the configuration can read. */
export function withoutUnread(
  additions: readonly FilterAddition[],
  { files, source }: { readonly files: ConfigFiles; readonly source: EnvoySource },
): readonly FilterAddition[] {
  if (!additions.some(({ leavesMetadata }) => leavesMetadata !== undefined)) return additions;
  if (isUnseen(files) || mayReadAny(source)) return additions;
  return additions.map((addition) => {
    const { leavesMetadata, filter } = addition;
    if (leavesMetadata === undefined || isNamed(leavesMetadata.namespace, source, additions))
      return addition;
    return { ...addition, filter: without(filter, leavesMetadata.by) };
  });
}

/** Listeners and clusters, which have filters and logs, that are in no file. */
function isUnseen(files: ConfigFiles): boolean {
  const dynamic = messageOf(files.main.root.message, 'dynamic_resources');
  return (
    hasUnseenListeners(files) || (isSet(dynamic, 'cds_config') && files.clusters === undefined)
  );
}

function mayReadAny({ files }: EnvoySource): boolean {
  return Object.values(files).some((text) => mayReadAll.test(text));
}

function isNamed(
  namespace: string,
  { files }: EnvoySource,
  additions: readonly FilterAddition[],
): boolean {
  return (
    Object.values(files).some((text) => text.includes(namespace)) ||
    additions.some(({ filter }) => JSON.stringify(filter).includes(namespace))
  );
}

/** @param member name of a field, left out at any depth */
function without(value: JsonObject, member: string): JsonObject {
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key]) => key !== member)
      .map(([key, item]) => [key, withoutIn(item, member)]),
  );
}

function withoutIn(value: Json | undefined, member: string): Json {
  if (isArray(value)) return value.map((item) => withoutIn(item, member));
  return isObject(value) ? without(value, member) : (value ?? null);
}
