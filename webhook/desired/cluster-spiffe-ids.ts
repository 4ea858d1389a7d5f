/** Which ClusterSPIFFEID objects should exist, so that spire-controller-manager registers the helpers, and the Envoys of templates. */
import type { JsonObject } from '#kernel/json.ts';
import { helperContainer } from '../../sidecar/config/helper-contract.ts';
import { imageSelector } from '../identity/image-selector.ts';
import { proxyContainer } from '../proxy/proxy-plan.ts';
import { federationHash } from '../injection/registration-labels.ts';
import type { InjectorConfig } from '../request/injector-config.ts';
import {
  envoyLabel,
  federationLabel,
  injectedLabel,
  namespaceLabel,
} from '../request/metadata-keys.ts';
import { substituteText } from '../templates/substitute.ts';

export interface WantedClusterSpiffeId {
  readonly name: string;
  readonly spec: JsonObject;
}

export interface ClusterSpiffeIdFacts {
  readonly config: Pick<
    InjectorConfig,
    'entries' | 'envoy' | 'helper' | 'spiffeId' | 'trustDomain'
  >;
  /** Namespaces that are never touched, our own among them. */
  readonly ignoredNamespaces: ReadonlySet<string>;
  readonly federations: StoredFederations;
  /** Objects that there may be. */
  readonly maxObjects: number;
}

/** What the stored workloads and pods federate with, each sorted; equal ones may repeat. */
export interface StoredFederations {
  readonly all: readonly (readonly string[])[];
  /** Of those with an Envoy that a template brought, an empty one for those that federate with nobody. */
  readonly envoys: readonly (readonly string[])[];
}

export interface WantedClusterSpiffeIds {
  readonly objects: readonly WantedClusterSpiffeId[];
  /** How many sets of trust domains get no object, because there are too many. */
  readonly leftOut: number;
}

const baseNames = { helpers: 'svidecar-helpers', envoys: 'svidecar-envoys' } as const;
const namePattern = /^svidecar-(helpers|envoys|(envoys-)?federated-[0-9a-f]{32})$/;

/** Whether one could be ours by its name. */
export function isClusterSpiffeIdName(name: string): boolean {
  return namePattern.test(name);
}

/** One for helpers that federate with nobody, and one for each set of trust domains; the same for Envoys, where there are any. */
export function wantedClusterSpiffeIds(facts: ClusterSpiffeIdFacts): WantedClusterSpiffeIds {
  const sets = setsByHash(facts.federations.all);
  const envoySets = setsByHash(facts.federations.envoys);
  const common = commonSpec(facts);
  const objects = [helpersOf(common, facts, undefined)];
  if (facts.federations.envoys.some((each) => each.length === 0))
    objects.push(envoysOf(common, facts, undefined));
  let leftOut = 0;
  // The same ones, whoever asks.
  for (const [hash, trustDomains] of [...sets].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const federation = { hash, trustDomains };
    const more = [
      helpersOf(common, facts, federation),
      ...(envoySets.has(hash) ? [envoysOf(common, facts, federation)] : []),
    ];
    if (objects.length + more.length > facts.maxObjects) leftOut += 1;
    else objects.push(...more);
  }
  return { objects, leftOut };
}

/** Without those that federate with nobody. */
function setsByHash(
  federations: readonly (readonly string[])[],
): ReadonlyMap<string, readonly string[]> {
  return new Map(
    federations
      .filter((each) => each.length > 0)
      .map((each) => [federationHash(each), each] as const),
  );
}

interface Federation {
  readonly hash: string;
  readonly trustDomains: readonly string[];
}

function helpersOf(
  common: JsonObject,
  { config: { entries, helper } }: ClusterSpiffeIdFacts,
  federation: Federation | undefined,
): WantedClusterSpiffeId {
  const image = entries.selectImage ? helper.image : undefined;
  return {
    name: federation === undefined ? baseNames.helpers : `svidecar-federated-${federation.hash}`,
    spec: specOf(common, { container: helperContainer, image, labels: {} }, federation),
  };
}

function envoysOf(
  common: JsonObject,
  { config: { entries, envoy } }: ClusterSpiffeIdFacts,
  federation: Federation | undefined,
): WantedClusterSpiffeId {
  const image = entries.selectImage ? envoy.image : undefined;
  const labels = { [envoyLabel]: 'true' };
  return {
    name:
      federation === undefined ? baseNames.envoys : `svidecar-envoys-federated-${federation.hash}`,
    spec: specOf(common, { container: proxyContainer, image, labels }, federation),
  };
}

interface Selected {
  readonly container: string;
  /** Undefined: whatever it is. */
  readonly image: string | undefined;
  /** Of pods, besides the one that all injected ones have. */
  readonly labels: JsonObject;
}

function specOf(
  common: JsonObject,
  { container, image, labels }: Selected,
  federation: Federation | undefined,
): JsonObject {
  const injected = { [injectedLabel]: 'true', ...labels };
  const podSelector =
    federation === undefined
      ? {
          matchLabels: injected,
          matchExpressions: [{ key: federationLabel, operator: 'DoesNotExist' }],
        }
      : { matchLabels: { ...injected, [federationLabel]: federation.hash } };
  return {
    ...common,
    podSelector,
    workloadSelectorTemplates: [
      `k8s:ns:${ofPod.namespace}`,
      `k8s:sa:${ofPod.serviceAccount}`,
      `k8s:container-name:${container}`,
      ...(image === undefined ? [] : [imageSelector(image)]),
    ],
    ...(federation === undefined ? {} : { federatesWith: [...federation.trustDomains] }),
  };
}

/** What spire-controller-manager fills in for each pod, in Go's templates. */
const ofPod = {
  namespace: '{{ .PodMeta.Namespace }}',
  serviceAccount: '{{ .PodSpec.ServiceAccountName }}',
};

/** Entries have the UID of their pod as a selector too, so that labels of pods need not select. */
function commonSpec({ config, ignoredNamespaces }: ClusterSpiffeIdFacts): JsonObject {
  const { entries, spiffeId, trustDomain } = config;
  const { className, hint, jwtSvidTtlSeconds, x509SvidTtlSeconds } = entries;
  return {
    ...(className === '' ? {} : { className }),
    spiffeIDTemplate: substituteText(spiffeId, { ...ofPod, trustDomain }),
    namespaceSelector: {
      matchExpressions: [
        { key: namespaceLabel, operator: 'In', values: ['enabled', 'pod'] },
        {
          key: 'kubernetes.io/metadata.name',
          operator: 'NotIn',
          values: [...ignoredNamespaces].sort(),
        },
      ],
    },
    ...(x509SvidTtlSeconds === 0 ? {} : { ttl: `${x509SvidTtlSeconds}s` }),
    ...(jwtSvidTtlSeconds === 0 ? {} : { jwtTtl: `${jwtSvidTtlSeconds}s` }),
    ...(hint === '' ? {} : { hint }),
  };
}
