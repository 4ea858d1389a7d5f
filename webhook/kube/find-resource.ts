/** Finds a resource by the name people use for it, through API discovery. */
import { isObject, listAt, objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { ApiRefusal, type KubernetesApi } from './kubernetes-api.ts';

export interface ApiResource {
  readonly apiVersion: string;
  readonly kind: string;
  /** As in paths: `deployments`. */
  readonly resource: string;
  readonly isNamespaced: boolean;
}

/**
 * As kubectl does: the core group first, then the preferred version of each other group.
 * @param called `deployment`, `Deployment`, `deployments`, `deploy`, `deployments.apps` or `deployments.v1.apps`
 * @throws {ApiRefusal} where the groups may not be read; {AppError} CLUSTER_UNREACHABLE
 */
export async function findResource(
  api: KubernetesApi,
  called: string,
  signal: AbortSignal,
): Promise<ApiResource | undefined> {
  const dot = called.indexOf('.');
  const word = (dot === -1 ? called : called.slice(0, dot)).toLowerCase();
  const group = dot === -1 ? '' : called.slice(dot + 1);
  const groups = listAt(await api.get('/apis', signal), 'groups').filter(isObject);
  const others = groups.flatMap((each) => versionOf(each, group) ?? []);
  for (const apiVersion of group === '' ? ['v1', ...others] : others) {
    const resources = await resourcesIn(api, apiVersion, signal);
    const found = resources.find((each) => namesOf(each).includes(word));
    if (found === undefined) continue;
    return {
      apiVersion,
      kind: stringAt(found, 'kind') ?? '',
      resource: stringAt(found, 'name') ?? '',
      isNamespaced: found['namespaced'] === true,
    };
  }
  return undefined;
}

/** The version to read, where the group is the one that was named. @see meta/v1 APIGroup */
function versionOf(group: JsonObject, named: string): string | undefined {
  const preferred = stringAt(objectAt(group, 'preferredVersion'), 'groupVersion');
  const name = stringAt(group, 'name') ?? '';
  if (named === '' || named === name) return preferred;
  const version = listAt(group, 'versions')
    .filter(isObject)
    .find((each) => `${stringAt(each, 'version') ?? ''}.${name}` === named);
  return stringAt(version, 'groupVersion');
}

/** Without subresources. @see meta/v1 APIResourceList */
async function resourcesIn(
  api: KubernetesApi,
  apiVersion: string,
  signal: AbortSignal,
): Promise<readonly JsonObject[]> {
  const path = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  try {
    return listAt(await api.get(path, signal), 'resources')
      .filter(isObject)
      .filter((each) => stringAt(each, 'name')?.includes('/') === false);
  } catch (thrown) {
    // An aggregated group, such as metrics, whose server is down: it is not the one that is looked for.
    if (thrown instanceof ApiRefusal) return [];
    throw thrown;
  }
}

function namesOf(resource: JsonObject): readonly unknown[] {
  return [
    stringAt(resource, 'name'),
    stringAt(resource, 'singularName'),
    stringAt(resource, 'kind')?.toLowerCase(),
    ...listAt(resource, 'shortNames'),
  ];
}
