/** Lets a request in only with one valid JWT-SVID that is meant for this workload. */
import type { JsonObject } from '#kernel/json.ts';
import { trustDomainOf } from '#kernel/spiffe-id.ts';
import type { Rule } from '../config/settings.ts';
import type { TokenVerifier, Verdict } from '../jwt/ports.ts';
import { callerFilter } from './allow-callers.ts';
import { refusalsOf, type Answer, type Refusals } from './answer.ts';
import { bearerToken } from './bearer.ts';
import type { RuleDecision } from './inject.ts';
import type { RulePorts } from './ports.ts';
import type { CheckView } from './read-check.ts';
import { skipFilter } from '../config/skip-paths.ts';
import { allowance, type Metadata } from './write-answer.ts';

type ValidateRule = Extract<Rule, { mode: 'validate' }>;
/** Turns verdicts into answers for one set of audiences. */
type Judge = (view: CheckView, nowS: number) => Answer | Promise<Answer>;

/** Decides by a validate rule. */
export function validateDecision(rule: ValidateRule, ports: RulePorts): RuleDecision {
  const refusals = refusalsOf(rule.name);
  const isSkipped = skipFilter(rule.skipPaths);
  const remove = rule.callerHeader === undefined ? [] : [rule.callerHeader];
  const skipped: Answer = { bytes: allowance({ remove }), outcome: 'skipped' };
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
    if (route.kind === 'skip' || isSkipped(view.path)) return skipped;
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
      return judge(verifier, { token, nowS, audiences, answerFor });
    };
  };
}

interface Case {
  readonly token: string;
  readonly nowS: number;
  readonly audiences: readonly string[];
  readonly answerFor: (verdict: Verdict, audiences: readonly string[]) => Answer;
}

function judge(verifier: TokenVerifier, told: Case): Answer | Promise<Answer> {
  const { token, nowS, audiences, answerFor } = told;
  const verdict = verifier.verify(token, nowS);
  if (!(verdict instanceof Promise)) return answerFor(verdict, audiences);
  return verdict.then((settled) => answerFor(settled, audiences));
}

/** The cache of verdicts gives the same object again, so its answer is built once. */
function answersByVerdict(rule: ValidateRule, refusals: Refusals): Case['answerFor'] {
  const mayCall = callerFilter(rule.allowCallers);
  const built = new WeakMap<Verdict, Answer>();
  return (verdict, audiences) => {
    if (verdict.kind === 'refused') return refusals[verdict.reason];
    const present = built.get(verdict);
    if (present !== undefined) return present;
    const { callerHeader, forwardToken, name } = rule;
    const made: Answer = mayCall(verdict.spiffeId)
      ? {
          bytes: allowance({
            ...(callerHeader === undefined ? {} : { set: { [callerHeader]: verdict.spiffeId } }),
            remove: forwardToken === false ? ['authorization'] : [],
            metadata: verifiedMetadata(name, verdict, audiences),
          }),
          outcome: 'allowed',
        }
      : refusals.caller_not_allowed;
    built.set(verdict, made);
    return made;
  };
}

/** What access logs and RBAC may see of a verified token. */
function verifiedMetadata(
  rule: string,
  verdict: Extract<Verdict, { kind: 'accepted' }>,
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
