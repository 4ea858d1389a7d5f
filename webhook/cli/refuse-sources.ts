/** Folders and files that are not manifests yet: kustomize or Helm renders them. */
import { existsSync } from 'node:fs';
import { basename, dirname, join, normalize } from 'node:path';
import { AppError } from '#kernel/errors.ts';
import { isArray, isObject, type Json } from '#kernel/json.ts';
import { parseText } from '../editing/parse-text.ts';
import { readFile } from '../files/load-engine.ts';

const kustomizations: ReadonlySet<string> = new Set([
  'kustomization.yaml',
  'kustomization.yml',
  'Kustomization',
]);

export function isKustomization(name: string): boolean {
  return kustomizations.has(name);
}

/** What a person gave to be read. */
export interface GivenPath {
  readonly path: string;
  /** That would be read for it. */
  readonly files: readonly string[];
  /** That was run, as it is written behind `svidecar`. */
  readonly command: string;
}

/** @throws {AppError} USAGE, saying which program to run first, and piping into which command */
export function refuseSources({ path, files, command }: GivenPath): void {
  const chart = chartOf(path, files);
  if (chart !== undefined) {
    throw new AppError(
      'USAGE',
      `${chart} is a Helm chart, whose templates are no manifests yet; run Helm first: helm template ${chart} | svidecar ${command} -`,
    );
  }
  const folders = files
    .filter((file) => isKustomization(basename(file)) && !isPlainList(file, path))
    .map(dirname);
  const [folder, ...others] = folders;
  if (folder === undefined) return;
  const more = others.length === 0 ? '' : ` (and so do ${others.length} more folders in ${path})`;
  throw new AppError(
    'USAGE',
    `${folder} holds a kustomization${more}: read file by file, its patches, names and generated ConfigMaps would be missing; run kustomize first: kustomize build ${folder} | svidecar ${command} -`,
  );
}

/** The folder of the chart that a file belongs to. */
function chartOf(path: string, files: readonly string[]): string | undefined {
  const own = files.find((file) => basename(file) === 'Chart.yaml');
  if (own !== undefined) return dirname(own);
  // A single template, or the folder of them.
  for (const folder of [dirname(path), path]) {
    if (basename(folder) === 'templates' && existsSync(join(dirname(folder), 'Chart.yaml')))
      return dirname(folder);
  }
  return undefined;
}

/** A kustomization that only names files of the folder says nothing that these do not say themselves. */
function isPlainList(file: string, given: string): boolean {
  if (file === given) return false;
  const value = firstDocument(file);
  if (!isObject(value)) return false;
  const { apiVersion: _, kind: _kind, resources = [], ...others } = value;
  return (
    Object.keys(others).length === 0 &&
    isArray(resources) &&
    resources.every((resource) => typeof resource === 'string' && isBelow(resource, dirname(file)))
  );
}

/** Undefined where it is not YAML, or too much of it. */
function firstDocument(file: string): Json | undefined {
  try {
    return parseText(readFile(file), file)[0];
  } catch (thrown) {
    if (thrown instanceof AppError && thrown.code === 'TEXT_UNPARSABLE') return undefined;
    throw thrown;
  }
}

function isBelow(resource: string, folder: string): boolean {
  return !normalize(resource).startsWith('..') && existsSync(join(folder, resource));
}
