/** Ports of the rules that answer from memory and remember what they were asked. */
import { parseTrustDomain, type SpiffeId, type TrustDomain } from '#kernel/spiffe-id.ts';
import type { AuthzOutcome } from '../../sidecar/authz/outcomes.ts';
import type { RulePorts, Tally } from '../../sidecar/authz/check-handler.ts';
import type {
  BanAnswer,
  BanList,
  BanService,
  StoredBanList,
} from '../../sidecar/authz/ban-rule.ts';
import type { LookupResult } from '../../sidecar/authz/lookup.ts';
import { readBanList, type BanLine, type BanTable } from '../../sidecar/config/ban-list.ts';
import type { Ban } from '../../sidecar/config/ban-meaning.ts';
import { OwnTokens } from '../../sidecar/jwt/own-tokens.ts';
import type {
  IssuedToken,
  TokenSource,
  TokenVerifier,
  TokenVerdict,
} from '../../sidecar/jwt/token-ports.ts';

export class FakeTokenSource implements TokenSource {
  issued: IssuedToken | undefined;
  trouble: string | undefined;
  onIssue: (issued: IssuedToken) => void = () => undefined;
  readonly #listeners = new Set<() => void>();

  current(nowS: number): IssuedToken | undefined {
    return this.issued !== undefined && nowS < this.issued.expiresAtS ? this.issued : undefined;
  }
  problem(): string | undefined {
    return this.trouble;
  }
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
  issue(issued: IssuedToken): void {
    this.issued = issued;
    this.onIssue(issued);
    for (const listener of this.#listeners) listener();
  }
  get listening(): number {
    return this.#listeners.size;
  }
}

/** Gives the verdict that was put in for a token, else "malformed". */
export class FakeVerifier implements TokenVerifier {
  readonly verdicts = new Map<string, TokenVerdict | Promise<TokenVerdict>>();
  verify(token: string): TokenVerdict | Promise<TokenVerdict> {
    return this.verdicts.get(token) ?? { kind: 'refused', reason: 'malformed' };
  }
}

class FakeTally implements Tally {
  readonly counts: Partial<Record<AuthzOutcome, number>> = {};
  add(outcome: AuthzOutcome): void {
    this.counts[outcome] = (this.counts[outcome] ?? 0) + 1;
  }
}

/** Every rule's list, as a text. */
class FakeBanList implements BanList {
  isLoaded = false;
  #table: BanTable = new Map();

  load(...lines: readonly BanLine[]): void {
    const reading = readBanList(lines.map((line) => JSON.stringify(line)).join('\n'), 'bans');
    let step = reading.next();
    while (step.done !== true) step = reading.next();
    this.#table = step.value;
    this.isLoaded = true;
  }
  find(key: string): LookupResult<readonly Ban[]> {
    const entry = this.#table.get(key);
    return entry === undefined ? { kind: 'not_known' } : { kind: 'listed', entry };
  }
}

/** A store of which nothing is in memory until a test says so. */
class FakeStoredBans implements StoredBanList {
  isLoaded = true;
  readonly inMemory = new Map<string, readonly Ban[]>();
  readonly inStore = new Map<string, readonly Ban[]>();
  trouble: 'store_away' | 'store_slow' | 'store_busy' | undefined;
  readonly lookedUp: string[] = [];

  find(key: string): readonly Ban[] | undefined {
    return this.inMemory.get(key);
  }
  lookUp(keys: ReadonlySet<string>): ReturnType<StoredBanList['lookUp']> {
    this.lookedUp.push(...keys);
    return Promise.resolve(this.trouble ?? this.inStore);
  }
}

export class FakeRulePorts implements RulePorts {
  readonly sources = new Map<string, FakeTokenSource>();
  readonly verifiers = new Map<string, FakeVerifier>();
  readonly tallies = new Map<string, FakeTally>();
  /** What the sources were given. */
  readonly ownTokens = new OwnTokens();
  /** Those whose keys there are. */
  trustDomains: readonly TrustDomain[] = [parseTrustDomain('example.org')];
  readonly bans = new FakeBanList();
  readonly storedBans = new FakeStoredBans();
  /** What the service says, and what it was asked. */
  banAnswer: BanAnswer = 'not_banned';
  readonly asked: Parameters<BanService['ask']>[0][] = [];
  readonly askedIds: (SpiffeId | undefined)[] = [];
  /** No further audience is taken once there are this many. */
  maxAudiences = Infinity;

  tokensFor(audience: string, spiffeId: SpiffeId | undefined): FakeTokenSource | undefined {
    this.askedIds.push(spiffeId);
    if (!this.sources.has(audience) && this.sources.size >= this.maxAudiences) return undefined;
    return this.source(audience);
  }
  verifierFor(audiences: readonly string[]): FakeVerifier | undefined {
    const key = [...audiences].sort().join(',');
    if (!this.verifiers.has(key) && this.verifiers.size >= this.maxAudiences) return undefined;
    return this.verifier(key);
  }
  soleTrustDomain(): TrustDomain | undefined {
    return this.trustDomains.length === 1 ? this.trustDomains[0] : undefined;
  }
  tallyFor(rule: string): FakeTally {
    const tally = this.tallies.get(rule) ?? new FakeTally();
    this.tallies.set(rule, tally);
    return tally;
  }
  banListIn(): FakeBanList {
    return this.bans;
  }
  banListAt(): FakeStoredBans {
    return this.storedBans;
  }
  banServiceAt(): BanService {
    return {
      ask: (headers) => {
        this.asked.push(headers);
        return Promise.resolve(this.banAnswer);
      },
    };
  }
  pause(): Promise<void> {
    return new Promise((resolve) => setImmediate(resolve));
  }

  source(audience: string): FakeTokenSource {
    const present = this.sources.get(audience);
    if (present !== undefined) return present;
    const source = new FakeTokenSource();
    this.sources.set(audience, source);
    source.onIssue = (issued) => {
      this.ownTokens.add(issued);
    };
    return source;
  }
  verifier(key: string): FakeVerifier {
    const verifier = this.verifiers.get(key) ?? new FakeVerifier();
    this.verifiers.set(key, verifier);
    return verifier;
  }
}
