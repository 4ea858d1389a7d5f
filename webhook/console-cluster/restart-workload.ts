/** A workload's pods are made anew, as `kubectl rollout restart` does it; and how far that is. */
import { AppError } from '#kernel/errors.ts';
import type { JsonObject } from '#kernel/json.ts';
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
  const at = new Date(nowMs).toISOString().replace(/\.\d+Z$/, 'Z');
  const template = { metadata: { annotations: { [restartedAt]: at } } };
  const path = `${pathTo(workload)}?${restartManager}`;
  await saying(workload, 'patch', () => api.merge(path, { spec: { template } }, signal));
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
