/** The files of an Envoy configuration, each parsed once. */
import { AppError } from '#kernel/errors.ts';
import { isObject } from '#kernel/json.ts';
import { type OpenText, lineOfPath, openText, placeOfPath } from '../editing/open-text.ts';
import { splitDocuments } from '../editing/split-documents.ts';
import type { EnvoySource, EnvoyWarning } from './contract.ts';
import { type Placed, messageOf, textOf } from './proto-field.ts';

/** A file that Envoy reads; of several YAML documents it reads the first. */
export interface ConfigFile {
  /** Key in the ConfigMap. */
  readonly name: string;
  readonly open: OpenText;
  readonly root: Placed;
}

export interface ConfigFiles {
  readonly main: ConfigFile;
  /** Files that the main file names for listeners and clusters, as far as the ConfigMap holds them. */
  readonly listeners: ConfigFile | undefined;
  readonly clusters: ConfigFile | undefined;
  readonly warnings: readonly EnvoyWarning[];
}

/** @throws {AppError} ENVOY_CONFIG_INVALID */
export function openFiles(source: EnvoySource): ConfigFiles {
  const main = openFile(source, source.main);
  const warnings: EnvoyWarning[] = [];
  const discovered = (field: string): ConfigFile | undefined => {
    const path = discoveryPath(main, field);
    if (path === undefined) return undefined;
    const name = fileAt(source, path);
    if (name !== undefined && name !== main.name) return openFile(source, name);
    warnings.push(notFound(main, field, path));
    return undefined;
  };
  return {
    main,
    listeners: discovered('lds_config'),
    clusters: discovered('cds_config'),
    warnings,
  };
}

/** An error that begins with file, line and column. */
export function invalid(file: ConfigFile, path: string, why: string): AppError {
  return new AppError('ENVOY_CONFIG_INVALID', `${placeOfPath(file.open, path)}: ${why}`);
}

/** `file:line` for warnings. */
export function lineIn(file: ConfigFile, path: string): string {
  return `${file.open.where}:${lineOfPath(file.open, path)}`;
}

function openFile(source: EnvoySource, name: string): ConfigFile {
  const text = source.files[name];
  if (text === undefined) {
    const names = Object.keys(source.files).join(', ') || 'none';
    throw new AppError(
      'ENVOY_CONFIG_INVALID',
      `${source.name} has no key ${name}, which Envoy is to read; it has: ${names}`,
    );
  }
  const span = splitDocuments(text)[0] ?? { start: 0, end: text.length };
  const open = opened(text, span, `${source.name} ${name}`);
  const file = { name, open, root: { message: {}, path: '' } };
  if (!isObject(open.value)) throw invalid(file, '', 'an Envoy configuration must be a map');
  return { ...file, root: { message: open.value, path: '' } };
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
  return new AppError('ENVOY_CONFIG_INVALID', thrown.message, { cause: thrown });
}

/** Path of a file that `dynamic_resources` names: `path_config_source.path`, or the older `path`. */
function discoveryPath(main: ConfigFile, field: string): string | undefined {
  const config = messageOf(messageOf(main.root.message, 'dynamic_resources'), field);
  return textOf(messageOf(config, 'path_config_source'), 'path') ?? textOf(config, 'path');
}

/** The key of the ConfigMap that is mounted at a path. */
function fileAt({ files, directory }: EnvoySource, path: string): string | undefined {
  const name = path.slice(path.lastIndexOf('/') + 1);
  if (!Object.hasOwn(files, name)) return undefined;
  if (directory === undefined) return name;
  const folder = path.slice(0, Math.max(0, path.length - name.length - 1));
  return plainFolder(folder) === plainFolder(directory) ? name : undefined;
}

function plainFolder(folder: string): string {
  return folder.replaceAll(/\/(?:\.?\/)+/g, '/').replace(/\/\.?$/, '');
}

function notFound(main: ConfigFile, field: string, path: string): EnvoyWarning {
  const place = lineIn(main, `/dynamic_resources/${field}`);
  return {
    id: 'discovery_file_not_found',
    message: `${place}: ${field} names ${path}, which is not in this ConfigMap, so what stands there gets no filter; put that file into the same ConfigMap`,
  };
}
