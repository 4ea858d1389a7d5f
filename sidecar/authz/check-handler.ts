/**
 * Chooses the rule for a check and lets it decide. The one place that turns any trouble into a refusal, or into what the
 * rule says of trouble.
 */
import { banRule, type BanPorts } from './ban-rule.ts';
import type { Rule } from '../config/settings.ts';
import { takesUnnamed } from '../config/settings-parts.ts';
import { answersOf } from './answer.ts';
import { injectRule, type InjectPorts } from './inject-rule.ts';
import type { AuthzOutcome } from './outcomes.ts';
import { readCheck, type WantedOfCheck } from './read-check.ts';
import { routeSettings } from './route-overrides.ts';
import { refusals, type PreparedRule, type RuleDecision } from './rule-decision.ts';
import { validateRule, type ValidatePorts } from './validate-rule.ts';

/** What the transport knows about a check beside its bytes. */
export interface CheckMetadata {
  /** The gRPC metadata `svidecar-rule`; undefined when absent. */
  readonly rule: string | undefined;
}

/** Decides a check. Knows nothing of the transport. */
export interface CheckHandler {
  /**
   * @param request a CheckRequest's bytes; not kept. @param nowS Unix seconds.
   * @returns a CheckResponse's bytes, shared between calls. Never throws and never rejects: trouble is a refusal, but for a rule that only refuses for a reason.
   */
  check(request: Buffer, metadata: CheckMetadata, nowS: number): Buffer | Promise<Buffer>;
}

/** Counts outcomes. Must not throw. */
export interface Tally {
  add(outcome: AuthzOutcome): void;
}

/** What the rules need from outside, so that this folder stays values in, values out. */
export interface RulePorts extends BanPorts, InjectPorts, ValidatePorts {
  /** Where a rule's outcomes are counted; the same one for the same name. */
  tallyFor(rule: string): Tally;
}

/** Speaks where no rule was found, and counts there. */
const helperSpeaker = 'svidecar';

/** A rule with all that its checks share. */
interface ServedRule {
  readonly rule: PreparedRule;
  readonly wanted: WantedOfCheck;
  /** Counts a decision and gives its bytes. */
  readonly answer: (decision: RuleDecision) => Buffer;
}

/** A handler for these rules. Sources and verifiers come from the ports and outlive it, so a reload loses no token. */
export function checkHandler(rules: readonly Rule[], ports: RulePorts): CheckHandler {
  const served = new Map(rules.map((rule) => [rule.name, serveRule(rule, ports)]));
  const unnamed = rules.length === 1 ? rules[0] : rules.find(takesUnnamed);
  const ofUnnamed = unnamed === undefined ? undefined : served.get(unnamed.name);
  const refuse = answering(helperSpeaker, ports);
  return {
    check: (request, { rule: name }, nowS) => {
      const chosen = name === undefined ? ofUnnamed : served.get(name);
      if (chosen === undefined)
        return refuse(name === undefined ? refusals.several_rules : refusals.rule_unknown);
      try {
        const decision = decide(chosen, request, nowS);
        return decision instanceof Promise ? settle(chosen, decision) : chosen.answer(decision);
      } catch {
        // Nothing here throws on purpose; whatever does must not open the door.
        return chosen.answer(inTrouble(chosen, refusals.internal));
      }
    },
  };
}

function serveRule(settings: Rule, ports: RulePorts): ServedRule {
  const rule = prepareRule(settings, ports);
  const { watchedHeader, readsCookies = false, payload } = rule;
  return {
    rule,
    wanted: {
      watched: watchedHeader === undefined ? undefined : Buffer.from(watchedHeader),
      cookies: readsCookies,
      payload,
    },
    answer: answering(settings.name, ports),
  };
}

/** The one place that knows which kinds of rules there are. */
function prepareRule(rule: Rule, ports: RulePorts): PreparedRule {
  switch (rule.mode) {
    case 'inject':
      return injectRule(rule, ports);
    case 'validate':
      return validateRule(rule, ports);
    case 'ban':
      return banRule(rule, ports);
    default:
      return rule satisfies never;
  }
}

function answering(speaker: string, ports: RulePorts): ServedRule['answer'] {
  const tally = ports.tallyFor(speaker);
  const bytesOf = answersOf(speaker);
  return (decision) => {
    const bytes = bytesOf(decision);
    tally.add(decision.outcome);
    return bytes;
  };
}

function decide(
  chosen: ServedRule,
  request: Buffer,
  nowS: number,
): RuleDecision | Promise<RuleDecision> {
  const view = readCheck(request, chosen.wanted);
  if (!view?.hasHttp) return inTrouble(chosen, refusals.check_unreadable);
  const route = routeSettings(view.route);
  if (route.kind === 'invalid') return inTrouble(chosen, refusals.route_settings);
  return chosen.rule.decide(view, route, nowS);
}

function inTrouble({ rule }: ServedRule, refusal: RuleDecision): RuleDecision {
  return rule.inTrouble ?? refusal;
}

async function settle(chosen: ServedRule, deciding: Promise<RuleDecision>): Promise<Buffer> {
  try {
    return chosen.answer(await deciding);
  } catch {
    // As above: a rejection is trouble.
    return chosen.answer(inTrouble(chosen, refusals.internal));
  }
}
