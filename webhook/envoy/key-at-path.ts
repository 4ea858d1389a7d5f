/** Which key of a ConfigMap a container sees at a path. */
import { own } from '#kernel/members.ts';
import type { EnvoySource } from './contract.ts';

/** Undefined: none of this ConfigMap, as far as is known. A relative path depends on where Envoy was started. */
export function keyAtPath(source: EnvoySource, path: string): string | undefined {
  const key = source.paths === undefined ? byDirectory(source, path) : byPaths(source.paths, path);
  return key !== undefined && Object.hasOwn(source.files, key) ? key : undefined;
}

function byDirectory({ directory }: EnvoySource, path: string): string | undefined {
  const name = path.slice(path.lastIndexOf('/') + 1);
  if (directory === undefined) return name;
  if (!path.startsWith('/')) return undefined;
  return cleanPath(path) === cleanPath(`${directory}/${name}`) ? name : undefined;
}

function byPaths(paths: NonNullable<EnvoySource['paths']>, path: string): string | undefined {
  if (!path.startsWith('/')) return undefined;
  const clean = cleanPath(path);
  const exact = own(paths, clean);
  if (exact !== undefined) return exact;
  const [folder] = Object.keys(paths)
    .filter((known) => known.endsWith('/') && clean.startsWith(known))
    .sort((left, right) => right.length - left.length);
  if (folder === undefined || own(paths, folder) !== '*') return undefined;
  const name = clean.slice(folder.length);
  return name.includes('/') ? undefined : name;
}

/** Without `.`, `..` and doubled slashes. */
function cleanPath(path: string): string {
  const kept: string[] = [];
  for (const name of path.split('/')) {
    if (name === '..') kept.pop();
    else if (name !== '' && name !== '.') kept.push(name);
  }
  return `/${kept.join('/')}`;
}
