/** ClusterSPIFFEID objects that have a name of ours, as the cluster stores them. */
import { objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { isClusterSpiffeIdName } from '../../desired/cluster-spiffe-ids.ts';
import { isManaged } from '../../desired/desired.ts';
import type { KubernetesApi } from '../../kube/kubernetes-api.ts';
import { pathOf, readList } from '../../kube/read-list.ts';
import type { ClusterSpiffeIdStep, StoredClusterSpiffeId } from './plan-cluster-spiffe-ids.ts';

/** @see spire-controller-manager, ClusterSPIFFEID */
export const clusterSpiffeIds = {
  apiVersion: 'spire.spiffe.io/v1alpha1',
  kind: 'ClusterSPIFFEID',
  resource: 'clusterspiffeids',
} as const;

type StoredClusterSpiffeIds =
  | { readonly kind: 'known'; readonly stored: readonly StoredClusterSpiffeId[] }
  | { readonly kind: 'unknown'; readonly reason: string };

/**
 * @param options.isOptional a cluster without the kind has none of them
 * @throws {AppError} CLUSTER_UNREACHABLE when nobody answers
 */
export async function readClusterSpiffeIds(
  api: KubernetesApi,
  options: { readonly isOptional: boolean; readonly signal: AbortSignal },
): Promise<StoredClusterSpiffeIds> {
  const { isOptional, signal } = options;
  const keep = (object: JsonObject): boolean =>
    isClusterSpiffeIdName(stringAt(objectAt(object, 'metadata'), 'name') ?? '');
  const listed = await readList(api, { ...clusterSpiffeIds, isOptional }, { keep, signal });
  return listed.kind === 'known' ? { kind: 'known', stored: listed.objects.map(storedOf) } : listed;
}

/** As it was read: one that was changed or made anew in between stays, with {@link ApiRefusal} 409. */
export async function removeClusterSpiffeId(
  api: KubernetesApi,
  { name, uid, resourceVersion }: ClusterSpiffeIdStep & { readonly kind: 'remove' },
  signal: AbortSignal,
): Promise<void> {
  await api.remove(pathOf(clusterSpiffeIds, undefined, name), { uid, resourceVersion }, signal);
}

function storedOf(object: JsonObject): StoredClusterSpiffeId {
  const metadata = objectAt(object, 'metadata');
  return {
    name: stringAt(metadata, 'name') ?? '',
    uid: stringAt(metadata, 'uid') ?? '',
    resourceVersion: stringAt(metadata, 'resourceVersion') ?? '',
    isManaged: isManaged(objectAt(metadata, 'labels')),
    metadata,
    spec: objectAt(object, 'spec'),
  };
}
