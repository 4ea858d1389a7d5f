/** The input of the checks: objects as read, and answers to queries. Values only; others collect them. */
import { objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import type { SpireEntry } from '../identity/spire-entry.ts';
import type { Engine } from '../injection/inject.ts';
import { namespaceIn } from '../objects/namespace-in.ts';

/**
 * Groups of objects that the checks read; `services` are those of svidecar's own namespace, `podServices` those with pods;
 * `envoyFilters` those of svidecar, `meshConfigs` ConfigMaps.
 */
export const resourceNames = [
  'agents',
  'authorizationPolicies',
  'autoscalers',
  'clusterSpiffeIds',
  'configMaps',
  'controllerManagers',
  'csiDrivers',
  'csiNodes',
  'deployments',
  'endpointSlices',
  'envoyFilters',
  'hooks',
  'istiods',
  'limitRanges',
  'meshConfigs',
  'namespaces',
  'podServices',
  'pods',
  'policies',
  'policyBindings',
  'quotas',
  'requestAuthentications',
  'serviceEntries',
  'services',
  'workloads',
] as const;
export type ResourceName = (typeof resourceNames)[number];

/** Where a finding is: an object of the cluster, and its line where it came from a file. */
export interface Where {
  readonly kind: string;
  /** Empty for what has no namespace. */
  readonly namespace: string;
  readonly name: string;
  readonly file?: string;
  readonly line?: number;
}

/** An object, and the file that contains it. */
export interface Subject {
  readonly object: JsonObject;
  readonly file?: string;
  readonly line?: number;
}

export type Reading =
  | {
      readonly kind: 'known';
      readonly subjects: readonly Subject[];
      /** There are none because the cluster does not have this kind. */
      readonly isAbsent?: true;
    }
  /** Some of it is known; the sentences say what is not. */
  | {
      readonly kind: 'partial';
      readonly subjects: readonly Subject[];
      readonly reasons: readonly string[];
    }
  | { readonly kind: 'unknown'; readonly reasons: readonly string[] };

/** A requested fact, and a sentence where there is no answer. */
export type FactAnswer<T> =
  | { readonly kind: 'known'; readonly value: T }
  | { readonly kind: 'unknown'; readonly reason: string }
  /** Not available from here, which is not a fault. */
  | { readonly kind: 'not_asked'; readonly reason: string };

/** Certificates as served, PEM, the leaf first. */
export interface ServedCertificates {
  readonly certificates: readonly string[];
  /** Such as "a TLS handshake with pod svidecar-1". */
  readonly source: string;
}

/** Why the probe Pod was refused: the API server cannot call the webhook, or something else refuses. */
export type ProbeRefusal =
  'policy' | 'webhook_nowhere' | 'webhook_unreachable' | 'webhook_untrusted' | 'other';

/** What the API server said to a probe Pod that asked for injection, as a dry run. */
export interface ProbeAnswer {
  readonly namespace: string;
  /** HTTP status. */
  readonly status: number;
  readonly message: string;
  readonly refusal?: ProbeRefusal;
  /** The Pod as it would have been stored, where it was accepted. */
  readonly pod: JsonObject | undefined;
}

/** What a Workload API said. */
export interface WorkloadApiAnswer {
  readonly address: string;
  readonly kind: 'identity' | 'no_identity' | 'unavailable' | 'rejected';
  readonly text: string;
}

/** What SPIRE's server has. */
export interface SpireContents {
  /** Its address, or the text that its entries were read from. */
  readonly source: string;
  readonly entries: readonly SpireEntry[];
  /** By name; undefined where a text without entries does not tell. */
  readonly trustDomain: string | undefined;
  /** Trust domains whose bundles it has; undefined where only entries were read. */
  readonly federated: ReadonlySet<string> | undefined;
  /** SPIFFE IDs of its agents; undefined where only entries were read. */
  readonly agents: ReadonlySet<string> | undefined;
}

/** A token that a helper should have. */
export interface HeldToken {
  readonly audience: string;
  /** Absent: it has none. */
  readonly spiffeId?: string;
  /** Trust domain, by name. */
  readonly issuer?: string;
  /** Unix seconds. */
  readonly validUntilS?: number;
  /** Why there is no newer one, in the helper's own words. */
  readonly problem?: string;
}

/** What a helper says that it has in hand. */
export interface HeldIdentities {
  readonly tokens: readonly HeldToken[];
  /** Whose tokens it can verify; undefined where it verifies none. */
  readonly trustDomains: readonly string[] | undefined;
  /** Why their keys may be missing or old, in the helper's own words. */
  readonly keysProblem?: string;
}

/** What Istio's proxy of a pod says that it has from SDS. */
export interface ProxySecrets {
  /** Undefined where it has no certificate, or one without a SPIFFE ID. */
  readonly spiffeId: string | undefined;
  /** Unix seconds. */
  readonly validUntilS: number | undefined;
  /** By the form of its `ROOTCA`, and by who signed the certificate. */
  readonly issuer:
    { readonly kind: 'istiod' | 'spire' } | { readonly kind: 'unknown'; readonly reason: string };
  /** By name: those in its `ROOTCA`; istiod's names none. */
  readonly trustDomains: readonly string[];
}

export interface ClusterFacts {
  /** `files`: what is not among the objects may well exist in the cluster. */
  readonly origin: 'files' | 'cluster';
  readonly engine: Engine;
  /** Milliseconds since the Unix epoch. */
  readonly nowMs: number;
  /** Where svidecar itself runs. */
  readonly ownNamespace: string;
  /** Of objects that name none. */
  readonly namespace: string;
  readonly objects: Readonly<Record<ResourceName, Reading>>;
  readonly serverVersion: FactAnswer<{ readonly major: number; readonly minor: number }>;
  /** By the key of a hook's target. */
  readonly served: ReadonlyMap<string, FactAnswer<readonly ServedCertificates[]>>;
  /** Where the injector's configuration is, and what is wrong with it. */
  readonly configuration: FactAnswer<{ readonly where: Where; readonly fault: string | undefined }>;
  readonly probe: FactAnswer<ProbeAnswer>;
  readonly workloadApi: FactAnswer<WorkloadApiAnswer>;
  readonly spire: FactAnswer<SpireContents>;
  /** By `namespace/pod`; those that were not asked are not in it. */
  readonly held: ReadonlyMap<string, FactAnswer<HeldIdentities>>;
  /** By `namespace/pod`; those that were not asked are not in it. */
  readonly proxies: ReadonlyMap<string, FactAnswer<ProxySecrets>>;
}

/** One object of a cluster, and what its injection depends on. */
export interface LiveFacts extends Pick<ClusterFacts, 'serverVersion'> {
  /** As it was asked for: `deployment/frontend`. */
  readonly name: string;
  readonly namespace: string;
  readonly object: JsonObject;
  readonly configMaps: readonly JsonObject[];
  /** Of svidecar, in its namespace. */
  readonly envoyFilters: Reading;
  readonly namespaceLabels: FactAnswer<JsonObject>;
  /** Of svidecar; read where it, or its namespace, names a revision. */
  readonly hooks?: Reading | undefined;
}

export function known(subjects: readonly Subject[]): Reading {
  return { kind: 'known', subjects };
}

/** What could be read. */
export function subjectsOf(reading: Reading): readonly Subject[] {
  return reading.kind === 'unknown' ? [] : reading.subjects;
}

export function metadataOf(object: JsonObject): JsonObject {
  return objectAt(object, 'metadata');
}

export function nameOf(object: JsonObject): string {
  const metadata = metadataOf(object);
  return stringAt(metadata, 'name') ?? stringAt(metadata, 'generateName') ?? '';
}

export function namespaceOf(object: JsonObject, facts: Pick<ClusterFacts, 'namespace'>): string {
  return namespaceIn(metadataOf(object)) ?? facts.namespace;
}

/** @param namespace empty for objects of the whole cluster */
export function whereOf({ object, file, line }: Subject, namespace: string): Where {
  return {
    kind: stringAt(object, 'kind') ?? '',
    namespace,
    name: nameOf(object),
    ...(file === undefined ? {} : { file }),
    ...(line === undefined ? {} : { line }),
  };
}
