/** Gathers the facts for the checks from a cluster. It reads, and sends one Pod as a dry run; nothing is stored or changed. */
import {
  known,
  resourceNames,
  subjectsOf,
  type ClusterFacts,
  type Reading,
  type ResourceName,
} from '../checks/facts.ts';
import { serviceOf } from '../checks/inspected-hooks.ts';
import { judgingRevision } from '../checks/installed-revisions.ts';
import { askProbe, askVersion } from './ask-api-server.ts';
import { testedKubernetesMinor } from '../injection/tested-kubernetes.ts';
import { readConfigMaps } from './read-config-maps.ts';
import { readGroup } from './read-group.ts';
import { readHelpers } from './read-helpers.ts';
import { readProxies } from './read-proxies.ts';
import { readConfiguration } from './configuration.ts';
import { readServedChains } from './served-chains.ts';
import type { Site, SurveyOptions } from './site.ts';
import { groups } from './sources.ts';

/**
 * Some thirty lists in pages of 500 objects, one list of ConfigMaps for each namespace with injected workloads, and a few single reads.
 * @throws {AppError} CLUSTER_UNREACHABLE when nobody answers; CONFIG_INVALID for a configuration of the user's own
 */
export async function survey(options: SurveyOptions): Promise<ClusterFacts> {
  const basis = await readBasis(resourceNames, options);
  const { site } = basis;
  const { configuration, engine } = await readConfiguration(site, basis.minor);
  return {
    ...basis.facts,
    engine,
    configuration,
    served: await readServedChains(site),
    probe: await askProbe(site),
    held: await readHelpers(site),
    proxies: await readProxies(site),
  };
}

/** The webhook's Service and Deployment tell where its configuration is. */
const ofIdentities: readonly ResourceName[] = [
  'namespaces',
  'workloads',
  'pods',
  'clusterSpiffeIds',
  'services',
  'deployments',
];

/**
 * Only what tells of identities; no Pod is sent.
 * @throws {AppError} as {@link survey}
 */
export async function surveyIdentities(options: SurveyOptions): Promise<ClusterFacts> {
  const basis = await readBasis(ofIdentities, options);
  const { configuration, engine } = await readConfiguration(basis.site, basis.minor);
  const notAsked = { kind: 'not_asked', reason: 'it tells nothing of identities' } as const;
  return {
    ...basis.facts,
    engine,
    configuration,
    served: new Map(),
    probe: notAsked,
    held: await readHelpers(basis.site),
    proxies: await readProxies(basis.site),
  };
}

/** What decisions about a cluster's objects depend on. */
export interface SurveyedConfiguration extends Pick<
  ClusterFacts,
  'configuration' | 'engine' | 'ownNamespace' | 'serverVersion'
> {
  readonly hooks: Reading;
}

/** Only the configuration, and where svidecar is. @throws {AppError} as {@link survey} */
export async function surveyConfiguration(options: SurveyOptions): Promise<SurveyedConfiguration> {
  const { facts, site, minor } = await readBasis(['services', 'deployments'], options);
  const { configuration, engine } = await readConfiguration(site, minor);
  const { ownNamespace, serverVersion, objects } = facts;
  return { configuration, engine, ownNamespace, serverVersion, hooks: objects.hooks };
}

/** Only the hooks, and the certificates behind them. @throws {AppError} CLUSTER_UNREACHABLE when nobody answers */
export async function surveyCertificates(
  options: SurveyOptions,
): Promise<Pick<ClusterFacts, 'nowMs' | 'objects' | 'served'>> {
  const { facts, site } = await readBasis(['services', 'deployments', 'endpointSlices'], options);
  return { nowMs: facts.nowMs, objects: facts.objects, served: await readServedChains(site) };
}

/** Of the manifests, where hooks call an address. */
const usualNamespace = 'svidecar';

type Basis = Omit<
  ClusterFacts,
  'engine' | 'configuration' | 'served' | 'probe' | 'held' | 'proxies'
>;

async function readBasis(
  names: readonly ResourceName[],
  options: SurveyOptions,
): Promise<{ readonly facts: Basis; readonly site: Site; readonly minor: number }> {
  const { api, namespace = 'default', nowMs, signal, workloadApi, spire } = options;
  const serverVersion = await askVersion(api, signal);
  const hooks = await readGroup(groups.hooks, options);
  const judgedBy = judgingRevision(subjectsOf(hooks), options.revision);
  const ownNamespace = serviceOf(subjectsOf(hooks), judgedBy)?.namespace ?? usualNamespace;
  const listed = await readGroups(names, { hooks, ownNamespace }, options);
  const users = [listed.workloads, listed.pods, listed.controllerManagers].flatMap(subjectsOf);
  const objects = { ...listed, configMaps: await readConfigMaps(users, options) };
  return {
    facts: {
      origin: 'cluster',
      nowMs,
      ownNamespace,
      objects,
      serverVersion,
      namespace,
      workloadApi,
      spire,
    },
    site: { ...options, objects, ownNamespace, judgedBy },
    minor: serverVersion.kind === 'known' ? serverVersion.value.minor : testedKubernetesMinor,
  };
}

async function readGroups(
  names: readonly ResourceName[],
  { hooks, ownNamespace }: { readonly hooks: Reading; readonly ownNamespace: string },
  options: SurveyOptions,
): Promise<ClusterFacts['objects']> {
  const read = (name: ResourceName): Reading | Promise<Reading> => {
    if (name === 'hooks') return hooks;
    // Only those that workloads name: read once the workloads are known.
    if (name === 'configMaps' || !names.includes(name)) return known([]);
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
