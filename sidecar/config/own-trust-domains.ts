/** The workload's own trust domain, as far as the audiences of a rule say it: one of them is most often its SPIFFE ID. */
import {
  parseSpiffeId,
  spiffeIdFault,
  trustDomainOf,
  type TrustDomain,
} from '#kernel/spiffe-id.ts';

/** Of the audiences that are SPIFFE IDs, each once; empty where none is. */
export function ownTrustDomains(audiences: readonly string[]): readonly TrustDomain[] {
  const ids = audiences.filter((audience) => spiffeIdFault(audience) === undefined);
  return [...new Set(ids.map((id) => trustDomainOf(parseSpiffeId(id))))];
}
