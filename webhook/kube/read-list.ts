/** Reads whole lists in pages, keeping little; a list that may not be read becomes a sentence, not a failure. */
import { messageOf } from '#kernel/errors.ts';
import { isObject, listAt, objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { ApiRefusal, type KubernetesApi } from './kubernetes-api.ts';
import { defaultApiLimits } from './api-limits.ts';
import type { AccessRight, RightsApi } from './denied-rights.ts';

/** One list of the API. Items of a list have neither kind nor version, so both are given here. */
export interface ListSource {
  readonly apiVersion: string;
  readonly kind: string;
  /** As in RBAC and in paths: `deployments`. */
  readonly resource: string;
  /** Further query parameters, such as a field selector. */
  readonly query?: string;
  /** A group that older clusters do not have: its absence counts as an empty list. */
  readonly isOptional?: boolean;
}

export interface ListOptions {
  /** Absent: all namespaces, or objects that have none. */
  readonly namespace?: string | undefined;
  readonly keep?: (object: JsonObject) => boolean;
  readonly signal: AbortSignal;
}

export type Listed =
  | {
      readonly kind: 'known';
      readonly objects: readonly JsonObject[];
      /** The server does not have this kind. */
      readonly isAbsent?: true;
    }
  | { readonly kind: 'unknown'; readonly reason: string };

/** Attempts for one list: its snapshot expires after some five minutes, or the server is busy. */
const tries = 2;
const notFound = 404;
const gone = 410;

/** @throws {AppError} CLUSTER_UNREACHABLE when nobody answers */
export async function readList(
  api: KubernetesApi,
  source: ListSource,
  options: ListOptions,
): Promise<Listed> {
  for (let left = tries; ; left -= 1) {
    try {
      return { kind: 'known', objects: await pages(api, source, options) };
    } catch (thrown) {
      if (!(thrown instanceof ApiRefusal)) throw thrown;
      if (thrown.status === notFound && source.isOptional === true)
        return { kind: 'known', objects: [], isAbsent: true };
      if (thrown.status === gone && left > 1) continue;
      return { kind: 'unknown', reason: reasonOf(thrown, { ...source, verb: 'list' }) };
    }
  }
}

async function pages(
  api: KubernetesApi,
  source: ListSource,
  { namespace, keep, signal }: ListOptions,
): Promise<readonly JsonObject[]> {
  const objects: JsonObject[] = [];
  const query = source.query === undefined ? '' : `${source.query}&`;
  let next = '';
  do {
    const from = next === '' ? '' : `&continue=${encodeURIComponent(next)}`;
    const path = pathOf(source, namespace);
    const page = await api.get(`${path}?${query}limit=${defaultApiLimits.pageSize}${from}`, signal);
    for (const item of listAt(page, 'items')) {
      if (!isObject(item)) continue;
      const object = { apiVersion: source.apiVersion, kind: source.kind, ...item };
      if (keep === undefined || keep(object)) objects.push(object);
    }
    next = stringAt(objectAt(page, 'metadata'), 'continue') ?? '';
  } while (next !== '');
  return objects;
}

/** Path of a list, or of one object of it. */
export function pathOf(
  { apiVersion, resource }: Pick<ListSource, 'apiVersion' | 'resource'>,
  namespace?: string,
  name?: string,
): string {
  const group = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  const within = namespace === undefined ? '' : `/namespaces/${encodeURIComponent(namespace)}`;
  return `${group}${within}/${resource}${name === undefined ? '' : `/${encodeURIComponent(name)}`}`;
}

/** A sentence: what could not be done, and the missing permission where that is the reason. */
export function reasonOf(
  thrown: unknown,
  what: { readonly verb: string; readonly resource: string; readonly apiVersion: string },
): string {
  const { verb, resource, apiVersion } = what;
  const group = apiVersion.includes('/') ? apiVersion.slice(0, apiVersion.indexOf('/')) : '';
  if (thrown instanceof ApiRefusal && thrown.status === 403)
    return notAllowed({ verb, group, resource });
  return `cannot ${verb} ${named(group, resource)}: ${messageOf(thrown)}`;
}

/** The sentence about a missing right, wherever it is missing. */
function notAllowed({
  verb,
  group,
  resource,
}: Pick<AccessRight, 'verb' | 'group' | 'resource'>): string {
  return `not allowed to ${verb} ${named(group, resource)}: this needs the verb "${verb}" on it`;
}

/** The sentences that a report would repeat wherever a missing right kept something from being read. */
export function deniedSentences({ denied }: Pick<RightsApi, 'denied'>): ReadonlySet<string> {
  return new Set(denied.map(notAllowed));
}

function named(group: string, resource: string): string {
  return group === '' ? resource : `${resource}.${group}`;
}

/** Undefined when there is no object of this name. @throws {ApiRefusal} when it may not be read; {AppError} CLUSTER_UNREACHABLE */
export async function readOne(
  api: KubernetesApi,
  path: string,
  signal: AbortSignal,
): Promise<JsonObject | undefined> {
  try {
    return await api.get(path, signal);
  } catch (thrown) {
    if (thrown instanceof ApiRefusal && thrown.status === notFound) return undefined;
    throw thrown;
  }
}
