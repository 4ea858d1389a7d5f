/** The files of an Envoy configuration, each parsed once. */
import { own } from '#kernel/members.ts';
import { AppError, type FilePlace, failureAt, placeText } from '#kernel/errors.ts';
import type { Reason } from '#kernel/reasons.ts';
import { type Json, type JsonObject, isObject } from '#kernel/json.ts';
import { type OpenText, lineOfPath, openText, placeOfPath } from '../editing/open-text.ts';
import type { Dialect } from '../editing/document-text.ts';
import { escapeToken } from '../editing/operation.ts';
import { splitDocuments } from '../editing/split-documents.ts';
import type { EnvoySource, EnvoyWarning, EnvoyWarningId } from './patch-contract.ts';
import { keyReader } from './key-at-path.ts';
import { onceFor } from '#kernel/once.ts';
import { dialectOf, pathsOfMain } from './file-kind.ts';
import {
  type Placed,
  camelCase,
  fieldKey,
  fieldOf,
  messageOf,
  placedField,
  repeatedOf,
  textOf,
  typeNameOf,
} from './proto-field.ts';
import { isSet } from './proto-scalar.ts';

/** A file that Envoy reads; of several YAML documents it reads the first. */
export interface ConfigFile {
  /** Key in the ConfigMap. */
  readonly name: string;
  readonly open: OpenText;
  readonly root: Placed;
}

export interface ConfigFiles {
  readonly main: ConfigFile;
  /** Files that the main file names for listeners and clusters, as far as they are in the ConfigMap. */
  readonly listeners: ConfigFile | undefined;
  readonly clusters: ConfigFile | undefined;
  /** The file of the ConfigMap that is mounted at a path; undefined when there is none. @throws {AppError} ENVOY_CONFIG_INVALID */
  readonly at: (path: string) => ConfigFile | undefined;
  readonly warnings: readonly EnvoyWarning[];
}

/** @throws {AppError} ENVOY_CONFIG_INVALID */
export function openFiles(source: EnvoySource): ConfigFiles {
  const opened = new Map<string, ConfigFile>();
  const seenAt = (name: string, path: string): ConfigFile => {
    const dialect = dialectIn(source, name, path);
    const file = opened.get(name) ?? openFile(source, name, dialect);
    if (file.open.dialect !== dialect) throw readInTwoWays(source, name);
    opened.set(name, file);
    return file;
  };
  const keyAt = keyReader(source);
  const at = onceFor((path: string) => {
    const name = keyAt(path);
    return name === undefined ? undefined : seenAt(name, path);
  });
  const [first = source.main, ...others] = pathsOfMain(source);
  const main = seenAt(source.main, first);
  for (const path of others) seenAt(source.main, path);
  const warnings: EnvoyWarning[] = [];
  const discovered = (field: string): ConfigFile | undefined => {
    const dynamic = messageOf(main.root.message, 'dynamic_resources');
    const path = sourcePath(messageOf(dynamic, field));
    if (path === undefined) return undefined;
    const file = at(path);
    if (file !== undefined && file !== main) return file;
    warnings.push(notFound(main, field, path));
    return undefined;
  };
  const files = { main, listeners: discovered('lds_config'), clusters: discovered('cds_config') };
  return { ...files, at, warnings: [...warnings, ...fromControlPlane(main)] };
}

interface Fault {
  /** What may be revealed to somebody who may not read the file. */
  readonly reason: Reason;
  /** What is wrong and what to do, with the names in the file. */
  readonly why: string;
}

/** An error that begins with file, line and column. */
export function invalid(file: ConfigFile, path: string, { reason, why }: Fault): AppError {
  return failureAt('ENVOY_CONFIG_INVALID', placeOfPath(file.open, path), { why, reason });
}

/** Resources of a discovery file; a `Resource` wrapper is unwrapped. */
export function resourcesOf(file: ConfigFile): readonly Placed[] {
  return repeatedOf(file.root, 'resources').map((resource) =>
    typeNameOf(resource.message) === 'envoy.service.discovery.v3.Resource'
      ? (placedField(resource, 'resource') ?? resource)
      : resource,
  );
}

/** `file:line`, to name a place within a sentence. */
export function lineIn(file: ConfigFile, path: string): string {
  return placeText(lineAt(file, path));
}

export function lineAt(file: ConfigFile, path: string): FilePlace {
  return { file: file.open.where, line: lineOfPath(file.open, path) };
}

/** A warning about a line of a file: its message begins with it. */
export function warningAt(
  id: EnvoyWarningId,
  at: { readonly file: ConfigFile; readonly path: string },
  why: string,
): EnvoyWarning {
  const place = lineAt(at.file, at.path);
  return { id, place, message: `${placeText(place)}: ${why}` };
}

function openFile(source: EnvoySource, name: string, dialect: Dialect): ConfigFile {
  const text = textIn(source, name);
  const span = dialect === 'json' ? undefined : splitDocuments(text)[0];
  const open = opened(text, span ?? { start: 0, end: text.length }, {
    where: `${source.name} ${name}`,
    dialect,
  });
  const file = { name, open, root: { message: {}, path: '' } };
  if (!isObject(open.value))
    throw invalid(file, '', { reason: 'not_a_map', why: 'an Envoy configuration must be a map' });
  refuseKeys(file, open.value);
  return { ...file, root: { message: open.value, path: '' } };
}

