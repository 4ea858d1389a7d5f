/** What makes Istio ask the helpers, by Istio's own API alone: an extension provider, an address for it, and a policy a workload. */
import { helperPort } from '../../sidecar/config/helper-contract.ts';
import { objectAt, type JsonObject } from '#kernel/json.ts';
import { own } from '#kernel/members.ts';
import { nameOf } from '../admission/decide.ts';
import { helperEntry, helperHost, providerName, providerTemplate } from '../istio/provider.ts';
import { decideAll, ownNamespace, type DecidedWorkload, type DecideOptions } from './decide-all.ts';
import { refusals } from './inject-texts.ts';
import type { InputProblem } from './input-problem.ts';
import { faultsIn, type ManifestDocument } from './manifest.ts';
import { onTheNodesNetwork } from './on-the-nodes-network.ts';
import { podLabelsOf } from './pod-labels.ts';
import { policyName } from './policy-name.ts';
import { withoutPolicyByKind } from './without-policy-by-kind.ts';

export interface IstioPolicies {
  /** The address that the provider names, then the policies; empty without a workload. */
  readonly objects: readonly JsonObject[];
  /** Sentences: workloads without a policy, and why. */
  readonly warnings: readonly string[];
  readonly problems: readonly InputProblem[];
}

/**
 * The part of Istio's mesh configuration, as values of its chart have it.
 * @see istio.mesh.v1alpha1.MeshConfig.ExtensionProvider
 */
export function extensionProvider(istioNamespace: string): JsonObject {
  const envoyExtAuthzGrpc = {
    service: `${istioNamespace}/${helperHost}`,
    port: helperPort,
    timeout: '5s',
    failOpen: false,
    statusOnError: '503',
  };
  return { meshConfig: { extensionProviders: [{ name: providerName, envoyExtAuthzGrpc }] } };
}

/** @param istioNamespace Istio's root namespace, whose objects hold for the whole mesh */
export function istioPoliciesFor(
  documents: readonly ManifestDocument[],
  options: DecideOptions & { readonly istioNamespace: string },
): IstioPolicies {
  const outcomes = decideAll(documents, options);
  const asking = outcomes.filter(isAsking);
  const policies = asking.flatMap(policyFor);
  return {
    objects: policies.length === 0 ? [] : [helperAddress(options.istioNamespace), ...policies],
    warnings: [
      ...asking.flatMap(withoutLabels),
      ...asking.flatMap((one) => selectedBesides(one, outcomes)),
      ...asking.flatMap((one) => inTheRoot(one, options.istioNamespace)),
      ...outcomes.flatMap((one) => onTheNodesNetwork(one, providerTemplate, policyKind)),
      ...outcomes.flatMap(filteredAnyway),
      ...withoutPolicyByKind(documents, options.namespace, providerTemplate),
    ],
    problems: [...faultsIn(documents), ...refusals(outcomes)],
  };
}

function templatesOf({ decision }: DecidedWorkload): readonly string[] {
  return 'status' in decision ? decision.status.templates : [];
}

function isAsking(outcome: DecidedWorkload): boolean {
  return templatesOf(outcome).includes(providerTemplate);
}

/** Each pod's own loopback, so that each proxy asks the helper beside it. @see istio.networking.v1.ServiceEntry */
function helperAddress(namespace: string): JsonObject {
  return {
    apiVersion: 'networking.istio.io/v1',
    kind: 'ServiceEntry',
    metadata: { name: helperEntry, namespace },
    spec: {
      hosts: [helperHost],
      exportTo: ['*'],
      location: 'MESH_EXTERNAL',
      ports: [{ number: helperPort, name: 'grpc', protocol: 'GRPC' }],
      resolution: 'STATIC',
      endpoints: [{ address: '127.0.0.1' }],
    },
  };
}

const policyKind = 'AuthorizationPolicy';

/** About every request: paths without a token are the helper's affair. @see istio.security.v1.AuthorizationPolicy */
function policyFor(outcome: DecidedWorkload): readonly JsonObject[] {
  const { located, object } = outcome;
  const matchLabels = podLabelsOf(located);
  // Without a selector it would hold for the whole namespace.
  if (Object.keys(matchLabels).length === 0) return [];
  const namespace = ownNamespace(object.value);
  return [
    {
      apiVersion: 'security.istio.io/v1',
      kind: policyKind,
      metadata: {
        name: policyName(located, 'jwt-svid'),
        ...(namespace === undefined ? {} : { namespace }),
      },
      spec: {
        selector: { matchLabels },
        action: 'CUSTOM',
        provider: { name: providerName },
        rules: [{}],
      },
    },
  ];
}

function withoutLabels(outcome: DecidedWorkload): readonly string[] {
  return policyFor(outcome).length > 0
    ? []
    : [
        `${nameOf(outcome.located)}: its pods have no labels that an AuthorizationPolicy could select, so nothing asks its helper; add some to the pod template`,
      ];
}

/** Workloads that the policy selects, too, and whose pods nobody could answer for. */
function selectedBesides(
  asking: DecidedWorkload,
  outcomes: readonly DecidedWorkload[],
): readonly string[] {
  const { located } = asking;
  if (policyFor(asking).length === 0) return [];
  const wanted = Object.entries(podLabelsOf(located));
  return outcomes
    .filter((other) => !isAsking(other) && other.located.namespace === located.namespace)
    .filter((other) => {
      const labels = objectAt(objectAt(other.located.template, 'metadata'), 'labels');
      return wanted.every(([key, value]) => own(labels, key) === value);
    })
    .map(
      (other) =>
        `${nameOf(other.located)}: the policy of ${nameOf(located)} selects its pods as well, and no helper there answers Istio, so all their requests would be refused; give the pods of one of the two a label that the other's lack, in its selector too`,
    );
}

/** What stands in Istio's root namespace holds in all others. */
function inTheRoot(asking: DecidedWorkload, istioNamespace: string): readonly string[] {
  const { located } = asking;
  return located.namespace === istioNamespace && policyFor(asking).length > 0
    ? [
        `${nameOf(located)}: ${istioNamespace} is Istio's root namespace, where a policy holds for the whole mesh: pods of these labels in any namespace would be asked about, and those without a helper refuse all; move the workload to a namespace of its own, or give it labels that nothing else has`,
      ]
    : [];
}

function filteredAnyway(outcome: DecidedWorkload): readonly string[] {
  return templatesOf(outcome).includes('jwt-validate')
    ? [
        `${nameOf(outcome.located)}: jwt-validate puts its own filter into Envoy and needs no policy; for Istio's own API alone ask for ${providerTemplate} in its place`,
      ]
    : [];
}
