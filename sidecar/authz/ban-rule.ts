/**
 * Refuses a request whose token names somebody who is banned, and lets every other one pass, whatever goes wrong. It says
 * nothing about whether the token is good: that is for the rules and services behind it.
 */
import { banKey, claimAt, claimPath, type ClaimPath } from '../config/ban-values.ts';
import { banMeaning, type Ban } from '../config/ban-meaning.ts';
import type { HttpBanStore } from '../config/ban-settings.ts';
import type { RedisSettings } from '../config/redis-settings.ts';
import { isNormalPath, skipFilter } from '../config/skip-paths.ts';
import type { Rule } from '../config/settings.ts';
import type { JsonObject } from '#kernel/json.ts';
import { own } from '#kernel/members.ts';
import { readStruct } from '../protobuf/struct-reader.ts';
import { unverifiedClaims } from '../jwt/unverified-claims.ts';
import { bareHost, isHostName } from './host-names.ts';
import type { Lookup } from './lookup.ts';
import { refusalWords, type AllowOutcome } from './outcomes.ts';
import type { CheckView } from './read-check.ts';
import type { PreparedRule, RuleDecision } from './rule-decision.ts';
import { cookieReader, tokensIn } from './tokens-in.ts';

type BanRule = Extract<Rule, { mode: 'ban' }>;

/** Bans by `banKey`; only those in force are found. */
export interface BanList extends Lookup<readonly Ban[]> {
  /** False until a list was read for the first time. */
  readonly isLoaded: boolean;
}

/** Bans by `banKey` that other programs write while it is asked; only those in force are found. */
export interface StoredBanList {
  /** False until the store was reached for the first time. */
  readonly isLoaded: boolean;
  /** Undefined: it is not known without `lookUp`. */
  find(key: string): readonly Ban[] | undefined;
  /** Asks the store, within its deadline. Never rejects. */
  lookUp(keys: ReadonlySet<string>): Promise<ReadonlyMap<string, readonly Ban[]> | StoreTrouble>;
}

/** Why a store said nothing: it failed, had no time, or is asked about too much already. */
type StoreTrouble = 'store_away' | 'store_slow' | 'store_busy';
/** What a service said. */
export type BanAnswer = 'banned' | 'not_banned' | StoreTrouble;

/** A service that knows who is banned. */
export interface BanService {
  /** Settles within the store's deadline. Never rejects. */
  ask(headers: Pick<CheckView, 'authorization' | 'cookies'>): Promise<BanAnswer>;
}

export interface BanPorts {
  /** The list in a file; the same one for the same file. */
  banListIn(file: string): BanList;
  /** The list in a store; the same one for the same store. */
  banListAt(store: RedisSettings): StoredBanList;
  /** The same one for the same store. */
  banServiceAt(store: HttpBanStore): BanService;
}

/** Puts a rule that bans in force. */
export function banRule(rule: BanRule, ports: BanPorts): PreparedRule {
  const isMeant = requestFilter(rule);
  const textOf = tokenText(rule);
  const judge = judgeFor(rule, ports);
  return {
    // A service is asked with both headers.
    readsCookies: rule.cookie !== undefined || 'http' in rule.store,
    payload: rule.metadata,
    inTrouble: passes.ban_not_carried_out,
    decide: (view, route, nowS) => {
      // A route is chosen by the path as Envoy reads it, and the app may read another one.
      if (route.kind === 'skip' && isNormalPath(view.path)) return passes.skipped;
      if (!isMeant(view)) return passes.passed;
      return judge(view, textOf(view), nowS);
    },
  };
}

type Judge = (view: CheckView, held: string, nowS: number) => RuleDecision | Promise<RuleDecision>;

function judgeFor(rule: BanRule, ports: BanPorts): Judge {
  const { store } = rule;
  if ('http' in store) return byService(rule, store, ports);
  if ('redis' in store) {
    const stored = ports.banListAt(store.redis);
    return byClaims(rule, stored, lookedUpIn(stored, rule));
  }
  const list = ports.banListIn(store.file);
  return byClaims(rule, list, foundIn(list, rule));
}

/** Undefined for what cannot be read. */
type ClaimsOf<Held> = (held: Held) => JsonObject | undefined;
/** Judges whoever the claims are about, be they of tokens or of Envoy's metadata. */
type HolderJudge = <Held>(
  all: readonly Held[],
  claimsOf: ClaimsOf<Held>,
  nowS: number,
) => RuleDecision | Promise<RuleDecision>;

function byClaims(rule: BanRule, list: { readonly isLoaded: boolean }, judge: HolderJudge): Judge {
  const settle: HolderJudge = (all, claimsOf, nowS) => {
    if (all.length === 0) return passes.no_token;
    return list.isLoaded ? judge(all, claimsOf, nowS) : passes.ban_list_missing;
  };
  return rule.metadata === undefined
    ? (_view, held, nowS) => settle(tokensIn(held), unverifiedClaims, nowS)
    : ({ payload }, _held, nowS) =>
        settle(payload === undefined ? [] : [payload], readStruct, nowS);
}

/** By the list itself. */
function foundIn(list: BanList, rule: BanRule): HolderJudge {
  const judge = judgeOf(rule);
  return (all, claimsOf, nowS) =>
    judge(all, claimsOf, (key) => {
      const found = list.find(key, nowS);
      return found.kind === 'listed' ? found.entry : none;
    });
}

function itself(claims: JsonObject | undefined): JsonObject | undefined {
  return claims;
}

