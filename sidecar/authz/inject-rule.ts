/** Puts a JWT-SVID into outgoing requests. The answer's bytes are built once for each token, not for each request. */
import { parseSpiffeId } from '#kernel/spiffe-id.ts';
import type { Rule } from '../config/settings.ts';
import type { IssuedToken, TokenSource } from '../jwt/token-ports.ts';
import { refusal, refusalsOf, type CheckAnswer, type Refusals } from './answer.ts';
import { audienceByHost } from './audience-by-host.ts';
import { broughtBy, type Brought } from './brought-tokens.ts';
import type { RulePorts } from './rule-ports.ts';
import type { CheckView } from './read-check.ts';
import type { RouteSettings } from './route-overrides.ts';
import { allowance } from './write-answer.ts';

type InjectRule = Extract<Rule, { mode: 'inject' }>;
/** Decides one check by one rule. */
export type RuleDecision = (
  view: CheckView,
  route: RouteSettings,
  nowS: number,
) => CheckAnswer | Promise<CheckAnswer>;

/** Milliseconds that the first request for an audience named by a route waits for its token; below Envoy's 200 ms. */
const firstTokenPatienceMs = 150;

/** Always the answer for the newest token of one source. */
interface TokenAnswers {
  /** Undefined when there is no token that is still valid. */
  allowed(nowS: number): CheckAnswer | undefined;
  refused(): CheckAnswer;
  readonly source: TokenSource;
}

/** Decides by an inject rule. The rule's own audiences are fetched from now on; a route's on first use. */
export function injectDecision(rule: InjectRule, ports: RulePorts): RuleDecision {
  const refusals = refusalsOf(rule.name);
  const untouched = withoutToken(refusals);
  const meeting = meetings(rule, refusals);
  const audienceOf = audienceByHost(rule);
  const answersFor = answersByAudience(rule, ports);
  const own = [rule.audience, ...Object.values(rule.audienceByHost ?? {})];
  for (const audience of own) if (audience !== undefined) answersFor(audience);

  return (view, route, nowS) => {
    const brought = broughtBy(view, (token) => ports.isOwnToken(token, nowS));
    const audience = audienceFor(route, () => audienceOf(view.host));
    if (audience === undefined) return untouched(brought, route);
    const met = meeting[brought];
    if (met !== undefined) return met;
    const answers = answersFor(audience);
    if (answers === undefined) return tooManyAudiences(rule.name);
    const allowed = answers.allowed(nowS);
    if (allowed !== undefined) return allowed;
    return route.kind === 'audience' ? afterFirstToken(answers, nowS, ports) : answers.refused();
  };
}

const passed: CheckAnswer = { bytes: allowance({}), outcome: 'passed' };
const skipped: CheckAnswer = { bytes: allowance({}), outcome: 'skipped' };
const takenOff: CheckAnswer = {
  bytes: allowance({ remove: ['authorization'] }),
  outcome: 'taken_off',
};

/** Where no token is meant to go: one of ours is a bearer secret, and goes no further. */
function withoutToken(refusals: Refusals) {
  return (brought: Brought, route: RouteSettings): CheckAnswer => {
    if (brought === 'own') return takenOff;
    if (brought === 'own_and_others') return refusals.several_authorizations;
    return route.kind === 'skip' ? skipped : passed;
  };
}

/** What a request that brings something is answered where a token is meant to go; undefined: it gets the token. */
function meetings(
  { authorization }: InjectRule,
  refusals: Refusals,
): Readonly<Record<Brought, CheckAnswer | undefined>> {
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

function tooManyAudiences(speaker: string): CheckAnswer {
  const words = 'routes name more audiences than the helper keeps tokens for';
  return refusal({ speaker, outcome: 'no_token_yet', words });
}

/** The answers of each audience, made on first use. */
function answersByAudience(
  rule: InjectRule,
  ports: RulePorts,
): (audience: string) => TokenAnswers | undefined {
  const spiffeId = rule.spiffeId === undefined ? undefined : parseSpiffeId(rule.spiffeId);
  const known = new Map<string, TokenAnswers>();
  return (audience) => {
    const present = known.get(audience);
    if (present !== undefined) return present;
    const source = ports.tokensFor(audience, spiffeId);
    if (source === undefined) return undefined;
    const made = tokenAnswers(source, rule.name);
    known.set(audience, made);
    return made;
  };
}

function tokenAnswers(source: TokenSource, speaker: string): TokenAnswers {
  const { no_token_yet: unexplained }: Refusals = refusalsOf(speaker);
  let built: { readonly issued: IssuedToken; readonly answer: CheckAnswer } | undefined;
  let explained: { readonly problem: string; readonly answer: CheckAnswer } | undefined;
  return {
    source,
    allowed: (nowS) => {
      const issued = source.current(nowS);
      if (issued === undefined || nowS >= issued.expiresAtS) return undefined;
      if (built?.issued !== issued) {
        const bytes = allowance({
          set: { authorization: `Bearer ${issued.token}` },
          metadata: { rule: speaker, spiffe_id: issued.spiffeId },
        });
        built = { issued, answer: { bytes, outcome: 'allowed' } };
      }
      return built.answer;
    },
    refused: () => {
      const problem = source.problem();
      if (problem === undefined) return unexplained;
      if (explained?.problem === problem) return explained.answer;
      const words = `there is no token to send: ${problem}`;
      explained = { problem, answer: refusal({ speaker, outcome: 'no_token_yet', words }) };
      return explained.answer;
    },
  };
}

/** Waits a little: a route's audience is not known before its first request. */
async function afterFirstToken(
  answers: TokenAnswers,
  nowS: number,
  ports: RulePorts,
): Promise<CheckAnswer> {
  let stop: () => void = () => undefined;
  const changed = new Promise<void>((resolve) => {
    stop = answers.source.onChange(resolve);
  });
  await Promise.race([changed, ports.pause(firstTokenPatienceMs)]);
  stop();
  return answers.allowed(nowS) ?? answers.refused();
}
