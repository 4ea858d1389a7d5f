/** What shuts the way past an Envoy that svidecar brings: a NetworkPolicy that opens its ports alone, and Services that lead past it. */
import { healthPort } from '../../sidecar/config/helper-contract.ts';
import { objectAt, type JsonObject } from '#kernel/json.ts';
import { waysPast } from '../checks/past-envoy.ts';
import { proxyPorts, type ProxyPlan } from '../proxy/proxy-plan.ts';
import { decideAll, ownNamespace, type DecideOptions, type DecidedWorkload } from './decide-all.ts';
import { nameOf } from '../admission/decide.ts';
import { refusals } from './inject-texts.ts';
import type { InputProblem } from './input-problem.ts';
import { faultsIn, type ManifestDocument } from './manifest.ts';
import { onTheNodesNetwork } from './on-the-nodes-network.ts';
import { podLabelsOf } from './pod-labels.ts';
import { policyName } from './policy-name.ts';
import { withoutPolicyByKind } from './without-policy-by-kind.ts';

export interface NetworkPolicies {
  readonly policies: readonly JsonObject[];
  /** Sentences: what else leads past Envoy, or has no policy. */
  readonly warnings: readonly string[];
  readonly problems: readonly InputProblem[];
}

interface Guarded extends DecidedWorkload {
  readonly proxy: ProxyPlan;
  readonly hasHelper: boolean;
}

export function networkPoliciesFor(
  documents: readonly ManifestDocument[],
  options: DecideOptions,
): NetworkPolicies {
  const outcomes = decideAll(documents, options);
  const guarded = outcomes.flatMap(guardedBy);
  const policies = guarded.flatMap(policyOf);
  const services = documents.flatMap(({ objects }) => objects.map(({ value }) => value));
  return {
    policies,
    warnings: [
      ...outcomes.flatMap(withoutPolicy),
      ...guarded.filter((one) => policyOf(one).length === 0).map(withoutLabels),
      ...withoutPolicyByKind(documents, options.namespace, 'envoy'),
      ...guarded.flatMap((one) => leadPast(one, services, options.namespace)),
    ],
    problems: [...faultsIn(documents), ...refusals(outcomes)],
  };
}

function guardedBy(outcome: DecidedWorkload): readonly Guarded[] {
  const { decision } = outcome;
  const status = 'status' in decision ? decision.status : undefined;
  const proxy = status?.envoy?.proxy;
  if (proxy === undefined || proxy.inbound.length === 0) return [];
  return [{ ...outcome, proxy, hasHelper: status?.helper !== undefined }];
}

function policyOf(guarded: Guarded): readonly JsonObject[] {
  const { located, object, proxy, hasHelper } = guarded;
  const matchLabels = podLabelsOf(located);
  // An empty selector would shut the whole namespace.
  if (Object.keys(matchLabels).length === 0) return [];
  const open = [
    ...proxy.inbound.map(({ listen }) => listen),
    proxyPorts.health,
    ...(hasHelper ? [healthPort] : []),
  ];
  const namespace = ownNamespace(object.value);
  return [
    {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'NetworkPolicy',
      metadata: {
        name: policyName(located, 'envoy'),
        ...(namespace === undefined ? {} : { namespace }),
      },
      spec: {
        podSelector: { matchLabels },
        policyTypes: ['Ingress'],
        ingress: [{ ports: open.map((port) => ({ protocol: 'TCP', port })) }],
      },
    },
  ];
}

/** Workloads that ask for an Envoy, and have nothing to shut. */
function withoutPolicy(outcome: DecidedWorkload): readonly string[] {
  const { located, decision } = outcome;
  const proxy = 'status' in decision ? decision.status.envoy?.proxy : undefined;
  if (proxy?.inbound.length === 0)
    return [
      `${nameOf(located)}: nobody comes in through its Envoy, so no policy is printed for it`,
    ];
  return onTheNodesNetwork(outcome, 'envoy', 'NetworkPolicy');
}

function withoutLabels({ located }: Guarded): string {
  return `${nameOf(located)}: its pods have no labels that a NetworkPolicy could select; add some to the pod template`;
}

/** Services of its pods whose target is the app's own port. */
function leadPast(
  { located, proxy }: Guarded,
  objects: readonly JsonObject[],
  defaultNamespace: string,
): readonly string[] {
  const services = objects
    .filter((object) => object['kind'] === 'Service' && object['apiVersion'] === 'v1')
    .filter((object) => (ownNamespace(object) ?? defaultNamespace) === located.namespace);
  const labels = objectAt(objectAt(located.template, 'metadata'), 'labels');
  const spec = objectAt(located.template, 'spec');
  return waysPast(services, { labels, spec, inbound: proxy.inbound }).map(
    (sentence) => `${nameOf(located)}: ${sentence}`,
  );
}
