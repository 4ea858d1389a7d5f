/** Lets a request in only with one valid JWT-SVID that is meant for this workload. */
import type { JsonObject } from '#kernel/json.ts';
import { trustDomainOf, type TrustDomain } from '#kernel/spiffe-id.ts';
import type { Rule } from '../config/settings.ts';
import { isNormalPath, skipFilter } from '../config/skip-paths.ts';
import type { TokenVerifier, TokenVerdict } from '../jwt/token-ports.ts';
import { callerFilter, ownCallerFilter } from './allow-callers.ts';
import { bearerToken } from './bearer.ts';
import type { CheckView } from './read-check.ts';
import { refusals, type Metadata, type PreparedRule, type RuleDecision } from './rule-decision.ts';

type ValidateRule = Extract<Rule, { mode: 'validate' }>;

/** What a validate rule needs from outside. */
export interface ValidatePorts {
  /** A verifier for a set of audiences; the same one for the same set, in any order. Undefined when there are too many. */
  verifierFor(audiences: readonly string[]): TokenVerifier | undefined;
  /** The only trust domain whose keys there are; undefined while there are keys of several, or of none. */
  soleTrustDomain(): TrustDomain | undefined;
}

/** Decides by the token, for one set of audiences. */
type Judge = (view: CheckView, nowS: number) => RuleDecision | Promise<RuleDecision>;

/** Puts a validate rule in force. */
export function validateRule(rule: ValidateRule, ports: ValidatePorts): PreparedRule {
  const isSkipped = skipFilter(rule.skipPaths);
  const remove = rule.callerHeader === undefined ? [] : [rule.callerHeader];
  const skipped: RuleDecision = { kind: 'allow', outcome: 'skipped', remove };
  const judgeFor = judges(rule, ports);
  const own = judgeFor(rule.audiences);
  const routes = new Map<string, Judge>();

  const judgeOfRoute = (audiences: string): Judge => {
    const present = routes.get(audiences);
    if (present !== undefined) return present;
    const made = judgeFor(audienceList(audiences));
    if (routes.size < maxRoutes) routes.set(audiences, made);
    return made;
  };
  return {
    watchedHeader: rule.callerHeader,
    decide: (view, route, nowS) => {
      // A route is chosen by the path as Envoy reads it, and the app may read another one.
      const isSkippedByRoute = route.kind === 'skip' && isNormalPath(view.path);
      if (isSkippedByRoute || isSkipped(view.path)) {
        if (view.lookalikes.length === 0) return skipped;
        return { ...skipped, remove: [...remove, ...view.lookalikes] };
      }
      return route.kind === 'audience' ? judgeOfRoute(route.audience)(view, nowS) : own(view, nowS);
    },
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

function judges(rule: ValidateRule, ports: ValidatePorts) {
  const decisionFor = decisionsByVerdict(rule, ports);
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
      const verdict = verifier.verify(token, nowS);
      const asked = { audiences, lookalikes: view.lookalikes };
      if (!(verdict instanceof Promise)) return decisionFor(verdict, asked);
      return verdict.then((settled) => decisionFor(settled, asked));
    };
  };
}

interface AskedAbout {
  readonly audiences: readonly string[];
  /** Headers that the app could take for the caller's. */
  readonly lookalikes: readonly string[];
}

/** The cache of verdicts gives the same object again, so its decision is made once; one with lookalikes is made each time. */
function decisionsByVerdict(rule: ValidateRule, ports: ValidatePorts) {
  const mayCall =
    rule.allowCallers === undefined
      ? ownCallerFilter(rule.audiences, () => ports.soleTrustDomain())
      : callerFilter(rule.allowCallers);
  const made = new WeakMap<TokenVerdict, RuleDecision>();
  const { callerHeader, forwardToken } = rule;
  return (verdict: TokenVerdict, { audiences, lookalikes }: AskedAbout): RuleDecision => {
    if (verdict.kind === 'refused') return refusals[verdict.reason];
    const present = lookalikes.length === 0 ? made.get(verdict) : undefined;
    if (present !== undefined) return present;
    if (!mayCall(verdict.spiffeId)) return refusals.caller_not_allowed;
    const decision: RuleDecision = {
      kind: 'allow',
      outcome: 'allowed',
      set: callerHeader === undefined ? {} : { [callerHeader]: verdict.spiffeId },
      remove: [...(forwardToken === false ? ['authorization'] : []), ...lookalikes],
      metadata: verifiedMetadata(verdict, audiences),
    };
    if (lookalikes.length === 0) made.set(verdict, decision);
    return decision;
  };
}

/** What access logs and RBAC may see of a verified token. */
function verifiedMetadata(
  verdict: Extract<TokenVerdict, { kind: 'accepted' }>,
  audiences: readonly string[],
): Metadata {
  const issuedAt = verdict.claims['iat'];
  const audience = audiences.find((one) => isMeantFor(verdict.claims, one));
  return {
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
