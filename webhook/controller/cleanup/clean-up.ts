/**
 * What svidecar has made in SPIRE and in the cluster beside injected workloads, found and taken away. Which that is, the
 * planners say that its controller uses, with nothing wanted.
 * @see docs/adr/0115-clean-up-is-a-command.md
 */
import { AppError, messageOf } from '#kernel/errors.ts';
import type { Log } from '#kernel/observe.ts';
import { namespaceOfEntry } from '../../identity/entry-name.ts';
import type { SpireEntry } from '../../identity/spire-entry.ts';
import { ApiRefusal, type KubernetesApi } from '../../kube/kubernetes-api.ts';
import type { SpireServerApi } from '../../spire/spire-server-api.ts';
import {
  planClusterSpiffeIds,
  type ClusterSpiffeIdStep,
} from '../clusterspiffeids/plan-cluster-spiffe-ids.ts';
import {
  readClusterSpiffeIds,
  removeClusterSpiffeId,
} from '../clusterspiffeids/stored-cluster-spiffe-ids.ts';
import { planRelationships, type RelationshipStep } from '../federation/plan-relationships.ts';
import { RelationshipKeeper } from '../federation/relationship-keeper.ts';
import { leaseRecord, type RelationshipRecord } from '../federation/relationship-record.ts';
import { registrationsLeasePath } from '../registrations/registrations-lease.ts';
import { findEnvoyFilters, removeEnvoyFilter, type LeftEnvoyFilter } from './left-envoy-filters.ts';

export interface CleanUpSite {
  readonly spire: SpireServerApi;
  /** Why the cluster cannot be asked, where it cannot. */
  readonly cluster: KubernetesApi | { readonly reason: string };
  /** svidecar's own. */
  readonly namespace: string;
  /** `entries.cluster` of the configuration. */
  readonly clusterName: string;
  readonly signal: AbortSignal;
}

/** Of one sort; `unseen`: nobody could look. */
export type FoundPart<Item> =
  | { readonly kind: 'seen'; readonly items: readonly Item[] }
  | { readonly kind: 'unseen'; readonly reason: string };

export interface LeftByUs {
  readonly entries: FoundPart<SpireEntry>;
  /** Entries of others. */
  readonly others: number;
  readonly relationships: FoundPart<RelationshipStep & { readonly kind: 'delete' }>;
  readonly objects: FoundPart<ClusterSpiffeIdStep & { readonly kind: 'remove' }>;
  readonly envoyFilters: FoundPart<LeftEnvoyFilter>;
}

export interface TakenAway {
  readonly entries: number;
  readonly relationships: number;
  readonly objects: number;
  readonly envoyFilters: number;
  /** A sentence for each that stays although it is ours. */
  readonly stays: readonly string[];
}

const notFound = 404;
const silent: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

/** Writes nothing. */
export async function findOurs(site: CleanUpSite): Promise<LeftByUs> {
  const [all, relationships, objects, envoyFilters] = await Promise.all([
    seen(() => site.spire.listEntries(site.signal)),
    seen(() => relationshipsOf(site)),
    seen(() => objectsOf(site)),
    seen(async () => findEnvoyFilters(clusterOf(site), site.signal)),
  ]);
  const inCluster = { relationships, objects, envoyFilters };
  if (all.kind === 'unseen') return { entries: all, others: 0, ...inCluster };
  const items = all.items.filter(({ id }) => namespaceOfEntry(site.clusterName, id) !== undefined);
  const others = all.items.length - items.length;
  return { entries: { kind: 'seen', items }, others, ...inCluster };
}

/**
 * Entries first: SPIRE keeps a bundle that an entry federates with. EnvoyFilters last, and only those that nobody's pods need:
 * without the others requests pass unchecked, while without an entry they are refused.
 */
export async function takeAway(ours: LeftByUs, site: CleanUpSite): Promise<TakenAway> {
  const entries = await deleteEntries(itemsOf(ours.entries), site);
  const relationships = await deleteRelationships(itemsOf(ours.relationships).length, site);
  const objects = await deleteObjects(itemsOf(ours.objects), site);
  const envoyFilters = await deleteEnvoyFilters(itemsOf(ours.envoyFilters), site);
  return {
    entries: entries.gone,
    relationships: relationships.gone,
    objects: objects.gone,
    envoyFilters: envoyFilters.gone,
    stays: [entries, relationships, objects, envoyFilters].flatMap(({ stays }) => stays),
  };
}

interface Gone {
  readonly gone: number;
  readonly stays: readonly string[];
}

