/** The guard: a ValidatingAdmissionPolicy that refuses opted-in pods without what they asked for. */
import { isObject, listAt, objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { readableStatus, type Assessed } from './assess.ts';
import { envoyFilterLabel, templatesKey } from '../request/metadata-keys.ts';
import { found, skipped, type Check, type Finding } from './check-contract.ts';
import { nameFor, nameLabel, noRevision, ownName, revisionIn } from '../request/revision.ts';
import { metadataOf, nameOf, whereOf, type Subject } from './facts.ts';
import { podHookOf, type InspectedHook } from './inspected-hooks.ts';
import { isOwnWrites, unboundWrites } from './own-writes.ts';

/** Policies and bindings became stable with it. */
const oldestMinor = 30;

/** Whether a policy mentions our annotation; its name does not matter. */
function isGuard(policy: JsonObject): boolean {
  return JSON.stringify(objectAt(policy, 'spec')).includes(templatesKey);
}

/** Whether it is about the mark by which a running pod has its EnvoyFilter. */
function isGuardOfMarks(policy: JsonObject): boolean {
  const text = JSON.stringify(objectAt(policy, 'spec'));
  return !text.includes(templatesKey) && text.includes(envoyFilterLabel);
}

/** What this check is about. */
export function isCheckedPolicy(policy: JsonObject): boolean {
  return isGuard(policy) || isGuardOfMarks(policy) || isOwnWrites(policy);
}

export const guardPolicy: Check = {
  id: 'guard_policy',
  category: 'webhook',
  claim: 'a guard refuses pods that asked for injection and did not get it',
  why: 'It holds while no replica answers, and catches pods that came past the webhook.',
  offline: false,
  reads: ['hooks', 'policies', 'policyBindings'],
  run: ({ facts, objects, assessed }) => {
    const { serverVersion } = facts;
    if (serverVersion.kind === 'known' && serverVersion.value.minor < oldestMinor)
      return skipped(
        `this Kubernetes has no ValidatingAdmissionPolicy: it came with 1.${oldestMinor}`,
      );
    const ownWrites = objects('policies').filter(({ object }) => isOwnWrites(object));
    const policies = objects('policies').filter((each) => !ownWrites.includes(each));
    const marks = policies.filter(({ object }) => isGuardOfMarks(object));
    const hasGuard = policies.some(({ object }) => isGuard(object));
    return found([
      ...(hasGuard ? [] : [absent(podHookOf(objects('hooks')))]),
      ...(marks.length > 0 ? [] : marksAbsent(assessed)),
      ...halves(policies),
      ...unboundWrites(ownWrites, objects('hooks')),
      ...policies.flatMap((guard) => guardFaults(guard, objects('policyBindings'))),
    ]);
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

/** Only pods whose Envoy is istiod's have such a mark. */
function marksAbsent(assessed: readonly Assessed[]): readonly Finding[] {
  const marked = assessed.find(
    ({ located }) => readableStatus(located.template)?.envoy?.istio !== undefined,
  );
  if (marked === undefined) return [];
  return [
    {
      severity: 'warning',
      where: marked.where,
      message:
        'no policy keeps the marks of its running pods: whoever may change their labels takes the filters out of their Envoy',
      hint: 'apply manifests/kustomize/base/guard.yaml, which has svidecar-guard-marks as well',
    },
  ];
}

/** Of our own guards: each installation has both policies. */
function halves(policies: readonly Subject[]): readonly Finding[] {
  const own = policies.filter(
    ({ object }) => objectAt(metadataOf(object), 'labels')[nameLabel] === ownName,
  );
  const revisionOf = ({ object }: Subject): string => revisionIn(metadataOf(object)) ?? noRevision;
  const kept = new Set(own.filter(({ object }) => isGuardOfMarks(object)).map(revisionOf));
  return own
    .filter((guard) => isGuard(guard.object) && !kept.has(revisionOf(guard)))
    .map((guard) => ({
      severity: 'warning',
      where: whereOf(guard, ''),
      message: `its other half, ${nameFor('svidecar-guard-marks', revisionOf(guard))}, is not there: it keeps the marks by which a running pod's Envoy has its EnvoyFilter`,
      hint: 'apply the manifests of this version again',
    }));
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
