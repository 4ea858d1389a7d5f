/** Services that lead to the app's own port, past an Envoy that svidecar brings. */
import { isObject, listAt, objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { isMatched } from '../objects/label-selector.ts';
import { inboundName, type InboundPort } from '../proxy/proxy-plan.ts';
import { toldOnce } from './annotations.ts';
import type { Assessed } from './assess.ts';
import type { Check, Finding } from './check-contract.ts';
import { lastingContainers } from './containers.ts';
import { namespaceOf } from './facts.ts';

export const serviceTarget: Check = {
  id: 'service_target',
  category: 'workloads',
  claim: 'no Service leads past an injected Envoy to the app itself',
  why: 'Whoever calls such a Service needs no certificate and no token; or finds nobody, where the app listens on 127.0.0.1 alone.',
  offline: true,
  reads: ['workloads', 'pods', 'podServices'],
  run: ({ facts, assessed, objects }) => {
    const services = Map.groupBy(
      objects('podServices').map(({ object }) => object),
      (service) => namespaceOf(service, facts),
    );
    return toldOnce(
      assessed.flatMap((each) => findingsOf(each, services.get(each.where.namespace) ?? [])),
    );
  },
};

function findingsOf(
  { decision, located, where, spec }: Assessed,
  services: readonly JsonObject[],
): readonly Finding[] {
  const proxy = 'status' in decision ? decision.status.envoy?.proxy : undefined;
  if (proxy === undefined) return [];
  const labels = objectAt(objectAt(located.template, 'metadata'), 'labels');
  return waysPast(services, { labels, spec, inbound: proxy.inbound }).map((message) => ({
    severity: 'error',
    where,
    message,
    hint: 'change the targetPort of the Service',
  }));
}

/** Those of a Service that stand for a pod template. */
export interface PodsBehind {
  readonly labels: JsonObject;
  readonly spec: JsonObject;
  readonly inbound: readonly InboundPort[];
}

/** Sentences, one for each port of a Service. @param services of the pods' namespace */
export function waysPast(services: readonly JsonObject[], pods: PodsBehind): readonly string[] {
  return services
    .filter((service) => selects(objectAt(objectAt(service, 'spec'), 'selector'), pods.labels))
    .flatMap((service) =>
      listAt(objectAt(service, 'spec'), 'ports')
        .filter(isObject)
        .flatMap((port) => pastOf(port, pods))
        .map(({ app, listen }) => {
          const name = stringAt(objectAt(service, 'metadata'), 'name') ?? '';
          return `Service ${name} leads to the app's port ${app}, past Envoy; set its targetPort to ${listen} (or ${inboundName(listen)})`;
        }),
    );
}

/** A Service without a selector has no pods of ours. */
function selects(selector: JsonObject, labels: JsonObject): boolean {
  return Object.keys(selector).length > 0 && isMatched({ matchLabels: selector }, labels);
}

/** @param port of a Service; its target may be the name of a container's port */
function pastOf(port: JsonObject, { spec, inbound }: PodsBehind): readonly InboundPort[] {
  if ((port['protocol'] ?? 'TCP') !== 'TCP') return [];
  const target = port['targetPort'] ?? port['port'];
  const number = typeof target === 'string' ? portNamed(target, spec) : target;
  return inbound.filter(({ app }) => app === number);
}

/** As the API server finds it: the first one, and those of native sidecars last. */
function portNamed(name: string, spec: JsonObject): unknown {
  const sidecars = new Set(listAt(spec, 'initContainers').filter(isObject));
  return lastingContainers(spec)
    .toSorted((a, b) => Number(sidecars.has(a)) - Number(sidecars.has(b)))
    .flatMap((container) => listAt(container, 'ports'))
    .filter(isObject)
    .find((port) => port['name'] === name && (port['protocol'] ?? 'TCP') === 'TCP')?.[
    'containerPort'
  ];
}