/** SPIRE is asked only if something is recorded: without federation nobody needs to reach it. */
async function relationshipsOf(
  site: CleanUpSite,
): Promise<readonly (RelationshipStep & { readonly kind: 'delete' })[]> {
  const { spire, signal } = site;
  const recorded = await recordOf(site).read(signal);
  if (recorded.size === 0) return [];
  const [existing, bundles] = await Promise.all([
    spire.listRelationships(signal),
    spire.federatedTrustDomains(signal),
  ]);
  const input = { wanted: [], existing, bundles: new Set(bundles), recorded };
  return planRelationships(input).steps.filter((step) => step.kind === 'delete');
}

async function objectsOf(
  site: CleanUpSite,
): Promise<readonly (ClusterSpiffeIdStep & { readonly kind: 'remove' })[]> {
  const listed = await readClusterSpiffeIds(clusterOf(site), {
    isOptional: true,
    signal: site.signal,
  });
  if (listed.kind === 'unknown') throw new AppError('CLUSTER_FORBIDDEN', listed.reason);
  const { steps } = planClusterSpiffeIds({
    wanted: [],
    stored: listed.stored,
    mayRemove: true,
    unwantedSinceMs: new Map(),
    nowMs: 0,
    graceMs: 0,
  });
  return steps.filter((step) => step.kind === 'remove');
}

async function deleteEntries(entries: readonly SpireEntry[], site: CleanUpSite): Promise<Gone> {
  if (entries.length === 0) return { gone: 0, stays: [] };
  const ids = entries.map(({ id }) => id);
  const results = await site.spire.deleteEntries(ids, site.signal);
  const stays = ids.flatMap((id, index) => {
    const result = results[index];
    if (result?.kind !== 'refused') return [];
    return [`SPIRE does not delete ${id}: ${result.words} (${result.code})`];
  });
  return { gone: entries.length - stays.length, stays };
}

async function deleteRelationships(found: number, site: CleanUpSite): Promise<Gone> {
  if (found === 0) return { gone: 0, stays: [] };
  const keeper = new RelationshipKeeper({ record: recordOf(site), log: silent });
  try {
    const { ours, problems } = await keeper.reconcile(site.spire, [], site.signal);
    return { gone: found - ours.size, stays: problems.map(({ message }) => message) };
  } catch (thrown) {
    if (!(thrown instanceof ApiRefusal)) throw thrown;
    const sentence = `the record of federation relationships cannot be changed, so they may still be there: ${thrown.message}`;
    return { gone: 0, stays: [sentence] };
  }
}

async function deleteObjects(
  steps: readonly (ClusterSpiffeIdStep & { readonly kind: 'remove' })[],
  site: CleanUpSite,
): Promise<Gone> {
  const stays: string[] = [];
  for (const step of steps) {
    try {
      await removeClusterSpiffeId(clusterOf(site), step, site.signal);
    } catch (thrown) {
      if (!(thrown instanceof ApiRefusal)) throw thrown;
      if (thrown.status !== notFound)
        stays.push(`ClusterSPIFFEID ${step.name} is not deleted: ${thrown.message}`);
    }
  }
  return { gone: steps.length - stays.length, stays };
}

async function deleteEnvoyFilters(
  filters: readonly LeftEnvoyFilter[],
  site: CleanUpSite,
): Promise<Gone> {
  const stays: string[] = [];
  for (const filter of filters) {
    const why = await removeEnvoyFilter(clusterOf(site), filter, site.signal);
    if (why !== undefined) stays.push(why);
  }
  return { gone: filters.length - stays.length, stays };
}

function recordOf(site: CleanUpSite): RelationshipRecord {
  return leaseRecord(clusterOf(site), registrationsLeasePath(site.namespace));
}

/** @throws {AppError} CLUSTER_UNREACHABLE */
function clusterOf({ cluster }: CleanUpSite): KubernetesApi {
  if ('reason' in cluster) throw new AppError('CLUSTER_UNREACHABLE', cluster.reason);
  return cluster;
}

/** What cannot be asked holds up nothing else. */
async function seen<Item>(look: () => Promise<readonly Item[]>): Promise<FoundPart<Item>> {
  try {
    return { kind: 'seen', items: await look() };
  } catch (thrown) {
    if (!(thrown instanceof AppError || thrown instanceof ApiRefusal)) throw thrown;
    return { kind: 'unseen', reason: messageOf(thrown) };
  }
}

function itemsOf<Item>(part: FoundPart<Item>): readonly Item[] {
  return part.kind === 'seen' ? part.items : [];
}
