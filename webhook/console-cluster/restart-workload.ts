/** A workload's pods are made anew, as `kubectl rollout restart` does it; and how far that is. */
import { AppError } from '#kernel/errors.ts';
import type { JsonObject } from '#kernel/json.ts';
import type { WorkloadRow } from '../console/console-model.ts';
import { seenOf, type WorkloadVerdict } from '../console/judge-workload.ts';
import { isWithoutRight } from '../kube/api-words.ts';
import { ApiRefusal, type KubernetesApi } from '../kube/kubernetes-api.ts';
import { pathOf, reasonOf } from '../kube/read-list.ts';
import { anewWords } from '../objects/anew-words.ts';
import { apiVersionOf, kindNamed } from '../objects/kinds.ts';
import { holdOf, restartedAtKey, rolloutOf, type Rollout } from '../objects/rollout.ts';

/** As a row of the board names it. */
export interface NamedWorkload {
  readonly namespace: string;
  readonly kind: string;
  readonly name: string;
}

/** kubectl's own, so that the change is told from the webhook's. */
const restartManager = 'fieldManager=kubectl-rollout';

/**
 * The pod template gets a new annotation, and the webhook looks at it again.
 * @throws {AppError} USAGE for a kind that cannot be restarted, CLUSTER_FORBIDDEN, OBJECT_NOT_FOUND, CLUSTER_UNREACHABLE
 */
export async function restartWorkload(
  api: KubernetesApi,
  workload: NamedWorkload,
  { nowMs, signal }: { readonly nowMs: number; readonly signal: AbortSignal },
): Promise<void> {
  const path = `${pathTo(workload)}?${restartManager}`;
  await saying(workload, 'patch', () => api.merge(path, restartChange(nowMs), signal));
}

function restartChange(nowMs: number): JsonObject {
  const at = new Date(nowMs).toISOString().replace(/\.\d+Z$/, 'Z');
  return { spec: { template: { metadata: { annotations: { [restartedAtKey]: at } } } } };
}

/**
 * What a restart would bring, without one: `current` where nothing is to be done any more, `in_vain` where nothing would change.
 * `words` is a part of a sentence.
 */
export type RestartProspect =
  { readonly kind: 'worth_it' } | { readonly kind: 'current' | 'in_vain'; readonly words: string };

/** Its pod template was injected, and would be otherwise today. */
function isStale(kind: WorkloadVerdict['kind'] | undefined): boolean {
  return kind === 'injected' || kind === 'uninjected';
}

type RestartedRow = NamedWorkload & Pick<WorkloadRow, 'status'>;

interface ProspectParts {
  readonly judge: (object: JsonObject) => WorkloadVerdict | undefined;
  readonly nowMs: number;
  readonly signal: AbortSignal;
}

const worthIt: RestartProspect = { kind: 'worth_it' };
const leftAlone =
  'svidecar in the cluster would leave it as it is: it does not see the namespace, or has another version or configuration than this command goes by (a changed configuration reaches it within a minute or two)';

/**
 * Asks for the restart as a dry run, and judges what would be stored, unless pods alone are injected.
 * @throws {AppError} as {@link restartWorkload}
 */
export async function restartProspect(
  api: KubernetesApi,
  workload: RestartedRow,
  { judge, nowMs, signal }: ProspectParts,
): Promise<RestartProspect> {
  const { kind } = workload;
  const stored = await saying(workload, 'get', () => api.get(pathTo(workload), signal));
  const before = {
    isInjected: seenOf({ ...stored, kind })?.isInjected === true,
    kind: judge({ ...stored, kind })?.kind,
  };
  const needless = needlessNow(workload, stored, before);
  if (needless !== undefined) return needless;
  const path = `${pathTo(workload)}?${restartManager}&dryRun=All`;
  const would = await unlessRefused(() => api.merge(path, restartChange(nowMs), signal));
  if (would instanceof ApiRefusal) {
    if (isRefusal(would)) return { kind: 'in_vain', words: `it is refused: ${would.said}` };
    throw told(would, workload, 'patch');
  }
  if (!before.isInjected || !isStale(before.kind)) return worthIt;
  return isStale(judge({ ...would, kind })?.kind) ? { kind: 'in_vain', words: leftAlone } : worthIt;
}

/** Undefined where a restart may be worth it. */
function needlessNow(
  { kind, name, namespace, status }: RestartedRow,
  stored: JsonObject,
  before: { readonly isInjected: boolean; readonly kind: WorkloadVerdict['kind'] | undefined },
): RestartProspect | undefined {
  const hold = holdOf(stored);
  if (hold?.kind === 'paused')
    return {
      kind: 'in_vain',
      words: `it is paused; ${anewWords({ kind, name, namespace, isCurrent: true, hold })}`,
    };
  const isCurrent = before.isInjected && status === 'stale' && !isStale(before.kind);
  return isCurrent ? { kind: 'current', words: 'it is as of today by now' } : undefined;
}

async function unlessRefused(ask: () => Promise<JsonObject>): Promise<JsonObject | ApiRefusal> {
  try {
    return await ask();
  } catch (thrown) {
    if (thrown instanceof ApiRefusal) return thrown;
    throw thrown;
  }
}

/** By admission, or since the object is not valid: asked again it would be the same. */
function isRefusal(refusal: ApiRefusal): boolean {
  return [400, 403, 409, 422].includes(refusal.status) && !isWithoutRight(refusal);
}

/** @throws {AppError} as {@link restartWorkload} */
export async function readRollout(
  api: KubernetesApi,
  workload: NamedWorkload,
  signal: AbortSignal,
): Promise<Rollout> {
  const object = await saying(workload, 'get', () => api.get(pathTo(workload), signal));
  return rolloutOf({ ...object, kind: workload.kind });
}

function sourceOf({ kind }: NamedWorkload): {
  readonly apiVersion: string;
  readonly resource: string;
} {
  const type = kindNamed(kind);
  if (type?.isRestartable !== true) throw new AppError('USAGE', `a ${kind} cannot be restarted`);
  return { apiVersion: apiVersionOf(type), resource: type.resource };
}

function pathTo(workload: NamedWorkload): string {
  return pathOf(sourceOf(workload), workload.namespace, workload.name);
}

/** The message of the API server may quote what was sent, which is nobody's secret here. */
async function saying(
  workload: NamedWorkload,
  verb: 'get' | 'patch',
  ask: () => Promise<JsonObject>,
): Promise<JsonObject> {
  try {
    return await ask();
  } catch (thrown) {
    throw thrown instanceof ApiRefusal ? told(thrown, workload, verb) : thrown;
  }
}

function told(refusal: ApiRefusal, workload: NamedWorkload, verb: 'get' | 'patch'): AppError {
  const cause = { cause: refusal };
  if (isWithoutRight(refusal))
    return new AppError(
      'CLUSTER_FORBIDDEN',
      reasonOf(refusal, { ...sourceOf(workload), verb }),
      cause,
    );
  const isGone = refusal.status === 404;
  return new AppError(isGone ? 'OBJECT_NOT_FOUND' : 'CLUSTER_UNREACHABLE', refusal.said, cause);
}
