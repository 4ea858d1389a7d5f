/** One object of a cluster, and what its injection depends on. It is only read. */
import { AppError } from '#kernel/errors.ts';
import { objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { mountedConfigMaps } from '../checks/assess.ts';
import { metadataOf, type FactAnswer, type LiveFacts } from '../checks/facts.ts';
import { findResource, type ApiResource } from '../kube/find-resource.ts';
import { ApiRefusal, type KubernetesApi } from '../kube/kubernetes-api.ts';
import { pathOf, readOne, reasonOf } from '../kube/read-list.ts';
import { locate } from '../request/locate.ts';
import { revisionLabel } from '../request/metadata-keys.ts';
import { revisionIn } from '../request/revision.ts';
import { askVersion } from './ask-api-server.ts';
import { readGroup } from './read-group.ts';
import { groups } from './sources.ts';

export interface LiveOptions {
  readonly api: KubernetesApi;
  /** Where the object is, if its kind has namespaces. */
  readonly namespace: string;
  /** Whether the user gave it; otherwise it is the context's. */
  readonly isNamespaceGiven: boolean;
  readonly signal: AbortSignal;
}

const configMaps = { apiVersion: 'v1', resource: 'configmaps' } as const;
const namespaces = { apiVersion: 'v1', resource: 'namespaces' } as const;

/**
 * Reads `kind/name`: the object, the ConfigMaps that its volumes name, and those that its Envoy configuration was made from.
 * @throws {AppError} CLUSTER_UNREACHABLE when nobody answers, CLUSTER_FORBIDDEN when reading is denied, OBJECT_NOT_FOUND when absent
 */
export async function readLive(name: string, options: LiveOptions): Promise<LiveFacts> {
  const { api, signal } = options;
  const serverVersion = await askVersion(api, signal);
  const object = await readNamed(name, options);
  const namespace = stringAt(metadataOf(object), 'namespace') ?? 'default';
  const mounted = await Promise.all(
    [...mountedConfigMaps(object)].map((each) =>
      read(configMaps, { ...options, namespace, name: each }),
    ),
  );
  const labels = await readLabels(namespace, options);
  const everywhere = { api, namespace: undefined, signal };
  return {
    name,
    namespace,
    object,
    serverVersion,
    configMaps: mounted.filter((each) => each !== undefined),
    envoyFilters: await readGroup(groups.envoyFilters, { api, namespace, signal }),
    namespaceLabels: labels,
    ...(namesRevision(object, labels) ? { hooks: await readGroup(groups.hooks, everywhere) } : {}),
  };
}

/** Whether hooks tell more: most users need no right to read them. */
function namesRevision(object: JsonObject, labels: FactAnswer<JsonObject>): boolean {
  const template = locate(object, '')?.template;
  if (template !== undefined && revisionIn(metadataOf(template)) !== undefined) return true;
  return labels.kind === 'known' && stringAt(labels.value, revisionLabel) !== undefined;
}

async function readNamed(name: string, options: LiveOptions): Promise<JsonObject> {
  const slash = name.indexOf('/');
  const called = name.slice(0, slash);
  const own = name.slice(slash + 1);
  const resource = await find(called, options);
  if (resource === undefined) {
    throw new AppError(
      'OBJECT_NOT_FOUND',
      `${name}: there is no such file or folder here, and the cluster has no kind "${called}"`,
    );
  }
  const namespace = resource.isNamespaced ? options.namespace : undefined;
  const object = await read(resource, { ...options, namespace, name: own });
  if (object !== undefined) return object;
  throw new AppError('OBJECT_NOT_FOUND', notFound(resource, own, options));
}

function notFound(
  { kind, isNamespaced }: ApiResource,
  own: string,
  { namespace, isNamespaceGiven }: LiveOptions,
): string {
  if (!isNamespaced) return `${kind} "${own}" not found`;
  const where = `${kind} "${own}" not found in namespace ${namespace}`;
  return isNamespaceGiven ? where : `${where}: if it is in another one, give that with -n`;
}

async function find(
  called: string,
  { api, signal }: LiveOptions,
): Promise<ApiResource | undefined> {
  try {
    return await findResource(api, called, signal);
  } catch (thrown) {
    throw asCoded(thrown, 'cannot read which kinds the cluster has');
  }
}

/** Without `managedFields`, as kubectl shows it. */
async function read(
  resource: Pick<ApiResource, 'apiVersion' | 'resource'>,
  at: Pick<LiveOptions, 'api' | 'signal'> & {
    readonly namespace: string | undefined;
    readonly name: string;
  },
): Promise<JsonObject | undefined> {
  try {
    const object = await readOne(at.api, pathOf(resource, at.namespace, at.name), at.signal);
    if (object === undefined) return undefined;
    const { managedFields, ...metadata } = metadataOf(object);
    return { ...object, metadata };
  } catch (thrown) {
    throw asCoded(thrown, reasonOf(thrown, { ...resource, verb: 'get' }));
  }
}

function asCoded(thrown: unknown, message: string): unknown {
  if (!(thrown instanceof ApiRefusal)) return thrown;
  const code = thrown.status === 403 ? 'CLUSTER_FORBIDDEN' : 'CLUSTER_UNREACHABLE';
  return new AppError(code, message, { cause: thrown });
}

/** The object can be explained without it: users who may read the object often may not read namespaces. */
async function readLabels(
  name: string,
  { api, signal }: LiveOptions,
): Promise<FactAnswer<JsonObject>> {
  try {
    const found = await readOne(api, pathOf(namespaces, undefined, name), signal);
    return { kind: 'known', value: objectAt(metadataOf(found ?? {}), 'labels') };
  } catch (thrown) {
    if (!(thrown instanceof ApiRefusal)) throw thrown;
    return { kind: 'unknown', reason: reasonOf(thrown, { ...namespaces, verb: 'get' }) };
  }
}
