/**
 * The identity that each workload with a helper should have, beside what SPIRE, the cluster and the helpers say about it:
 * `svidecar identities` shows it, and the checks of identities judge it.
 */
import { AppError } from '#kernel/errors.ts';
import { objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { helperContainer } from '../../sidecar/config/helper-contract.ts';
import { fitOf, type SelectorFit } from '../identity/meet-selectors.ts';
import { labelFault } from '../identity/missing-labels.ts';
import type { Registration } from '../identity/registration.ts';
import { registrationsOf } from '../identity/registrations-of.ts';
import type { SpireEntry } from '../identity/spire-entry.ts';
import { needsIdentityOf } from '../injection/status.ts';
import type { Located } from '../request/locate.ts';
import type { Assessed } from './assess.ts';
import { selecting } from './selecting-objects.ts';
import {
  metadataOf,
  nameOf,
  subjectsOf,
  type ClusterFacts,
  type FactAnswer,
  type HeldIdentities,
  type Where,
} from './facts.ts';
import { controllerOf, titleOf } from './pod-controller.ts';

/** An entry with the SPIFFE ID of a workload, and whether the helper of one of its pods meets its selectors. */
export interface RegisteredEntry {
  readonly entry: SpireEntry;
  /** Of the pod that it fits best. */
  readonly fit: SelectorFit;
  /** Pods, or the pod template, that meet all of its selectors for sure. */
  readonly metBy: ReadonlySet<Located>;
}

export interface PodIdentity {
  readonly assessed: Assessed;
  readonly name: string;
  /** Undefined: its helper was not asked. */
  readonly held: FactAnswer<HeldIdentities> | undefined;
}

export interface IdentityChain {
  readonly where: Where;
  readonly assessed: Assessed;
  /** Undefined where its annotations give none. */
  readonly registration: Registration | undefined;
  /** Why nothing may be registered for it, where labels by which entries are to select are missing. */
  readonly labelFault: string | undefined;
  readonly entries: readonly RegisteredEntry[];
  /** Entries with other SPIFFE IDs that its helper would get. */
  readonly others: readonly SpireEntry[];
  /** Names of the ClusterSPIFFEID objects that select its pods. */
  readonly clusterSpiffeIds: readonly string[];
  readonly pods: readonly PodIdentity[];
}

/** Of those whose pods have a helper that needs one, should have it, or are refused. */
export function workloadIdentities(
  facts: ClusterFacts,
  assessed: readonly Assessed[],
): readonly IdentityChain[] {
  const entries = entriesBySpiffeId(facts);
  return families(assessed)
    .filter(({ head }) => wantsIdentity(head))
    .map(({ head, pods }) => {
      const registration = registrationFor(head, facts);
      const askers = pods.length === 0 ? [head.located] : pods.map(({ located }) => located);
      return {
        where: head.where,
        assessed: head,
        registration,
        labelFault: labelFaultOf(head, facts),
        ...foundFor(registration?.spiffeId, { entries, askers }),
        clusterSpiffeIds: selectedBy(head.located, facts),
        pods: pods.map((pod) => ({
          assessed: pod,
          name: pod.where.name,
          held: facts.held.get(`${pod.where.namespace}/${pod.where.name}`),
        })),
      };
    });
}

function wantsIdentity({ decision }: Assessed): boolean {
  return !('status' in decision) || needsIdentityOf(decision.status);
}

function labelFaultOf({ located }: Assessed, { engine }: ClusterFacts): string | undefined {
  const { registration, entries } = engine.config;
  // Entries of spire-controller-manager are for one pod each, by its UID.
  return registration === 'clusterspiffeid' ? undefined : labelFault(located, entries.podLabels);
}

/** Undefined where annotations or configuration give none: admission refuses it. */
function registrationFor(
  { located }: Assessed,
  { engine }: ClusterFacts,
): Registration | undefined {
  const labels = objectAt(objectAt(located.template, 'metadata'), 'labels');
  const { podLabels } = engine.config.entries;
  try {
    return registrationsOf(located, {
      facts: engine,
      hasHelper: true,
      // Of one that lacks some, what it would be all the same.
      podLabels: podLabels.filter((key) => stringAt(labels, key) !== undefined),
      containers: [],
    })[0];
  } catch (error) {
    if (error instanceof AppError) return undefined;
    throw error;
  }
}

interface Search {
  readonly entries: Entries;
  readonly askers: readonly Located[];
}

function foundFor(
  spiffeId: string | undefined,
  { entries, askers }: Search,
): Pick<IdentityChain, 'entries' | 'others'> {
  const fitting = (entry: SpireEntry): RegisteredEntry => registered(entry, askers);
  const [asker] = askers;
  const others = asker === undefined ? [] : entries.candidates(asker).map(fitting);
  return {
    entries: (spiffeId === undefined ? [] : (entries.byId.get(spiffeId) ?? [])).map(fitting),
    others: others
      .filter(({ entry, metBy }) => entry.spiffeId !== spiffeId && metBy.size > 0)
      .map(({ entry }) => entry),
  };
}

function isMet({ unmet, unjudged }: SelectorFit): boolean {
  return unmet.length === 0 && unjudged.length === 0;
}

interface Entries {
  readonly byId: ReadonlyMap<string, readonly SpireEntry[]>;
  /** Those whose namespace, if they name one, is the workload's. */
  readonly candidates: (located: Located) => readonly SpireEntry[];
}

const namespaceSelector = 'k8s:ns:';

function entriesBySpiffeId({ spire }: ClusterFacts): Entries {
  const all = spire.kind === 'known' ? spire.value.entries : [];
  const byNamespace = Map.groupBy(all, ({ selectors }) =>
    selectors.find((each) => each.startsWith(namespaceSelector)),
  );
  return {
    byId: Map.groupBy(all, ({ spiffeId }) => spiffeId),
    candidates: ({ namespace }) => byNamespace.get(`${namespaceSelector}${namespace}`) ?? [],
  };
}

/** Of several pods the one that lacks least counts. */
function registered(entry: SpireEntry, askers: readonly Located[]): RegisteredEntry {
  const fits = askers.map((located) => ({
    located,
    fit: fitOf(entry.selectors, { located, container: helperContainer }),
  }));
  const weight = ({ fit: { unmet, unjudged } }: (typeof fits)[number]): number =>
    unmet.length * entry.selectors.length + unjudged.length;
  const best = fits.reduce((least, each) => (weight(each) < weight(least) ? each : least));
  const met = fits.filter(({ fit }) => isMet(fit)).map(({ located }) => located);
  return { entry, fit: best.fit, metBy: new Set(met) };
}

function selectedBy({ namespace, template }: Located, facts: ClusterFacts): readonly string[] {
  const found = subjectsOf(facts.objects.namespaces).find(
    ({ object }) => nameOf(object) === namespace,
  );
  const labels = (metadata: JsonObject): JsonObject => objectAt(metadata, 'labels');
  return selecting(
    subjectsOf(facts.objects.clusterSpiffeIds).map(({ object }) => object),
    {
      namespaceLabels: {
        ...labels(metadataOf(found?.object ?? {})),
        'kubernetes.io/metadata.name': namespace,
      },
      labels: labels(objectAt(template, 'metadata')),
    },
  );
}

interface Family {
  /** The object that a person has applied; of pods whose maker is of another kind, one of them. */
  readonly head: Assessed;
  readonly pods: readonly Assessed[];
}

/** Workloads that ask for templates, each with its pods. */
function families(assessed: readonly Assessed[]): readonly Family[] {
  const asking = assessed.filter(({ asks }) => asks);
  const named = new Map(
    asking
      .filter(({ where }) => where.kind !== 'Pod')
      .map((each) => [keyOf(`${each.where.kind} ${each.where.name}`, each), each]),
  );
  const rootOf = (each: Assessed): string => {
    const maker = titleOf(controllerOf(each));
    if (maker === undefined) return keyOf(`${each.where.kind} ${each.where.name}`, each);
    const key = keyOf(maker, each);
    const found = named.get(key);
    // A Job that a CronJob has made.
    return found === undefined || found === each ? key : rootOf(found);
  };
  return [...Map.groupBy(asking, rootOf)].map(([key, members]) => {
    const pods = members.filter(({ where }) => where.kind === 'Pod');
    const head = named.get(key) ?? members.find(({ where }) => where.kind !== 'Pod') ?? pods[0];
    if (head === undefined) throw new TypeError('a group has a member');
    return { head, pods: pods.filter(isRunning) };
  });
}

function keyOf(name: string, { where }: Assessed): string {
  return `${where.namespace} ${name}`;
}

/** One of a cluster: manifests of pods are what they will be made from. */
function isRunning({ located }: Assessed): boolean {
  return stringAt(located.metadata, 'uid') !== undefined;
}
