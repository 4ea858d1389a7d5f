/** Requests to the API server other than lists: its version, and what happens to a Pod that asks for injection. */
import { AppError } from '#kernel/errors.ts';
import { stringAt } from '#kernel/json.ts';
import {
  subjectsOf,
  type FactAnswer,
  type ClusterFacts,
  type ProbeAnswer,
} from '../checks/facts.ts';
import { probeNamespace, probePod } from '../checks/probe.ts';
import { podRefusalOf } from '../kube/api-words.ts';
import { ApiRefusal, type KubernetesApi } from '../kube/kubernetes-api.ts';
import { pathOf, reasonOf } from '../kube/read-list.ts';
import type { Site } from './site.ts';

const pods = { apiVersion: 'v1', resource: 'pods', verb: 'create' } as const;
const unauthorized = 401;

/** @throws {AppError} CLUSTER_UNREACHABLE when nobody answers, or the credentials are not accepted */
export async function askVersion(
  api: KubernetesApi,
  signal: AbortSignal,
): Promise<ClusterFacts['serverVersion']> {
  try {
    const info = await api.get('/version', signal);
    const major = stringAt(info, 'major') ?? '';
    const minor = stringAt(info, 'minor') ?? '';
    // `minor` may end in "+".
    const value = { major: Number.parseInt(major, 10), minor: Number.parseInt(minor, 10) };
    if (!Number.isNaN(value.major) && !Number.isNaN(value.minor)) return { kind: 'known', value };
    return { kind: 'unknown', reason: 'the API server does not report its version' };
  } catch (thrown) {
    if (!(thrown instanceof ApiRefusal)) throw thrown;
    if (thrown.status === unauthorized) {
      throw new AppError(
        'CLUSTER_UNREACHABLE',
        `the API server does not accept your credentials: ${thrown.message}`,
        {
          cause: thrown,
        },
      );
    }
    return { kind: 'unknown', reason: `cannot read the server's version: ${thrown.message}` };
  }
}

/** Sends the probe Pod as a dry run: admission runs in full, and nothing is stored. */
export async function askProbe(site: Site): Promise<FactAnswer<ProbeAnswer>> {
  const { api, objects, namespace: only, signal } = site;
  if (objects.namespaces.kind === 'unknown')
    return { kind: 'unknown', reason: objects.namespaces.reasons.join('; ') };
  const namespace = probeNamespace(subjectsOf(objects.namespaces), only);
  if (namespace === undefined) {
    const where = only === undefined ? 'no namespace' : `namespace ${only}`;
    const reason =
      only === undefined
        ? `${where} carries the label svidecar.dev/injection, so the webhook is never called`
        : `${where} does not carry the label svidecar.dev/injection, so the webhook is not called for it`;
    return { kind: 'not_asked', reason };
  }
  try {
    const pod = await api.create(`${pathOf(pods, namespace)}?dryRun=All`, probePod, signal);
    return { kind: 'known', value: { namespace, status: 201, message: '', pod } };
  } catch (thrown) {
    if (!(thrown instanceof ApiRefusal)) throw thrown;
    const { status, said: message } = thrown;
    const refusal = podRefusalOf(thrown);
    if (refusal === 'not_permitted')
      return { kind: 'unknown', reason: `${reasonOf(thrown, pods)}, in namespace ${namespace}` };
    return { kind: 'known', value: { namespace, status, message, refusal, pod: undefined } };
  }
}
