/** Our EnvoyFilters as they are found in a cluster, and who needs them still. */
import { AppError } from '#kernel/errors.ts';
import { objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { isManaged, managedBy } from '../../desired/desired.ts';
import { hashesIn, hashOfName } from '../../injection/hash.ts';
import { envoyFilterKind, isEnvoyFilterName } from '../../istio/istio-plan.ts';
import { ApiRefusal, type KubernetesApi } from '../../kube/kubernetes-api.ts';
import { pathOf, readList, type ListSource } from '../../kube/read-list.ts';
import {
  apiVersionOf,
  isMadeByControllers,
  isPod,
  workloadKinds,
  type WorkloadKind,
} from '../../objects/kinds.ts';
import { envoyFilterLabel, statusKey } from '../../request/metadata-keys.ts';

export interface LeftEnvoyFilter {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion: string;
  /** Such as `Deployment shop/web`: it must stay, or that one's requests are not checked any more. */
  readonly user: string | undefined;
}

const filters: ListSource = {
  ...envoyFilterKind,
  query: `labelSelector=${encodeURIComponent(
    Object.entries(managedBy)
      .map(([key, value]) => `${key}=${value}`)
      .join(),
  )}`,
  // Without Istio there are none.
  isOptional: true,
};

/** @throws {AppError} CLUSTER_FORBIDDEN where who needs them cannot be told; CLUSTER_UNREACHABLE */
export async function findEnvoyFilters(
  api: KubernetesApi,
  signal: AbortSignal,
): Promise<readonly LeftEnvoyFilter[]> {
  const found = (await objectsOf(api, filters, signal)).map(foundFilter).filter(isOurs);
  if (found.length === 0) return [];
  const users = await usersByHash(api, signal);
  return found.map((each) => ({
    ...each,
    user: users.get(`${each.namespace}/${hashOfName(each.name)}`),
  }));
}

/** As it was seen. @returns why it stays */
export async function removeEnvoyFilter(
  api: KubernetesApi,
  { namespace, name, uid, resourceVersion, user }: LeftEnvoyFilter,
  signal: AbortSignal,
): Promise<string | undefined> {
  const called = `EnvoyFilter ${namespace}/${name}`;
  if (user !== undefined)
    return `${called} stays: ${user} needs it, and its requests would pass unchecked; take its injection back first (svidecar uninject, or svidecar.dev/inject: "false")`;
  try {
    const path = pathOf(envoyFilterKind, namespace, name);
    await api.remove(path, { uid, resourceVersion }, signal);
    return undefined;
  } catch (thrown) {
    if (!(thrown instanceof ApiRefusal)) throw thrown;
    return thrown.status === 404 ? undefined : `${called} is not deleted: ${thrown.message}`;
  }
}

type FoundFilter = Omit<LeftEnvoyFilter, 'user'> & { readonly labels: JsonObject };

function foundFilter(object: JsonObject): FoundFilter {
  const metadata = objectAt(object, 'metadata');
  return {
    namespace: stringAt(metadata, 'namespace') ?? '',
    name: stringAt(metadata, 'name') ?? '',
    uid: stringAt(metadata, 'uid') ?? '',
    resourceVersion: stringAt(metadata, 'resourceVersion') ?? '',
    labels: objectAt(metadata, 'labels'),
  };
}

function isOurs({ name, labels }: FoundFilter): boolean {
  return isEnvoyFilterName(name) && isManaged(labels);
}

/** Revisions that a controller keeps for a rollback have no pods: what runs of them is among the pods. */
const kinds = workloadKinds.filter((type) => isPod(type) || !isMadeByControllers(type));

/** `namespace/hash` → the first that names it. */
async function usersByHash(
  api: KubernetesApi,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, string>> {
  const users = new Map<string, string>();
  for (const type of kinds) {
    for (const object of await objectsOf(api, listOf(type), signal)) {
      const { namespace, name, hashes } = userIn(object, type);
      const user = `${type.kind} ${namespace}/${name}`;
      const keys = hashes.map((hash) => `${namespace}/${hash}`);
      for (const key of keys) users.set(key, users.get(key) ?? user);
    }
  }
  return users;
}

function listOf(type: WorkloadKind): ListSource {
  const { kind, resource } = type;
  const list = { apiVersion: apiVersionOf(type), kind, resource };
  // Pods are the many.
  return isPod(type)
    ? { ...list, query: `labelSelector=${encodeURIComponent(envoyFilterLabel)}` }
    : list;
}

function userIn(
  object: JsonObject,
  { templatePath }: WorkloadKind,
): { readonly namespace: string; readonly name: string; readonly hashes: readonly string[] } {
  const metadata = objectAt(object, 'metadata');
  const marks = objectAt(templatePath.reduce(objectAt, object), 'metadata');
  const label = stringAt(objectAt(marks, 'labels'), envoyFilterLabel) ?? '';
  const status = stringAt(objectAt(marks, 'annotations'), statusKey) ?? '';
  return {
    namespace: stringAt(metadata, 'namespace') ?? '',
    name: stringAt(metadata, 'name') ?? '',
    hashes: hashesIn(`${label} ${status}`),
  };
}

async function objectsOf(
  api: KubernetesApi,
  source: ListSource,
  signal: AbortSignal,
): Promise<readonly JsonObject[]> {
  const listed = await readList(api, source, { signal });
  if (listed.kind === 'known') return listed.objects;
  throw new AppError('CLUSTER_FORBIDDEN', listed.reason);
}
