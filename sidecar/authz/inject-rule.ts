/** Puts a JWT-SVID into outgoing requests. A decision is made once for each token, not for each request. */
import { parseSpiffeId, type SpiffeId } from '#kernel/spiffe-id.ts';
import type { Rule } from '../config/settings.ts';
import type { IssuedToken, TokenSource } from '../jwt/token-ports.ts';
import { audienceByHost } from './audience-by-host.ts';
import { broughtBy, type Brought } from './brought-tokens.ts';
import type { Lookup } from './lookup.ts';
import { refusalWords } from './outcomes.ts';
import type { RouteSettings } from './route-overrides.ts';
import { refusals, refuse, type PreparedRule, type RuleDecision } from './rule-decision.ts';

type InjectRule = Extract<Rule, { mode: 'inject' }>;

/** What an inject rule needs from outside. */
export interface InjectPorts {
  /**
   * The source of tokens for an audience; the same one for the same arguments. Starts fetching on first use.
   * Undefined when so many audiences are in use that no further one is taken.
   */
  tokensFor(audience: string, spiffeId: SpiffeId | undefined): TokenSource | undefined;
  /** The tokens that the helper itself gave out and that can still count somewhere; an entry is until when, in Unix seconds. */
  readonly ownTokens: Lookup<number>;
  /** Resolves after that many milliseconds. */
  pause(ms: number): Promise<void>;
}

/**
 * Milliseconds that the first request for an audience named by a route waits for its token. Envoy waits longer: `timeout`
 * of the filter in `templates/jwt-inject`.
 */
const firstTokenPatienceMs = 150;

/** Always the decision for the newest token of one source. */
interface TokenDecisions {
  /** Undefined when there is no token that is still valid. */
  allowed(nowS: number): RuleDecision | undefined;
  refused(): RuleDecision;
  readonly source: TokenSource;
}

/** Puts an inject rule in force. Its own audiences are fetched from now on; a route's on first use. */
export function injectRule(rule: InjectRule, ports: InjectPorts): PreparedRule {
  const meeting = meetings(rule);
  const audienceOf = audienceByHost(rule);
  const decisionsFor = decisionsByAudience(rule, ports);
  const own = [rule.audience, ...Object.values(rule.audienceByHost ?? {})];
  for (const audience of own) if (audience !== undefined) decisionsFor(audience);

  return {
    decide: (view, route, nowS) => {
      const isOwn = (token: string) => ports.ownTokens.find(token, nowS).kind === 'listed';
      const brought = broughtBy(view, isOwn);
      const audience = audienceFor(route, () => audienceOf(view.host));
      if (audience === undefined) return withoutToken(brought, route);
      const met = meeting[brought];
      if (met !== undefined) return met;
      const decisions = decisionsFor(audience);
      if (decisions === undefined) return tooManyAudiences;
      const allowed = decisions.allowed(nowS);
      if (allowed !== undefined) return allowed;
      const mayBeFirst = route.kind === 'audience';
      return mayBeFirst ? afterFirstToken(decisions, nowS, ports) : decisions.refused();
    },
  };
}

const passed: RuleDecision = { kind: 'allow', outcome: 'passed' };
const skipped: RuleDecision = { kind: 'allow', outcome: 'skipped' };
const takenOff: RuleDecision = { kind: 'allow', outcome: 'taken_off', remove: ['authorization'] };
const tooManyAudiences = refuse(
  'no_token_yet',
  'routes name more audiences than the helper keeps tokens for',
);

/** Where no token is meant to go: one of ours is a bearer secret, and goes no further. */
function withoutToken(brought: Brought, route: RouteSettings): RuleDecision {
  if (brought === 'own') return takenOff;
  if (brought === 'own_and_others') return refusals.several_authorizations;
  return route.kind === 'skip' ? skipped : passed;
}

/** What is decided about a request that brings something where a token is meant to go; undefined: it gets the token. */
function meetings({
  authorization,
}: InjectRule): Readonly<Record<Brought, RuleDecision | undefined>> {
  const silent = { nothing: undefined, own: undefined };
  switch (authorization) {
    case 'overwrite':
      return { ...silent, others: undefined, own_and_others: undefined };
    case 'keep':
      return { ...silent, others: passed, own_and_others: refusals.several_authorizations };
    case 'deny': {
      const refused = refusals.authorization_present;
      return { ...silent, others: refused, own_and_others: refused };
    }
    default:
      return authorization satisfies never;
  }
}

/** Undefined: no token is meant for where this request goes. */
function audienceFor(route: RouteSettings, ofHost: () => string | undefined): string | undefined {
  if (route.kind === 'skip') return undefined;
  return route.kind === 'audience' ? route.audience : ofHost();
}

/** The decisions of each audience, made on first use. */
function decisionsByAudience(
  rule: InjectRule,
  ports: InjectPorts,
): (audience: string) => TokenDecisions | undefined {
  const spiffeId = rule.spiffeId === undefined ? undefined : parseSpiffeId(rule.spiffeId);
  const known = new Map<string, TokenDecisions>();
  return (audience) => {
    const present = known.get(audience);
    if (present !== undefined) return present;
    const source = ports.tokensFor(audience, spiffeId);
    if (source === undefined) return undefined;
    const made = tokenDecisions(source);
    known.set(audience, made);
    return made;
  };
}

function tokenDecisions(source: TokenSource): TokenDecisions {
  let made: { readonly issued: IssuedToken; readonly decision: RuleDecision } | undefined;
  let explained: { readonly problem: string; readonly decision: RuleDecision } | undefined;
  return {
    source,
    allowed: (nowS) => {
      const issued = source.current(nowS);
      if (issued === undefined || nowS >= issued.expiresAtS) return undefined;
      if (made?.issued !== issued) made = { issued, decision: withToken(issued) };
      return made.decision;
    },
    refused: () => {
      const problem = source.problem();
      if (problem === undefined) return refusals.no_token_yet;
      if (explained?.problem !== problem) {
        const words = `${refusalWords.no_token_yet}: ${problem}`;
        explained = { problem, decision: refuse('no_token_yet', words) };
      }
      return explained.decision;
    },
  };
}

function withToken({ token, spiffeId }: IssuedToken): RuleDecision {
  return {
    kind: 'allow',
    outcome: 'allowed',
    set: { authorization: `Bearer ${token}` },
    metadata: { spiffe_id: spiffeId },
  };
}

/** Waits a little: a route's audience is not known before its first request. */
async function afterFirstToken(
  decisions: TokenDecisions,
  nowS: number,
  ports: InjectPorts,
): Promise<RuleDecision> {
  let stop: () => void = () => undefined;
  const changed = new Promise<void>((resolve) => {
    stop = decisions.source.onChange(resolve);
  });
  await Promise.race([changed, ports.pause(firstTokenPatienceMs)]);
  stop();
  return decisions.allowed(nowS) ?? decisions.refused();
}
