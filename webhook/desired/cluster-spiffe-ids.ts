/** Which ClusterSPIFFEID objects should exist, so that spire-controller-manager registers the helpers. */
import type { JsonObject } from '#kernel/json.ts';
import { helperContainer } from '../../sidecar/config/helper-contract.ts';
import { imageSelector } from '../identity/image-selector.ts';
import { federationHash } from '../injection/federation-label.ts';
import type { InjectorConfig } from '../request/injector-config.ts';
import { federationLabel, injectedLabel, namespaceLabel } from '../request/metadata-keys.ts';
import { substituteText } from '../templates/substitute.ts';

export interface WantedClusterSpiffeId {
  readonly name: string;
  readonly spec: JsonObject;
}

export interface ClusterSpiffeIdFacts {
  readonly config: Pick<InjectorConfig, 'entries' | 'helper' | 'spiffeId' | 'trustDomain'>;
  /** Namespaces that are never touched, our own among them. */
  readonly ignoredNamespaces: ReadonlySet<string>;
  /** What the stored workloads and pods federate with, each sorted; equal ones may repeat. */
  readonly federations: readonly (readonly string[])[];
  /** Objects that there may be. */
  readonly maxObjects: number;
}

export interface WantedClusterSpiffeIds {
  readonly objects: readonly WantedClusterSpiffeId[];
  /** How many sets of trust domains get no object, because there are too many. */
  readonly leftOut: number;
}

const baseName = 'svidecar-helpers';
const namePattern = /^svidecar-(helpers|federated-[0-9a-f]{32})$/;

/** Whether one could be ours by its name. */
export function isClusterSpiffeIdName(name: string): boolean {
  return namePattern.test(name);
}

/** One for helpers that federate with nobody, and one for each set of trust domains. */
export function wantedClusterSpiffeIds(facts: ClusterSpiffeIdFacts): WantedClusterSpiffeIds {
  const sets = new Map(
    facts.federations
      .filter((each) => each.length > 0)
      .map((each) => [federationHash(each), each] as const),
  );
  // The same ones, whoever asks.
  const hashes = [...sets.keys()].sort().slice(0, Math.max(0, facts.maxObjects - 1));
  const common = commonSpec(facts);
  const none = {
    matchLabels: { [injectedLabel]: 'true' },
    matchExpressions: [{ key: federationLabel, operator: 'DoesNotExist' }],
  };
  return {
    objects: [
      { name: baseName, spec: { ...common, podSelector: none } },
      ...hashes.map((hash) => ({
        name: `svidecar-federated-${hash}`,
        spec: {
          ...common,
          podSelector: { matchLabels: { [injectedLabel]: 'true', [federationLabel]: hash } },
          federatesWith: [...(sets.get(hash) ?? [])],
        },
      })),
    ],
    leftOut: sets.size - hashes.length,
  };
}

/** What spire-controller-manager fills in for each pod, in Go's templates. */
const ofPod = {
  namespace: '{{ .PodMeta.Namespace }}',
  serviceAccount: '{{ .PodSpec.ServiceAccountName }}',
};

/** Entries have the UID of their pod as a selector too, so that labels of pods need not select. */
function commonSpec({ config, ignoredNamespaces }: ClusterSpiffeIdFacts): JsonObject {
  const { entries, helper, spiffeId, trustDomain } = config;
  const { className, hint, jwtSvidTtlSeconds, selectImage, x509SvidTtlSeconds } = entries;
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
    workloadSelectorTemplates: [
      `k8s:ns:${ofPod.namespace}`,
      `k8s:sa:${ofPod.serviceAccount}`,
      `k8s:container-name:${helperContainer}`,
      ...(selectImage ? [imageSelector(helper.image)] : []),
    ],
    ...(x509SvidTtlSeconds === 0 ? {} : { ttl: `${x509SvidTtlSeconds}s` }),
    ...(jwtSvidTtlSeconds === 0 ? {} : { jwtTtl: `${jwtSvidTtlSeconds}s` }),
    ...(hint === '' ? {} : { hint }),
  };
}