/** By what is in memory of a store's list; where that says nothing of a value, by the store. */
function lookedUpIn(list: StoredBanList, rule: BanRule): HolderJudge {
  const judge = judgeOf(rule);
  return (all, claimsOf) => {
    // Read at once: the check's bytes are gone when the store answers.
    const claims = all.map((one) => claimsOf(one));
    const unknown = new Set<string>();
    const early = judge(claims, itself, (key) => {
      const bans = list.find(key);
      if (bans === undefined) unknown.add(key);
      return bans ?? none;
    });
    if (early.kind === 'refuse' || unknown.size === 0) return early;
    return list.lookUp(unknown).then((found) => {
      if (typeof found === 'string') return passes[found];
      return judge(claims, itself, (key) => found.get(key) ?? list.find(key) ?? none);
    });
  };
}

/** By what a service says, which can also know tokens that nobody else can read. */
function byService({ body }: BanRule, store: HttpBanStore, ports: BanPorts): Judge {
  const service = ports.banServiceAt(store);
  const refused: RuleDecision = {
    kind: 'refuse',
    outcome: 'banned',
    words: refusalWords.banned,
    body,
  };
  return (view, held) => {
    if (held.trim() === '') return passes.no_token;
    return service.ask(view).then((answer) => (answer === 'banned' ? refused : passes[answer]));
  };
}

function pass(outcome: AllowOutcome): RuleDecision {
  return { kind: 'allow', outcome };
}

const passes = {
  skipped: pass('skipped'),
  passed: pass('passed'),
  no_token: pass('no_token'),
  token_unreadable: pass('token_unreadable'),
  claim_missing: pass('claim_missing'),
  issued_at_missing: pass('issued_at_missing'),
  ban_list_missing: pass('ban_list_missing'),
  ban_not_carried_out: pass('ban_not_carried_out'),
  not_banned: pass('not_banned'),
  store_away: pass('store_away'),
  store_busy: pass('store_busy'),
  store_slow: pass('store_slow'),
} as const;
type Pass = keyof typeof passes;

/** Of several tokens and claims, what tells most about the request. */
const tellingMost: readonly Pass[] = [
  'issued_at_missing',
  'not_banned',
  'claim_missing',
  'token_unreadable',
];

/** Where tokens may stand. */
function tokenText({ cookie }: BanRule): (view: CheckView) => string {
  if (cookie === undefined) return ({ authorization }) => authorization;
  const cookiesOf = cookieReader(cookie);
  return ({ cookies }) => cookiesOf(cookies);
}

/** What can be read in two ways is meant: a client must not get round the rule by how it writes a host or a path. */
function requestFilter({ hosts, paths }: BanRule): (view: CheckView) => boolean {
  const isMeantHost = hostFilter(hosts);
  const isMeantPath = skipFilter(paths);
  return ({ host, path }) =>
    isMeantHost(host) && (paths === undefined || !isNormalPath(path) || isMeantPath(path));
}

function hostFilter(hosts: readonly string[] | undefined): (host: string) => boolean {
  if (hosts === undefined) return () => true;
  const exact: ReadonlySet<string> = new Set(hosts.filter((host) => !host.startsWith('*.')));
  const ends = hosts.filter((host) => host.startsWith('*.')).map((host) => host.slice(1));
  return (raw) => {
    const host = bareHost(raw.toLowerCase());
    if (!isHostName(host)) return true;
    return exact.has(host) || ends.some((end) => host.length > end.length && host.endsWith(end));
  };
}

type FindBans = (key: string) => readonly Ban[];
const none: readonly Ban[] = [];

/** Looks each claim of each token up, until one is banned. */
function judgeOf({ claims = [], body }: BanRule) {
  const paths = claims.flatMap((claim) => [claimPath(claim)].filter((path) => path !== undefined));
  const refusalOf = refusalsBy(body);
  return <Held>(all: readonly Held[], claimsOf: ClaimsOf<Held>, find: FindBans): RuleDecision => {
    const seen = new Set<Pass>();
    for (const one of all) {
      const held = claimsOf(one);
      if (held === undefined) seen.add('token_unreadable');
      else {
        const found = judgeClaims(held, paths, find);
        if (typeof found !== 'string') return refusalOf(found);
        seen.add(found);
      }
    }
    return passes[tellingMost.find((one) => seen.has(one)) ?? 'not_banned'];
  };
}

/** The ban that meets a token, or why there is none. */
function judgeClaims(held: JsonObject, paths: readonly ClaimPath[], find: FindBans): Ban | Pass {
  let why: Pass = 'claim_missing';
  for (const path of paths) {
    const key = banKey(path, claimAt(held, path));
    if (key === undefined) continue;
    const met = banMeaning(find(key), own(held, 'iat'));
    if (typeof met !== 'string') return met;
    if (why !== 'issued_at_missing') why = met;
  }
  return why;
}

/** One refusal for each ban. The client learns nothing of it; access logs do. */
function refusalsBy(body: string): (ban: Ban) => RuleDecision {
  const made = new WeakMap<Ban, RuleDecision>();
  return (ban) => {
    const present = made.get(ban);
    if (present !== undefined) return present;
    const { claim, reason } = ban;
    const decision: RuleDecision = {
      kind: 'refuse',
      outcome: 'banned',
      words: refusalWords.banned,
      body,
      metadata: { ban_claim: claim, ...(reason === undefined ? {} : { ban_reason: reason }) },
    };
    made.set(ban, decision);
    return decision;
  };
}
