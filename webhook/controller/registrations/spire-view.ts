/** What SPIRE's server had when it was last read, kept up with our own writes. */
import type { SpireFacts } from '../../desired/registrations.ts';
import { entryIdentity, namespaceOfEntry } from '../../identity/entry-name.ts';
import type { SpireEntry } from '../../identity/spire-entry.ts';
import type { SpireServerApi } from '../../spire/spire-server-api.ts';

export class SpireView {
  readonly facts: SpireFacts;
  readonly #cluster: string;
  /** By namespace, then by id. */
  readonly #ours = new Map<string, Map<string, SpireEntry>>();
  /** Of entries that are not ours only this is held: what they are → their id. */
  readonly #foreign = new Map<string, string>();

  /** @param cluster the name of ours that is in the names of our entries */
  constructor(facts: SpireFacts, entries: readonly SpireEntry[], cluster: string) {
    this.facts = facts;
    this.#cluster = cluster;
    for (const entry of entries) this.put(entry);
  }

  namespaces(): readonly string[] {
    return [...this.#ours.keys()];
  }

  ours(namespace: string): readonly SpireEntry[] {
    return [...(this.#ours.get(namespace)?.values() ?? [])];
  }

  has(namespace: string, id: string): boolean {
    return this.#ours.get(namespace)?.has(id) === true;
  }

  /** Id of an entry of others that SPIRE takes for the same. */
  similar(entry: SpireEntry): string | undefined {
    return this.#foreign.size === 0 ? undefined : this.#foreign.get(entryIdentity(entry));
  }

  put(entry: SpireEntry): void {
    const namespace = namespaceOfEntry(this.#cluster, entry.id);
    if (namespace === undefined) {
      this.#foreign.set(entryIdentity(entry), entry.id);
      return;
    }
    const entries = this.#ours.get(namespace);
    if (entries === undefined) this.#ours.set(namespace, new Map([[entry.id, entry]]));
    else entries.set(entry.id, entry);
  }

  /** One of ours. */
  drop(id: string): void {
    const namespace = namespaceOfEntry(this.#cluster, id);
    const entries = namespace === undefined ? undefined : this.#ours.get(namespace);
    if (namespace === undefined || entries?.delete(id) !== true) return;
    if (entries.size === 0) this.#ours.delete(namespace);
  }
}

/** All or nothing: what is not in a list that is not complete would be taken for gone. */
export async function readSpire(
  api: SpireServerApi,
  needs: {
    readonly cluster: string;
    readonly needsAgents: boolean;
    /** Trust domains that go: they count as those without a bundle. */
    readonly leaving: ReadonlySet<string>;
  },
  signal: AbortSignal,
): Promise<SpireView> {
  const [trustDomain, federated, agents] = await Promise.all([
    api.trustDomain(signal),
    api.federatedTrustDomains(signal),
    needs.needsAgents ? api.agents(signal) : [],
  ]);
  const entries = await api.listEntries(signal);
  const facts: SpireFacts = {
    trustDomain,
    federated: new Set(federated.filter((name) => !needs.leaving.has(name))),
    agents: agents
      .filter(({ isBanned }) => !isBanned)
      .map(({ id }) => id)
      .sort(),
    privileged: privilegedIn(entries, needs.cluster),
  };
  return new SpireView(facts, entries, needs.cluster);
}

/** What somebody has changed about ours is put right, and makes nobody an administrator. */
function privilegedIn(entries: readonly SpireEntry[], cluster: string): ReadonlySet<string> {
  const privileged = entries.filter(
    ({ id, isAdmin, isDownstream }) =>
      (isAdmin || isDownstream) && namespaceOfEntry(cluster, id) === undefined,
  );
  return new Set(privileged.map(({ spiffeId }) => spiffeId));
}
