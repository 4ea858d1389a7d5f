/** What admission would say about an object as it is stored, for the events on it: the same decision, without its operations. */
import type { JsonObject } from '#kernel/json.ts';
import { objectAt, stringAt } from '#kernel/json.ts';
import { traceText, type TraceStep } from '../injection/trace.ts';
import { decide, type DecisionContext } from './decide.ts';

/** What admission would say about an object that asks for something and was stored without it. */
export interface StoredVerdict {
  /** `injectable`: nothing prevents it now. */
  readonly kind: 'injectable' | 'refused' | 'skipped';
  /** Trace of the decision, as far as it matters: one line for each step. */
  readonly trace: string;
}

/**
 * Undefined where nothing was asked for, where it is there already, and where it is skipped without a warning.
 * The Envoy configuration is not checked: the controller reports on it where it is rendered.
 */
export function judgeStored(
  object: JsonObject,
  context: Pick<DecisionContext, 'engine' | 'ignoredNamespaces'>,
): StoredVerdict | undefined {
  const namespace = stringAt(objectAt(object, 'metadata'), 'namespace') ?? '';
  const nothing = (): undefined => undefined;
  const unread = { checkEnvoy: nothing, configMapKeys: nothing, heldConfigMap: nothing };
  const decision = decide(object, { ...context, ...unread, namespace });
  const warnings = decision.steps.filter(({ level }) => level === 'warning');
  switch (decision.kind) {
    case 'refused':
      return { kind: 'refused', trace: `${traceText(warnings)} [${decision.code}]` };
    case 'injected':
      return { kind: 'injectable', trace: traceText(decision.steps.filter(isRequest)) };
    case 'skipped':
      return warnings.length === 0 ? undefined : { kind: 'skipped', trace: traceText(warnings) };
    case 'unchanged':
    case 'uninjected':
      return undefined;
    default:
      return decision satisfies never;
  }
}

/** Of an object that would be injected: what it asks for, and the warnings; the rest is reported once it is done. */
function isRequest({ id, level }: TraceStep): boolean {
  return id === 'templates_requested' || level === 'warning';
}
