/**
 * Refuses a request whose token names somebody who is banned, and lets every other one pass, whatever goes wrong. It says
 * nothing about whether the token is good: that is for the rules and services behind it.
 */
import { banKey, claimAt, claimPath, type ClaimPath } from '../config/ban-values.ts';
import type { Ban } from '../config/ban-list.ts';
import type { HttpBanStore } from '../config/ban-settings.ts';
import { isNormalPath, skipFilter } from '../config/skip-paths.ts';
import type { Rule } from '../config/settings.ts';
import type { Json, JsonObject } from '#kernel/json.ts';
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

/** What a service said, or why it said nothing: it failed, had no time, or is asked about too many requests already. */
export type BanAnswer = 'banned' | 'not_banned' | 'store_away' | 'store_slow' | 'store_busy';

/** A service that knows who is banned. */
export interface BanService {
  /** Settles within the store's deadline. Never rejects. */
  ask(headers: Pick<CheckView, 'authorization' | 'cookies'>): Promise<BanAnswer>;
}

export interface BanPorts {
  /** The list in a file; the same one for the same file. */
  banListIn(file: string): BanList;
  /** The same one for the same store. */
  banServiceAt(store: HttpBanStore): BanService;
}

/** Puts a rule that bans in force. */
export function banRule(rule: BanRule, ports: BanPorts): PreparedRule {
  const isMeant = requestFilter(rule);
  const textOf = tokenText(rule);
  const { store } = rule;
  const judge = 'file' in store ? byList(rule, store.file, ports) : byService(rule, store, ports);
  return {
    // A service is asked with both headers.
    readsCookies: rule.cookie !== undefined || 'http' in store,
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

/** Undefined for what cannot be read. */
type ClaimsOf<Held> = (held: Held) => JsonObject | undefined;

/** By the list itself. */
function byList(rule: BanRule, file: string, ports: BanPorts): Judge {
  const list = ports.banListIn(file);
  const judge = judgeOf(rule, list);
  const settle = <Held>(all: readonly Held[], claimsOf: ClaimsOf<Held>, nowS: number) => {
    if (all.length === 0) return passes.no_token;
    return list.isLoaded ? judge(all, claimsOf, nowS) : passes.ban_list_missing;
  };
  return rule.metadata === undefined
    ? (_view, held, nowS) => settle(tokensIn(held), unverifiedClaims, nowS)
    : ({ payload }, _held, nowS) =>
        settle(payload === undefined ? [] : [payload], readStruct, nowS);
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

/** Looks each claim of each token up, until one is banned. */
function judgeOf({ claims = [], body }: BanRule, list: BanList) {
  const paths = claims.flatMap((claim) => [claimPath(claim)].filter((path) => path !== undefined));
  const refusalOf = refusalsBy(body);
  return <Held>(all: readonly Held[], claimsOf: ClaimsOf<Held>, nowS: number): RuleDecision => {
    const seen = new Set<Pass>();
    for (const one of all) {
      const held = claimsOf(one);
      if (held === undefined) seen.add('token_unreadable');
      else {
        const found = judgeClaims(held, paths, (key) => list.find(key, nowS));
        if (typeof found !== 'string') return refusalOf(found);
        seen.add(found);
      }
    }
    return passes[tellingMost.find((one) => seen.has(one)) ?? 'not_banned'];
  };
}

/** The ban that meets a token, or why there is none. */
function judgeClaims(
  held: JsonObject,
  paths: readonly ClaimPath[],
  find: (key: string) => ReturnType<BanList['find']>,
): Ban | Pass {
  let why: Pass = 'claim_missing';
  for (const path of paths) {
    const key = banKey(path, claimAt(held, path));
    if (key === undefined) continue;
    const found = find(key);
    const met = found.kind === 'listed' ? meets(found.entry, own(held, 'iat')) : 'not_banned';
    if (typeof met !== 'string') return met;
    if (why !== 'issued_at_missing') why = met;
  }
  return why;
}

/** Of the bans of one value, one that means a token which was issued then. */
function meets(bans: readonly Ban[], issuedAt: Json | undefined): Ban | Pass {
  const issuedAtS = typeof issuedAt === 'number' ? issuedAt : undefined;
  const met = bans.find(
    ({ issuedBeforeS }) =>
      issuedBeforeS === undefined || (issuedAtS !== undefined && issuedAtS < issuedBeforeS),
  );
  return met ?? (issuedAtS === undefined ? 'issued_at_missing' : 'not_banned');
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