function textIn(source: EnvoySource, name: string): string {
  const text = own(source.files, name);
  if (text === undefined) {
    const names = Object.keys(source.files).join(', ') || 'none';
    throw new AppError(
      'ENVOY_CONFIG_INVALID',
      `${source.name} has no key ${name}, which Envoy is to read; it has: ${names}`,
      { reason: 'config_key_missing' },
    );
  }
  return text;
}

function dialectIn(source: EnvoySource, name: string, path: string): Dialect {
  const dialect = dialectOf(path, own(source.files, name) ?? '');
  if (dialect !== undefined) return dialect;
  throw new AppError(
    'ENVOY_CONFIG_INVALID',
    `${source.name}: Envoy reads ${path} as protobuf, because its name ends in .pb or .pb_text, which svidecar cannot read; write it as YAML or JSON`,
    { reason: 'file_kind_refused' },
  );
}

function readInTwoWays(source: EnvoySource, name: string): AppError {
  return new AppError(
    'ENVOY_CONFIG_INVALID',
    `${source.name}: Envoy sees ${name} at two paths, and goes by the end of a path when it reads a file as YAML (.yaml, .yml) or as JSON; use only one of them`,
    { reason: 'file_kind_refused' },
  );
}

/** Total characters of the keys on the way to a place: some hundreds with Envoy's own, more with maps whose keys people choose. */
const maxPathCharacters = 4_096;

function keysTooLong(file: ConfigFile, path: string): AppError {
  return invalid(file, path, {
    reason: 'keys_too_long',
    why: `the keys on the way to this place have more than ${maxPathCharacters.toLocaleString('en')} characters together; shorten them`,
  });
}

/**
 * Envoy reads both `http_filters` and `httpFilters` where both are present; one of them would be overlooked here.
 * @throws {AppError} ENVOY_CONFIG_INVALID
 */
function refuseKeys(file: ConfigFile, root: JsonObject): void {
  const rest: { readonly value: Json; readonly path: string }[] = [{ value: root, path: '' }];
  for (let next = rest.pop(); next !== undefined; next = rest.pop()) {
    const { value, path } = next;
    if (value === null || typeof value !== 'object') continue;
    if (path.length > maxPathCharacters) throw keysTooLong(file, path);
    for (const [key, member = null] of Object.entries(value)) {
      const camel = camelCase(key);
      if (camel !== key && isObject(value) && Object.hasOwn(value, camel)) {
        const why = `${key} is here a second time, as ${camel}; Envoy reads both: write them as one`;
        throw invalid(file, `${path}/${key}`, { reason: 'field_spelled_twice', why });
      }
      rest.push({ value: member, path: `${path}/${escapeToken(key)}` });
    }
  }
}

function opened(...args: Parameters<typeof openText>): OpenText {
  try {
    return openText(...args);
  } catch (thrown) {
    throw asInvalid(thrown);
  }
}

/** Errors of the text editor become errors of the configuration; others stay. */
export function asInvalid(thrown: unknown): unknown {
  if (!(thrown instanceof AppError)) return thrown;
  if (thrown.code !== 'TEXT_UNPARSABLE' && thrown.code !== 'EDIT_IMPOSSIBLE') return thrown;
  return new AppError('ENVOY_CONFIG_INVALID', thrown.message, {
    cause: thrown,
    reason: thrown.reason,
    facts: thrown.facts,
  });
}

/** Path of the file that a `ConfigSource` names: `path_config_source.path`, or the older `path`. */
export function sourcePath(source: JsonObject): string | undefined {
  return textOf(messageOf(source, 'path_config_source'), 'path') ?? textOf(source, 'path');
}

/** The file of listeners that the main file names but that cannot be seen; undefined when there is none. */
export function missingListenersFile({ main, listeners }: ConfigFiles): string | undefined {
  const dynamic = messageOf(main.root.message, 'dynamic_resources');
  return listeners === undefined ? sourcePath(messageOf(dynamic, 'lds_config')) : undefined;
}

/** Whether Envoy has listeners, or may get them, that are in none of the files. */
export function hasUnseenListeners({ main, listeners }: ConfigFiles): boolean {
  const dynamic = messageOf(main.root.message, 'dynamic_resources');
  return (
    isSet(dynamic, 'lds_resources_locator') ||
    (isSet(dynamic, 'lds_config') && listeners === undefined)
  );
}

/** Listeners that are nowhere in the ConfigMap. */
function fromControlPlane(main: ConfigFile): readonly EnvoyWarning[] {
  const dynamic = placedField(main.root, 'dynamic_resources');
  if (dynamic === undefined) return [];
  return ['lds_config', 'lds_resources_locator'].flatMap((field): readonly EnvoyWarning[] => {
    const value = fieldOf(dynamic.message, field);
    if (value === undefined || (isObject(value) && sourcePath(value) !== undefined)) return [];
    const path = `${dynamic.path}/${fieldKey(dynamic.message, field)}`;
    return [
      warningAt(
        'listeners_from_control_plane',
        { file: main, path },
        `${field} brings more listeners from a control plane (xDS), and requests that come through them pass without our filter; have the control plane add it, or write these listeners into this file`,
      ),
    ];
  });
}

function notFound(main: ConfigFile, field: string, path: string): EnvoyWarning {
  return warningAt(
    'discovery_file_not_found',
    { file: main, path: `/dynamic_resources/${field}` },
    `${field} names ${path}, which is not in this ConfigMap, so what is in it gets no filter; put that file into the same ConfigMap`,
  );
}
