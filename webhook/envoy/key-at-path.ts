/** Which key of a ConfigMap a container sees at a path. */
import { own } from '#kernel/members.ts';
import type { EnvoySource } from './patch-contract.ts';

/** The longest path that Linux opens (PATH_MAX). */
const maxPathLength = 4_096;

/** Undefined: none of this ConfigMap, as far as is known. A relative path depends on where Envoy was started. */
export function keyReader(source: EnvoySource): (path: string) => string | undefined {
  const { files, paths } = source;
  const find = paths === undefined ? byDirectory(source) : byPaths(paths);
  return (path) => {
    const key = path.length > maxPathLength ? undefined : find(path);
    return key !== undefined && Object.hasOwn(files, key) ? key : undefined;
  };
}

type Find = (path: string) => string | undefined;

function byDirectory({ directory }: EnvoySource): Find {
  return (path) => {
    const name = path.slice(path.lastIndexOf('/') + 1);
    if (directory === undefined) return name;
    if (!path.startsWith('/')) return undefined;
    return cleanPath(path) === cleanPath(`${directory}/${name}`) ? name : undefined;
  };
}

function byPaths(paths: NonNullable<EnvoySource['paths']>): Find {
  const folders = Object.keys(paths).filter((known) => known.endsWith('/'));
  const lengths = [...new Set(folders.map(({ length }) => length))].sort((a, b) => b - a);
  return (path) => {
    if (!path.startsWith('/')) return undefined;
    const clean = cleanPath(path);
    const exact = own(paths, clean);
    if (exact !== undefined) return exact;
    const length = lengths.find(
      (one) => clean.charAt(one - 1) === '/' && Object.hasOwn(paths, clean.slice(0, one)),
    );
    if (length === undefined || own(paths, clean.slice(0, length)) !== '*') return undefined;
    const name = clean.slice(length);
    return name.includes('/') ? undefined : name;
  };
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
