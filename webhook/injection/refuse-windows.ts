/** The helper, the socket and its CSI driver exist for Linux: a pod that cannot run on a Linux node is refused. */
import { AppError } from '#kernel/errors.ts';
import { isObject, listAt, objectAt, stringAt, type JsonObject } from '#kernel/json.ts';

/** Labels that the kubelet gives its node; the second one is of before Kubernetes 1.14. */
const osLabels: ReadonlySet<string> = new Set(['kubernetes.io/os', 'beta.kubernetes.io/os']);

/** @throws {AppError} POD_UNFIT, naming the responsible field */
export function refuseWindows(spec: JsonObject): void {
  const said = elsewhere(spec);
  if (said === undefined) return;
  throw new AppError(
    'POD_UNFIT',
    `${said}, and what is injected runs only on Linux; remove the annotations, or run this pod on Linux`,
  );
}

/** What keeps the pod off Linux nodes; undefined where nothing does. */
function elsewhere(spec: JsonObject): string | undefined {
  const os = stringAt(objectAt(spec, 'os'), 'name');
  if (os !== undefined && os !== 'linux') return `spec.os.name is ${os}`;
  for (const label of osLabels) {
    const value = stringAt(objectAt(spec, 'nodeSelector'), label);
    if (value !== undefined && value !== 'linux')
      return `spec.nodeSelector demands ${label}: ${value}`;
  }
  const windows = objectAt(objectAt(spec, 'securityContext'), 'windowsOptions');
  if (windows['hostProcess'] === true)
    return 'spec.securityContext.windowsOptions makes it a process of a Windows node';
  return keepsOffLinux(spec)
    ? 'spec.affinity.nodeAffinity requires another operating system in each of its terms'
    : undefined;
}

/** Terms are alternatives, the expressions of one are not. */
function keepsOffLinux(spec: JsonObject): boolean {
  const affinity = objectAt(objectAt(spec, 'affinity'), 'nodeAffinity');
  const required = objectAt(affinity, 'requiredDuringSchedulingIgnoredDuringExecution');
  const terms = listAt(required, 'nodeSelectorTerms').filter(isObject);
  return terms.length > 0 && terms.every((term) => listAt(term, 'matchExpressions').some(isOther));
}

function isOther(expression: unknown): boolean {
  if (!isObject(expression) || !osLabels.has(stringAt(expression, 'key') ?? '')) return false;
  const values = listAt(expression, 'values');
  const operator = stringAt(expression, 'operator');
  if (operator === 'In') return !values.includes('linux');
  return operator === 'DoesNotExist' || (operator === 'NotIn' && values.includes('linux'));
}
