/** Registrations as objects of spire-controller-manager, which makes entries of them. It cannot be told of prefetching. */
import type { JsonObject } from '#kernel/json.ts';
import type { EntryContent, Registration } from './registration.ts';

const apiVersion = 'spire.spiffe.io/v1alpha1';

/** An entry for each pod; its selectors differ from those that a ClusterSPIFFEID for all pods gives, so that neither masks the other. */
export function clusterSpiffeId(registration: Registration, className: string): JsonObject {
  const { spiffeId, namespace, selectors, labels, dnsNames, jwtSvidTtlS, x509SvidTtlS } =
    registration;
  return {
    apiVersion,
    kind: 'ClusterSPIFFEID',
    metadata: { name: nameOfObject(registration) },
    spec: {
      ...classOf(className),
      spiffeIDTemplate: spiffeId,
      namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } },
      podSelector: { matchLabels: labels },
      workloadSelectorTemplates: [...selectors],
      ...(dnsNames.length === 0 ? {} : { dnsNameTemplates: [...dnsNames] }),
      ...federation(registration),
      ...(x509SvidTtlS === 0 ? {} : { ttl: `${x509SvidTtlS}s` }),
      ...(jwtSvidTtlS === 0 ? {} : { jwtTtl: `${jwtSvidTtlS}s` }),
      ...hintOf(registration),
    },
  };
}

/** One entry, whether there are pods or not. */
export function clusterStaticEntry(registration: Registration, className: string): JsonObject {
  return staticEntry(nameOfObject(registration), registration, className);
}

/** The alias of nodes: one for each parent. */
export function staticAlias(alias: EntryContent, className: string): JsonObject {
  const words = alias.spiffeId.slice('spiffe://'.length).toLowerCase();
  return staticEntry(words.replaceAll(/[/_]/g, '.'), alias, className);
}

function staticEntry(name: string, entry: EntryContent, className: string): JsonObject {
  const { spiffeId, parentId, selectors, dnsNames, x509SvidTtlS, jwtSvidTtlS } = entry;
  return {
    apiVersion,
    kind: 'ClusterStaticEntry',
    metadata: { name },
    spec: {
      ...classOf(className),
      spiffeID: spiffeId,
      parentID: parentId,
      selectors: [...selectors],
      ...(dnsNames.length === 0 ? {} : { dnsNames: [...dnsNames] }),
      ...federation(entry),
      ...(x509SvidTtlS === 0 ? {} : { x509SVIDTTL: `${x509SvidTtlS}s` }),
      ...(jwtSvidTtlS === 0 ? {} : { jwtSVIDTTL: `${jwtSvidTtlS}s` }),
      ...hintOf(entry),
    },
  };
}

function nameOfObject({ namespace, workload, container }: Registration): string {
  return `${namespace}.${workload}.${container}`;
}

/** Where a controller manager looks at the objects of one class only. */
function classOf(className: string): JsonObject {
  return className === '' ? {} : { className };
}

function federation({ federatesWith }: EntryContent): JsonObject {
  return federatesWith.length === 0 ? {} : { federatesWith: [...federatesWith] };
}

function hintOf({ hint }: EntryContent): JsonObject {
  return hint === '' ? {} : { hint };
}
