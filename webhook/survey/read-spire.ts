/** What SPIRE's server has, asked of itself. It is only read. */
import { AppError } from '#kernel/errors.ts';
import type { ClusterFacts } from '../checks/facts.ts';
import type { SpireServerApi } from '../spire/spire-server-api.ts';

/** What SPIRE does not answer becomes a sentence, not a failure. */
export async function readSpire(
  api: SpireServerApi,
  signal: AbortSignal,
): Promise<ClusterFacts['spire']> {
  try {
    // The first alone: where nobody answers it is asked once, not four times.
    const entries = await api.listEntries(signal);
    const [trustDomain, federated, agents] = await Promise.all([
      api.trustDomain(signal),
      api.federatedTrustDomains(signal),
      api.agents(signal),
    ]);
    return {
      kind: 'known',
      value: {
        source: api.address,
        entries,
        trustDomain,
        federated: new Set(federated),
        agents: new Set(agents.map(({ id }) => id)),
      },
    };
  } catch (thrown) {
    if (!(thrown instanceof AppError)) throw thrown;
    return { kind: 'unknown', reason: `${thrown.message} [${thrown.code}]` };
  }
}
