/** SPIRE's server in memory, as far as entries go: it answers each item as spire-server 1.15.3 was seen to answer. */
import { AppError, type ErrorCode } from '#kernel/errors.ts';
import { entryIdentity } from '../../webhook/identity/entry-name.ts';
import type { SpireEntry } from '../../webhook/identity/spire-entry.ts';
import type {
  DeleteResult,
  EntryResult,
  SpireServerApi,
} from '../../webhook/spire/spire-server-api.ts';

export class FakeSpire {
  readonly entries = new Map<string, SpireEntry>();
  readonly federated = new Set<string>();
  readonly agents: { readonly id: string; readonly isBanned: boolean }[] = [];
  readonly counts: Record<'list' | 'create' | 'update' | 'delete', number> = {
    list: 0,
    create: 0,
    update: 0,
    delete: 0,
  };
  trustDomain = 'example.org';
  /** Every call fails with it. */
  fault: ErrorCode | undefined;
  /** Items of these ids are refused. */
  readonly refusals = new Map<string, string>();

  readonly api: SpireServerApi = {
    address: 'unix:///fake.sock',
    listEntries: () => {
      this.#called('list');
      return Promise.resolve([...this.entries.values()]);
    },
    createEntries: (entries) => this.#each('create', entries, (entry) => this.#create(entry)),
    updateEntries: (entries) => this.#each('update', entries, (entry) => this.#update(entry)),
    deleteEntries: (ids) =>
      this.#each('delete', ids, (id): DeleteResult => {
        const words = this.refusals.get(id);
        if (words !== undefined) return { kind: 'refused', code: 'INTERNAL', words };
        this.entries.delete(id);
        return { kind: 'gone' };
      }),
    trustDomain: () => this.#answer(this.trustDomain),
    federatedTrustDomains: () => this.#answer([...this.federated]),
    agents: () => this.#answer([...this.agents]),
    listRelationships: () => this.#answer([]),
    createRelationship: () => this.#answer({ kind: 'done' }),
    updateRelationship: () => this.#answer({ kind: 'done' }),
    deleteRelationship: () => this.#answer({ kind: 'gone' }),
    deleteBundle: () => this.#answer({ kind: 'gone' }),
    close: () => undefined,
  };

  #answer<Value>(value: Value): Promise<Value> {
    return this.fault === undefined
      ? Promise.resolve(value)
      : Promise.reject(new AppError(this.fault, `SPIRE says ${this.fault}`));
  }

  #called(call: keyof FakeSpire['counts']): void {
    this.counts[call] += 1;
    if (this.fault !== undefined) throw new AppError(this.fault, `SPIRE says ${this.fault}`);
  }

  #each<Item, Result>(
    call: keyof FakeSpire['counts'],
    items: readonly Item[],
    answer: (item: Item) => Result,
  ): Promise<readonly Result[]> {
    return new Promise((resolve) => {
      this.#called(call);
      resolve(items.map(answer));
    });
  }

  #create(entry: SpireEntry): EntryResult {
    const fault = this.#fault(entry);
    if (fault !== undefined) return fault;
    const similar = this.#similar(entry);
    if (similar !== undefined) return { kind: 'exists', similar };
    if (this.entries.has(entry.id)) return { kind: 'exists', similar: undefined };
    this.entries.set(entry.id, entry);
    return { kind: 'done', entry };
  }

  #update(entry: SpireEntry): EntryResult {
    if (!this.entries.has(entry.id)) return { kind: 'missing' };
    const fault = this.#fault(entry);
    if (fault !== undefined) return fault;
    const similar = this.#similar(entry);
    if (similar !== undefined && similar.id !== entry.id) return refused('INTERNAL', 'similar');
    this.entries.set(entry.id, entry);
    return { kind: 'done', entry };
  }

  #similar(entry: SpireEntry): SpireEntry | undefined {
    const identity = entryIdentity(entry);
    return [...this.entries.values()].find((each) => entryIdentity(each) === identity);
  }

  #fault({ id, federatesWith, spiffeId }: SpireEntry): EntryResult | undefined {
    const words = this.refusals.get(id);
    if (words !== undefined) return refused('INTERNAL', words);
    if (federatesWith.some((name) => !this.federated.has(name)))
      return refused('INTERNAL', 'unable to find federated bundle');
    return spiffeId.startsWith(`spiffe://${this.trustDomain}/`)
      ? undefined
      : refused('INVALID_ARGUMENT', 'is not a member of trust domain');
  }
}

function refused(code: string, words: string): EntryResult {
  return { kind: 'refused', code, words };
}
