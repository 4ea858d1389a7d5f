/** What a cluster tells the checks. It reads, and sends one Pod as a dry run; nothing is stored or changed. */
import { stringAt, type JsonObject } from '#kernel/json.ts';
import {
  known,
  metadataOf,
  resourceNames,
  subjectsOf,
  type ClusterFacts,
  type Reading,
  type ResourceName,
} from '../checks/facts.ts';
import { ownNamespaceOf } from '../checks/hooks.ts';
import { readList } from '../kube/read-list.ts';
import { askProbe, askVersion } from './ask-api-server.ts';
import { testedKubernetesMinor } from '../injection/tested-kubernetes.ts';
import { readConfigMaps } from './read-config-maps.ts';
import { readConfiguration } from './configuration.ts';
import { readServedChains } from './served-chains.ts';
import type { Site, SurveyOptions } from './site.ts';
import { groups, type Group } from './sources.ts';

/**
 * Some twenty lists in pages of 500 objects, one list of ConfigMaps a namespace with workloads of ours, and a few questions.
 * @throws {AppError} CLUSTER_UNREACHABLE when nobody answers; CONFIG_INVALID for a configuration of the user's own
 */
export async function survey(options: SurveyOptions): Promise<ClusterFacts> {
  const { api, namespace, nowMs, signal, workloadApi } = options;
  const serverVersion = await askVersion(api, signal);
  const hooks = await readGroup(groups.hooks, options);
  const ownNamespace = ownNamespaceOf(subjectsOf(hooks));
  const listed = await readGroups(hooks, ownNamespace, options);
  const users = [...subjectsOf(listed.workloads), ...subjectsOf(listed.pods)];
  const objects = { ...listed, configMaps: await readConfigMaps(users, options) };
  const site: Site = { ...options, objects, ownNamespace };
  const minor = serverVersion.kind === 'known' ? serverVersion.value.minor : testedKubernetesMinor;
  const { configuration, engine } = await readConfiguration(site, minor);
  const served = await readServedChains(site);
  const probe = await askProbe(site);
  return {
    origin: 'cluster',
    engine,
    nowMs,
    ownNamespace,
    objects,
    serverVersion,
    configuration,
    namespace: namespace ?? 'default',
    served,
    probe,
    workloadApi,
  };
}

async function readGroups(
  hooks: Reading,
  ownNamespace: string,
  options: SurveyOptions,
): Promise<ClusterFacts['objects']> {
  const read = (name: ResourceName): Reading | Promise<Reading> => {
    if (name === 'hooks') return hooks;
    // Only those that workloads name: read when these are known.
    if (name === 'configMaps') return known([]);
    const group = groups[name];
    const namespace = group.scope === 'own' ? ownNamespace : options.namespace;
    return readGroup(group, { ...options, namespace });
  };
  const pairs = await Promise.all(
    resourceNames.map(async (name): Promise<[ResourceName, Reading]> => [name, await read(name)]),
  );
  // Built from the list of all names, so that every member is there.
  return Object.fromEntries(pairs) as ClusterFacts['objects'];
}

/** Several lists become one group; where only some may be read, it is known in part. */
async function readGroup(
  { scope, sources, keep: isWanted }: Group,
  { api, namespace, signal }: SurveyOptions,
): Promise<Reading> {
  const keep = (object: JsonObject): boolean => isStaying(object) && isWanted(object);
  const lists = await Promise.all(
    sources.map((source) => {
      if (scope === 'cluster') return readList(api, source, { keep, signal });
      // The one Namespace that was chosen is a list of one.
      if (scope === 'named' && namespace !== undefined) {
        const query = `fieldSelector=metadata.name%3D${encodeURIComponent(namespace)}`;
        return readList(api, { ...source, query }, { keep, signal });
      }
      return readList(api, source, {
        ...(scope === 'named' ? {} : { namespace }),
        keep,
        signal,
      });
    }),
  );
  const reasons = lists.flatMap((list) => (list.kind === 'unknown' ? [list.reason] : []));
  const subjects = lists.flatMap((list) =>
    list.kind === 'known' ? list.objects.map((object) => ({ object })) : [],
  );
  if (reasons.length === 0) return known(subjects);
  if (reasons.length === lists.length) return { kind: 'unknown', reasons };
  return { kind: 'partial', subjects, reasons };
}

/** What is on its way out needs no care. */
function isStaying(object: JsonObject): boolean {
  return stringAt(metadataOf(object), 'deletionTimestamp') === undefined;
}
