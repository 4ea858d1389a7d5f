/**
 * What one client wants, what it holds, and what must be sent to it. Envoy keeps a secret that is withdrawn, and one whose
 * source is gone, and knows nothing of expiry; so what no longer holds is replaced by the empty value.
 */
import { expiryMarginS, type Secrets } from './secrets.ts';
import { emptyVersion, expiryOf } from './secret-version.ts';
import type { SecretResource } from './write-response.ts';

interface Holding {
  /** What the client has under this name, as far as is known; undefined: nothing. */
  version: string | undefined;
  /** The token that it did not accept last: it is not sent again. */
  refused: string | undefined;
  /** It did not accept the empty value in place of what it has. */
  refusesEmpty: boolean;
}

/** What a client has of which nothing is known but that it may be old. */
const someVersion = '';

/** A response that the client has not answered yet: what it had before, by name. */
type Sent = ReadonlyMap<string, string | undefined>;

export class Subscription {
  readonly #holdings = new Map<string, Holding>();
  #sent: Sent | undefined;

  /** Names that are wanted. */
  get names(): readonly string[] {
    return [...this.#holdings.keys()];
  }

  /** True while the client owes an answer. */
  get isAwaitingAnswer(): boolean {
    return this.#sent !== undefined;
  }

  /** Versions of what the client holds. */
  get versions(): readonly string[] {
    return [...this.#holdings.values()].flatMap(({ version }) => version ?? []);
  }

  /** @param held the version that the client has from before. */
  add(name: string, held: string | undefined): void {
    if (this.#holdings.has(name)) return;
    this.#holdings.set(name, { version: held, refused: undefined, refusesEmpty: false });
  }

  /** The client asks again for what it wanted already: it gets it again. */
  ask(name: string): void {
    const holding = this.#holdings.get(name);
    if (holding?.version !== undefined) holding.version = someVersion;
  }

  remove(name: string): void {
    this.#holdings.delete(name);
  }

  /** What must be sent to the client now; empty when it has all it should have. */
  due(secrets: Secrets, nowS: number): readonly SecretResource[] {
    return [...this.#holdings].flatMap(([name, holding]) => {
      const update = updateOf(name, holding, { secrets, nowS });
      return update === undefined ? [] : [{ name, ...update }];
    });
  }

  /** The client was sent these, and has not answered yet. */
  send(resources: readonly SecretResource[]): void {
    const before = new Map<string, string | undefined>();
    for (const { name, version } of resources) {
      const holding = this.#holdings.get(name);
      if (holding === undefined) continue;
      before.set(name, holding.version);
      holding.version = version;
    }
    this.#sent = before;
  }

  accept(): void {
    for (const name of this.#sent?.keys() ?? []) {
      const holding = this.#holdings.get(name);
      // Else one refused empty value would let every later token outlive its end.
      if (holding !== undefined && holding.version !== emptyVersion) holding.refusesEmpty = false;
    }
    this.#sent = undefined;
  }

  /** The client keeps what it had. @returns the names whose update it refused. */
  refuse(): readonly string[] {
    const sent = this.#sent ?? new Map<string, string | undefined>();
    this.#sent = undefined;
    for (const [name, before] of sent) {
      const holding = this.#holdings.get(name);
      if (holding === undefined) continue;
      if (holding.version === emptyVersion) holding.refusesEmpty = true;
      else holding.refused = holding.version;
      holding.version = before;
    }
    return [...sent.keys()];
  }

  /** Unix seconds at which something held must be replaced, if nothing newer comes; undefined: never. */
  get lapsesAtS(): number | undefined {
    const held = this.versions.filter((version) => version !== emptyVersion);
    const ends = held.map((version) => expiryOf(version) - expiryMarginS);
    return ends.length === 0 ? undefined : Math.min(...ends);
  }
}

function updateOf(
  name: string,
  holding: Holding,
  { secrets, nowS }: { readonly secrets: Secrets; readonly nowS: number },
): Omit<SecretResource, 'name'> | undefined {
  const state = secrets.find(name, nowS);
  if (state.kind === 'held' && state.version !== holding.refused) {
    return state.version === holding.version ? undefined : state;
  }
  if (holding.version === undefined || holding.version === emptyVersion) return undefined;
  const isGood = nowS < expiryOf(holding.version) - expiryMarginS;
  if (state.kind !== 'unknown' && isGood) return undefined;
  return holding.refusesEmpty ? undefined : { version: emptyVersion, value: '' };
}
