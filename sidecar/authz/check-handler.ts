/** Chooses the rule for a check and lets it decide. The one place that turns any trouble into a refusal. */
import type { Rule } from '../config/settings.ts';
import { refusalsOf, type CheckAnswer } from './answer.ts';
import { injectDecision, type RuleDecision } from './inject-rule.ts';
import type { RuleRefusal } from './outcomes.ts';
import type { CheckHandler, RulePorts, Tally } from './rule-ports.ts';
import { readCheck } from './read-check.ts';
import { routeSettings } from './route-overrides.ts';
import { validateDecision } from './validate-rule.ts';

/** Speaks where no rule was found, and counts there. */
const helperSpeaker = 'svidecar';

interface PreparedRule {
  readonly decide: RuleDecision;
  readonly tally: Tally;
  /** Name of the header that only the rule may set. */
  readonly watched: Buffer | undefined;
  readonly refuse: (outcome: RuleRefusal) => CheckAnswer;
}

/** A handler for these rules. Sources and verifiers come from the ports and outlive it, so a reload loses no token. */
export function checkHandler(rules: readonly Rule[], ports: RulePorts): CheckHandler {
  const prepared = new Map(rules.map((rule) => [rule.name, prepareRule(rule, ports)]));
  const only = rules.length === 1 ? [...prepared.values()][0] : undefined;
  const refusals = refusalsOf(helperSpeaker);
  const ownTally = ports.tallyFor(helperSpeaker);
  const refuse = (outcome: RuleRefusal): Buffer => {
    ownTally.add(outcome);
    return refusals[outcome].bytes;
  };
  return {
    check: (request, { rule: name }, nowS) => {
      const rule = name === undefined ? only : prepared.get(name);
      if (rule === undefined) return refuse(name === undefined ? 'several_rules' : 'rule_unknown');
      try {
        const answer = decide(rule, request, nowS);
        return answer instanceof Promise ? settle(rule, answer) : counted(rule, answer);
      } catch {
        // Nothing here throws on purpose; whatever does must not open the door.
        return counted(rule, rule.refuse('internal'));
      }
    },
  };
}

function prepareRule(rule: Rule, ports: RulePorts): PreparedRule {
  const refusals = refusalsOf(rule.name);
  const decide =
    rule.mode === 'inject' ? injectDecision(rule, ports) : validateDecision(rule, ports);
  const callerHeader = rule.mode === 'validate' ? rule.callerHeader : undefined;
  return {
    decide,
    tally: ports.tallyFor(rule.name),
    watched: callerHeader === undefined ? undefined : Buffer.from(callerHeader),
    refuse: (outcome) => refusals[outcome],
  };
}

function decide(
  rule: PreparedRule,
  request: Buffer,
  nowS: number,
): CheckAnswer | Promise<CheckAnswer> {
  const view = readCheck(request, rule.watched);
  if (!view?.hasHttp) return rule.refuse('check_unreadable');
  const route = routeSettings(view.route);
  if (route.kind === 'invalid') return rule.refuse('route_settings');
  return rule.decide(view, route, nowS);
}

function counted(rule: PreparedRule, answer: CheckAnswer): Buffer {
  rule.tally.add(answer.outcome);
  return answer.bytes;
}

async function settle(rule: PreparedRule, answer: Promise<CheckAnswer>): Promise<Buffer> {
  try {
    return counted(rule, await answer);
  } catch {
    // As above: a rejection is a refusal.
    return counted(rule, rule.refuse('internal'));
  }
}
