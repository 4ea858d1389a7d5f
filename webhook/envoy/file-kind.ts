/** How Envoy reads a file: it goes by the end of the path. */
import type { Dialect } from '../editing/document-text.ts';
import { own } from '#kernel/members.ts';
import type { EnvoySource } from './patch-contract.ts';

/**
 * Undefined for protobuf. A file not named as YAML is JSON to Envoy; there, a text that does not begin as JSON is
 * not accepted by Envoy, so a script must turn it into YAML first, and it is read as such.
 * @see Envoy's MessageUtil::loadFromFile
 */
export function dialectOf(path: string, text: string): Dialect | undefined {
  if (/\.pb(?:_text)?$/i.test(path)) return undefined;
  if (/\.ya?ml$/i.test(path)) return 'envoy';
  return /\.json$/i.test(path) || /^\uFEFF?\s*[[{]/.test(text) ? 'json' : 'envoy';
}

/** Where the container sees the main file. */
export function pathsOfMain({ main, paths }: EnvoySource): readonly string[] {
  const seen = Object.keys(paths ?? {}).flatMap((path) => {
    const key = own(paths, path);
    if (path.endsWith('/')) return key === '*' ? [path + main] : [];
    return key === main ? [path] : [];
  });
  return seen.length === 0 ? [main] : seen;
}
