/** Decides whether a verified SPIFFE ID may call. */
import { trustDomainOf, type SpiffeId, type TrustDomain } from '#kernel/spiffe-id.ts';
import { callersOf } from '../config/caller-pattern.ts';
import { ownTrustDomains } from '../config/own-trust-domains.ts';

export type CallerFilter = (id: SpiffeId) => boolean;

/** @param allowed patterns as settings hold them */
export function callerFilter(allowed: readonly string[]): CallerFilter {
  const { ids, starts } = callersOf(allowed);
  const exact: ReadonlySet<string> = new Set(ids);
  return (id) => exact.has(id) || starts.some((start) => id.startsWith(start));
}

/**
 * Where no caller is named: those of the workload's own trust domain, and none of a federated one.
 * @param audiences of the rule, among which the workload's own SPIFFE ID says the domain
 * @param sole the one trust domain whose keys there are: it is the own one
 */
export function ownCallerFilter(
  audiences: readonly string[],
  sole: () => TrustDomain | undefined,
): CallerFilter {
  const own = ownTrustDomains(audiences);
  return (id) => {
    const domain = trustDomainOf(id);
    return own.length > 0 ? own.includes(domain) : domain === sole();
  };
}
