/** Decides whether a verified SPIFFE ID may call. */
import type { SpiffeId } from '#kernel/spiffe-id.ts';
import { callersOf } from '../config/caller-pattern.ts';

/** @param allowed patterns as settings hold them; undefined lets every verified caller in. */
export function callerFilter(allowed: readonly string[] | undefined): (id: SpiffeId) => boolean {
  if (allowed === undefined) return () => true;
  const { ids, starts } = callersOf(allowed);
  const exact: ReadonlySet<string> = new Set(ids);
  return (id) => exact.has(id) || starts.some((start) => id.startsWith(start));
}
