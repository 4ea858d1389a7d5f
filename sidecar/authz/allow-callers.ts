/** Decides whether a verified SPIFFE ID may call. */
import type { SpiffeId } from '#kernel/spiffe-id.ts';
import { callerPatternsOf } from '../config/caller-pattern.ts';

/** @param allowed patterns as settings hold them; undefined lets every verified caller in. */
export function callerFilter(allowed: readonly string[] | undefined): (id: SpiffeId) => boolean {
  if (allowed === undefined) return () => true;
  const patterns = allowed.flatMap(callerPatternsOf);
  const exact: ReadonlySet<string> = new Set(
    patterns.flatMap((pattern) => (pattern.kind === 'exact' ? [pattern.id] : [])),
  );
  const prefixes = patterns.flatMap((pattern) =>
    pattern.kind === 'prefix' ? [pattern.start] : [],
  );
  return (id) => exact.has(id) || prefixes.some((prefix) => id.startsWith(prefix));
}
