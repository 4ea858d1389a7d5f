/** Whether a revision injects, asked of the API server by a Pod that is sent as a dry run: nothing is stored. */
import { isObject, listAt, objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { probeNamespace, probePod } from '../checks/probe.ts';
import { revisionInStatus } from '../injection/status.ts';
import { ApiRefusal, type KubernetesApi } from '../kube/kubernetes-api.ts';
import { pathOf } from '../kube/read-list.ts';
import { revisionLabel, statusKey } from '../request/metadata-keys.ts';

const namespaces = { apiVersion: 'v1', resource: 'namespaces' } as const;
const pods = { apiVersion: 'v1', resource: 'pods' } as const;

/** `nowhere`: no namespace has the label, so nobody can be asked, and nothing can fail. */
export type RevisionAnswer =
  | { readonly kind: 'injects' | 'nowhere' }
  | { readonly kind: 'does_not'; readonly why: string }
  /** A right is missing. */
  | { readonly kind: 'unknown'; readonly why: string };

/** @param revision not empty: one without a name can't be chosen by a label */
export async function askRevision(
  api: KubernetesApi,
  revision: string,
  signal: AbortSignal,
): Promise<RevisionAnswer> {
  try {
    const list = await api.get(pathOf(namespaces), signal);
    const subjects = listAt(list, 'items')
      .filter(isObject)
      .map((object) => ({ object }));
    const namespace = probeNamespace(subjects, undefined);
    if (namespace === undefined) return { kind: 'nowhere' };
    const stored = await api.create(
      `${pathOf(pods, namespace)}?dryRun=All`,
      named(revision),
      signal,
    );
    const annotations = objectAt(objectAt(stored, 'metadata'), 'annotations');
    const injector = revisionInStatus(stringAt(annotations, statusKey) ?? '');
    if (injector === revision) return { kind: 'injects' };
    return { kind: 'does_not', why: `a Pod in namespace ${namespace} came back without it` };
  } catch (thrown) {
    if (!(thrown instanceof ApiRefusal)) throw thrown;
    const isGuards = thrown.said.includes('ValidatingAdmissionPolicy');
    return { kind: isGuards ? 'does_not' : 'unknown', why: thrown.said };
  }
}

function named(revision: string): JsonObject {
  const labels = { [revisionLabel]: revision };
  return { ...probePod, metadata: { ...objectAt(probePod, 'metadata'), labels } };
}
