/** The guard: a ValidatingAdmissionPolicy that refuses opted-in pods without what they asked for. */
import { isObject, listAt, objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { templatesKey } from '../request/metadata-keys.ts';
import { found, skipped, type Check, type Finding } from './check-contract.ts';
import { nameOf, whereOf, type Subject } from './facts.ts';
import { podHookOf, type InspectedHook } from './hooks.ts';

/** Policies and bindings became stable with it. */
const oldestMinor = 30;

/** Whether a policy mentions our annotation; its name does not matter. */
export function isGuard(policy: JsonObject): boolean {
  return JSON.stringify(objectAt(policy, 'spec')).includes(templatesKey);
}

export const guardPolicy: Check = {
  id: 'guard_policy',
  category: 'webhook',
  claim: 'a guard refuses pods that asked for injection and did not get it',
  why: 'It holds while no replica answers, and catches pods that came past the webhook.',
  offline: false,
  reads: ['hooks', 'policies', 'policyBindings'],
  run: ({ facts, objects }) => {
    const { serverVersion } = facts;
    if (serverVersion.kind === 'known' && serverVersion.value.minor < oldestMinor)
      return skipped(
        `this Kubernetes has no ValidatingAdmissionPolicy: it came with 1.${oldestMinor}`,
      );
    const guards = objects('policies').filter(({ object }) => isGuard(object));
    if (guards.length === 0) return found([absent(podHookOf(objects('hooks')))]);
    return found(guards.flatMap((guard) => guardFaults(guard, objects('policyBindings'))));
  },
};

function absent(hook: InspectedHook | undefined): Finding {
  const isOpen = hook?.failurePolicy === 'Ignore';
  return {
    severity: isOpen ? 'error' : 'warning',
    where: hook?.where,
    message: isOpen
      ? 'there is no guard, and the hook of pods is ignored while nobody answers: then pods run without their helper'
      : 'there is no guard; only the hook itself keeps pods from running without their helper',
    hint: 'apply manifests/kustomize/base/guard.yaml',
  };
}

function guardFaults(guard: Subject, bindings: readonly Subject[]): readonly Finding[] {
  const where = whereOf(guard, '');
  const bound = bindings.filter(
    ({ object }) => stringAt(objectAt(object, 'spec'), 'policyName') === nameOf(guard.object),
  );
  const actions = bound.flatMap(({ object }) =>
    listAt(objectAt(object, 'spec'), 'validationActions'),
  );
  const warnings = listAt(
    objectAt(objectAt(guard.object, 'status'), 'typeChecking'),
    'expressionWarnings',
  )
    .filter(isObject)
    .map((each) => stringAt(each, 'warning') ?? '');
  const findings: Finding[] = warnings.map((warning) => ({
    severity: 'warning',
    where,
    message: `the API server cannot check the type of an expression: ${warning}`,
    hint: 'apply the guard of this version again',
  }));
  const hint = 'apply manifests/kustomize/base/guard.yaml, which has the binding as well';
  if (bound.length === 0)
    findings.push({ severity: 'error', where, message: 'no binding puts it in force', hint });
  else if (!actions.includes('Deny'))
    findings.push({ severity: 'warning', where, message: 'its bindings only warn or audit', hint });
  return findings;
}
