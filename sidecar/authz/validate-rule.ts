/** Lets a request in only with one valid JWT-SVID that is meant for this workload. */
import type { JsonObject } from '#kernel/json.ts';
import { trustDomainOf } from '#kernel/spiffe-id.ts';
import type { Rule } from '../config/settings.ts';
import type { TokenVerifier, TokenVerdict } from '../jwt/token-ports.ts';
import { callerFilter } from './allow-callers.ts';
import { refusalsOf, type CheckAnswer, type Refusals } from './answer.ts';
import { bearerToken } from './bearer.ts';
import type { RuleDecision } from './inject-rule.ts';
import type { RulePorts } from './rule-ports.ts';
import type { CheckView } from './read-check.ts';
import { isNormalPath, skipFilter } from '../config/skip-paths.ts';
import { allowance, type Metadata } from './write-answer.ts';

type ValidateRule = Extract<Rule, { mode: 'validate' }>;
/** Turns verdicts into answers for one set of audiences. */
type Judge = (view: CheckView, nowS: number) => CheckAnswer | Promise<CheckAnswer>;

/** Decides by a validate rule. */
export function validateDecision(rule: ValidateRule, ports: RulePorts): RuleDecision {
  const refusals = refusalsOf(rule.name);
  const isSkipped = skipFilter(rule.skipPaths);
  const remove = rule.callerHeader === undefined ? [] : [rule.callerHeader];
  const skipped: CheckAnswer = { bytes: allowance({ remove }), outcome: 'skipped' };
  const judgeFor = judges(rule, ports, refusals);
  const own = judgeFor(rule.audiences);
  const routes = new Map<string, Judge>();

  const judgeOfRoute = (audiences: string): Judge => {
    const present = routes.get(audiences);
    if (present !== undefined) return present;
    const made = judgeFor(audienceList(audiences));
    if (routes.size < maxRoutes) routes.set(audiences, made);
    return made;
  };
  return (view, route, nowS) => {
    // A route is chosen by the path as Envoy reads it, and the app may read another one.
    const isSkippedByRoute = route.kind === 'skip' && isNormalPath(view.path);
    if (isSkippedByRoute || isSkipped(view.path)) {
      if (view.lookalikes.length === 0) return skipped;
      return { ...skipped, bytes: allowance({ remove: [...remove, ...view.lookalikes] }) };
    }
    return route.kind === 'audience' ? judgeOfRoute(route.audience)(view, nowS) : own(view, nowS);
  };
}

/** Routes whose judge is remembered. */
const maxRoutes = 64;

/** As the annotation is written: comma-separated. */
function audienceList(text: string): string[] {
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

function judges(rule: ValidateRule, ports: RulePorts, refusals: Refusals) {
  const answerFor = answersByVerdict(rule, refusals);
  return (audiences: readonly string[]): Judge => {
    const verifier = audiences.length === 0 ? undefined : ports.verifierFor(audiences);
    if (verifier === undefined) return () => refusals.route_settings;
    return (view, nowS) => {
      if (view.authorizations === 0) return refusals.token_missing;
      // Envoy joins repeated headers with a comma in one of its two encodings.
      if (view.authorizations > 1 || view.authorization.includes(','))
        return refusals.several_authorizations;
      const token = bearerToken(view.authorization);
      if (token === undefined) return refusals.not_bearer;
      return judge(verifier, { token, nowS, audiences, answerFor, lookalikes: view.lookalikes });
    };
  };
}

interface Case {
  readonly token: string;
  readonly nowS: number;
  readonly audiences: readonly string[];
  /** Headers that the app could take for the caller's. */
  readonly lookalikes: readonly string[];
  readonly answerFor: AnswerFor;
}

type AnswerFor = (told: {
  readonly verdict: TokenVerdict;
  readonly audiences: readonly string[];
  readonly lookalikes: readonly string[];
}) => CheckAnswer;

function judge(verifier: TokenVerifier, told: Case): CheckAnswer | Promise<CheckAnswer> {
  const { token, nowS, answerFor, ...rest } = told;
  const verdict = verifier.verify(token, nowS);
  if (!(verdict instanceof Promise)) return answerFor({ verdict, ...rest });
  return verdict.then((settled) => answerFor({ verdict: settled, ...rest }));
}

/** The cache of verdicts gives the same object again, so its answer is built once; one with lookalikes is built each time. */
function answersByVerdict(rule: ValidateRule, refusals: Refusals): AnswerFor {
  const mayCall = callerFilter(rule.allowCallers);
  const built = new WeakMap<TokenVerdict, CheckAnswer>();
  const { callerHeader, forwardToken, name } = rule;
  return ({ verdict, audiences, lookalikes }) => {
    if (verdict.kind === 'refused') return refusals[verdict.reason];
    const present = lookalikes.length === 0 ? built.get(verdict) : undefined;
    if (present !== undefined) return present;
    if (!mayCall(verdict.spiffeId)) return refusals.caller_not_allowed;
    const bytes = allowance({
      ...(callerHeader === undefined ? {} : { set: { [callerHeader]: verdict.spiffeId } }),
      remove: [...(forwardToken === false ? ['authorization'] : []), ...lookalikes],
      metadata: verifiedMetadata(name, verdict, audiences),
    });
    const made: CheckAnswer = { bytes, outcome: 'allowed' };
    if (lookalikes.length === 0) built.set(verdict, made);
    return made;
  };
}

/** What access logs and RBAC may see of a verified token. */
function verifiedMetadata(
  rule: string,
  verdict: Extract<TokenVerdict, { kind: 'accepted' }>,
  audiences: readonly string[],
): Metadata {
  const issuedAt = verdict.claims['iat'];
  const audience = audiences.find((one) => isMeantFor(verdict.claims, one));
  return {
    rule,
    spiffe_id: verdict.spiffeId,
    trust_domain: trustDomainOf(verdict.spiffeId),
    exp: verdict.expiresAtS,
    ...(typeof issuedAt === 'number' ? { iat: issuedAt } : {}),
    ...(audience === undefined ? {} : { audience }),
  };
}

/** `aud` is one string or a list of them (RFC 7519 §4.1.3). */
function isMeantFor(claims: JsonObject, audience: string): boolean {
  const meant = claims['aud'];
  return meant === audience || (Array.isArray(meant) && meant.includes(audience));
}
