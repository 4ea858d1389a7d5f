/** One object of a cluster, and what its injection depends on. It is only read. */
import { AppError } from '#kernel/errors.ts';
import { objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { mountedConfigMaps } from '../checks/assess.ts';
import { metadataOf, type FactAnswer, type LiveFacts } from '../checks/facts.ts';
import { findResource, type ApiResource } from '../kube/find-resource.ts';
import { ApiRefusal, type KubernetesApi } from '../kube/kubernetes-api.ts';
import { pathOf, readOne, reasonOf } from '../kube/read-list.ts';
import { askVersion } from './ask-api-server.ts';

export interface LiveOptions {
  readonly api: KubernetesApi;
  /** Where the object is, if its kind has namespaces. */
  readonly namespace: string;
  readonly signal: AbortSignal;
}

const configMaps = { apiVersion: 'v1', resource: 'configmaps' } as const;
const namespaces = { apiVersion: 'v1', resource: 'namespaces' } as const;

/**
 * Reads `kind/name`: the object, the ConfigMaps that its volumes name, and those that its Envoy configuration was made from.
 * @throws {AppError} CLUSTER_UNREACHABLE when nobody answers, when it may not be read, and when there is none
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
  return {
    name,
    namespace,
    object,
    serverVersion,
    configMaps: mounted.filter((each) => each !== undefined),
    namespaceLabels: await readLabels(namespace, options),
  };
}

async function readNamed(name: string, options: LiveOptions): Promise<JsonObject> {
  const slash = name.indexOf('/');
  const called = name.slice(0, slash);
  const own = name.slice(slash + 1);
  const resource = await find(called, options);
  if (resource === undefined) {
    throw new AppError('CLUSTER_UNREACHABLE', `${name}: the cluster has no kind "${called}"`);
  }
  const namespace = resource.isNamespaced ? options.namespace : undefined;
  const object = await read(resource, { ...options, namespace, name: own });
  if (object !== undefined) return object;
  const where = namespace === undefined ? '' : ` in namespace ${namespace}`;
  throw new AppError(
    'CLUSTER_UNREACHABLE',
    `${resource.kind} "${own}" not found${where}: give its namespace with -n`,
  );
}

async function find(
  called: string,
  { api, signal }: LiveOptions,
): Promise<ApiResource | undefined> {
  try {
    return await findResource(api, called, signal);
  } catch (thrown) {
    throw asUnreachable(thrown, `cannot read which kinds the cluster has`);
  }
}

/** Without what `managedFields` says, as kubectl shows it. */
async function read(
  resource: Pick<ApiResource, 'apiVersion' | 'resource'>,
  at: Omit<LiveOptions, 'namespace'> & {
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
    throw asUnreachable(thrown, reasonOf(thrown, { ...resource, verb: 'get' }));
  }
}

function asUnreachable(thrown: unknown, message: string): unknown {
  if (!(thrown instanceof ApiRefusal)) return thrown;
  return new AppError('CLUSTER_UNREACHABLE', message, { cause: thrown });
}

/** The object can be explained without: who may read it may often not read namespaces. */
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
