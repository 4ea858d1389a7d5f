/** A workload's pods are made anew, as `kubectl rollout restart` does it; and how far that is. */
import { AppError } from '#kernel/errors.ts';
import { objectAt, type JsonObject } from '#kernel/json.ts';
import type { WorkloadRow } from '../console/console-model.ts';
import { seenOf, type WorkloadVerdict } from '../console/judge-workload.ts';
import { ApiRefusal, type KubernetesApi } from '../kube/kubernetes-api.ts';
import { pathOf, reasonOf } from '../kube/read-list.ts';
import { apiVersionOf, kindNamed } from '../objects/kinds.ts';
import { rolloutOf, type Rollout } from '../objects/rollout.ts';

/** As a row of the board names it. */
export interface NamedWorkload {
  readonly namespace: string;
  readonly kind: string;
  readonly name: string;
}

/** Of kubectl's own, so that the change is told from the webhook's. */
const restartedAt = 'kubectl.kubernetes.io/restartedAt';
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
  return { spec: { template: { metadata: { annotations: { [restartedAt]: at } } } } };
}

/**
 * What a restart would bring, without one: `current` where nothing is to be done any more, `in_vain` where nothing would change.
 * `words` is a part of a sentence.
 */
export type RestartProspect =
  { readonly kind: 'worth_it' } | { readonly kind: 'current' | 'in_vain'; readonly words: string };

/** Its pod template was injected, and would be otherwise today. */
const stale: ReadonlySet<string> = new Set<WorkloadVerdict['kind']>(['injected', 'uninjected']);
const worthIt: RestartProspect = { kind: 'worth_it' };
const leftAlone =
  'svidecar in the cluster would leave it as it is: it does not see the namespace, or has another version or configuration than this command goes by (a changed configuration reaches it within a minute or two)';

/**
 * Asks for the restart as a dry run, and judges what would be stored. Workloads whose pods alone are injected are not asked about.
 * @throws {AppError} as {@link restartWorkload}
 */
export async function restartProspect(
  api: KubernetesApi,
  workload: NamedWorkload & Pick<WorkloadRow, 'status'>,
  {
    judge,
    nowMs,
    signal,
  }: {
    readonly judge: (object: JsonObject) => WorkloadVerdict | undefined;
    readonly nowMs: number;
    readonly signal: AbortSignal;
  },
): Promise<RestartProspect> {
  const { kind } = workload;
  const stored = await saying(workload, 'get', () => api.get(pathTo(workload), signal));
  if (objectAt(stored, 'spec')['paused'] === true)
    return {
      kind: 'in_vain',
      words: `it is paused; kubectl rollout resume ${kind.toLowerCase()}/${workload.name} -n ${workload.namespace}`,
    };
  const verdict = judge({ ...stored, kind });
  if (verdict === undefined || seenOf(stored)?.isInjected !== true) return worthIt;
  if (!stale.has(verdict.kind))
    return workload.status === 'stale'
      ? { kind: 'current', words: 'it is as of today by now' }
      : worthIt;
  const path = `${pathTo(workload)}?${restartManager}&dryRun=All`;
  const would = await saying(workload, 'patch', () =>
    api.merge(path, restartChange(nowMs), signal),
  );
  return stale.has(judge({ ...would, kind })?.kind ?? '')
    ? { kind: 'in_vain', words: leftAlone }
    : worthIt;
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
    if (!(thrown instanceof ApiRefusal)) throw thrown;
    const code =
      thrown.status === 403
        ? 'CLUSTER_FORBIDDEN'
        : thrown.status === 404
          ? 'OBJECT_NOT_FOUND'
          : 'CLUSTER_UNREACHABLE';
    const message =
      thrown.status === 403 ? reasonOf(thrown, { ...sourceOf(workload), verb }) : thrown.said;
    throw new AppError(code, message, { cause: thrown });
  }
}
