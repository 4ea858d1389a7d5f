/** What serves the hooks: Service, endpoints, replicas, configuration. */
import { own } from '#kernel/members.ts';
import { isObject, listAt, objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import type { Engine } from '../injection/inject.ts';
import {
  deprecatedInConfiguration,
  deprecations,
  deprecationWords,
} from '../request/deprecations.ts';
import { found, skipped, type Check, type Finding } from './check-contract.ts';
import { metadataOf, nameOf, whereOf, type Subject, type Where } from './facts.ts';
import { named, serviceNames } from './inspected-hooks.ts';

const outside =
  'the hooks call an address instead of a Service, so svidecar runs outside this cluster';

export const webhookService: Check = {
  id: 'webhook_service',
  category: 'webhook',
  claim: 'the Service of the hooks is there and leads to a replica that is ready',
  why: 'Without an endpoint the API server reaches nobody, and pods that ask for injection are refused.',
  offline: false,
  reads: ['hooks', 'services', 'endpointSlices'],
  run: ({ facts, objects }) => {
    const names = serviceNames(objects('hooks'), facts.ownNamespace);
    if (names.length === 0) return skipped(outside);
    return found(
      names.flatMap((name): readonly Finding[] => {
        const service = named(objects('services'), name);
        const where = { kind: 'Service', namespace: facts.ownNamespace, name };
        const finding = (message: string, hint: string): readonly Finding[] => [
          { severity: 'error', where, message, hint },
        ];
        if (service === undefined)
          return finding(
            'the hooks call this Service, and it is not there',
            'apply the manifests again',
          );
        if (endpointsOf(objects('endpointSlices'), name).length > 0) return [];
        return finding(
          'no replica behind it is ready',
          `kubectl get pods -n ${facts.ownNamespace}; kubectl logs -n ${facts.ownNamespace} -l app.kubernetes.io/name=svidecar says what a replica waits for`,
        );
      }),
    );
  },
};

function isOfService({ object }: Subject, name: string): boolean {
  return stringAt(objectAt(metadataOf(object), 'labels'), 'kubernetes.io/service-name') === name;
}

/** @see discovery/v1 EndpointConditions: no `ready` means ready */
function isReady(endpoint: JsonObject): boolean {
  return objectAt(endpoint, 'conditions')['ready'] !== false;
}

export interface Endpoint {
  readonly pod: string;
  readonly port: number;
}

/** Pods behind a Service that are ready, with the port they serve on. */
export function endpointsOf(slices: readonly Subject[], service: string): readonly Endpoint[] {
  return slices
    .filter((slice) => isOfService(slice, service))
    .flatMap(({ object }) => {
      const [port] = listAt(object, 'ports')
        .filter(isObject)
        .flatMap((each) => numberAt(each, 'port') ?? []);
      if (port === undefined) return [];
      return listAt(object, 'endpoints')
        .filter(isObject)
        .filter(isReady)
        .flatMap((each) => stringAt(objectAt(each, 'targetRef'), 'name') ?? [])
        .map((pod) => ({ pod, port }));
    });
}

/** Deployments whose pods a Service of the hooks selects. */
export function webhookDeployments(
  services: readonly Subject[],
  deployments: readonly Subject[],
): readonly Subject[] {
  const selectors = services
    .map(({ object }) => Object.entries(objectAt(objectAt(object, 'spec'), 'selector')))
    .filter((selector) => selector.length > 0);
  return deployments.filter(({ object }) => {
    const template = objectAt(objectAt(object, 'spec'), 'template');
    const labels = objectAt(objectAt(template, 'metadata'), 'labels');
    return selectors.some((selector) =>
      selector.every(([key, value]) => own(labels, key) === value),
    );
  });
}

export const webhookReplicas: Check = {
  id: 'webhook_replicas',
  category: 'webhook',
  claim: 'at least two replicas of svidecar run, and all of them are ready',
  why: 'While no replica answers, pods that ask for injection cannot start: one must stay when a node is drained.',
  offline: false,
  reads: ['hooks', 'services', 'deployments'],
  run: ({ facts, objects }) => {
    const names = serviceNames(objects('hooks'), facts.ownNamespace);
    if (names.length === 0) return skipped(outside);
    const services = objects('services').filter(({ object }) => names.includes(nameOf(object)));
    const deployments = webhookDeployments(services, objects('deployments'));
    if (deployments.length === 0) return skipped('no Deployment has the pods of the Service');
    return found(deployments.flatMap(replicaFaults));
  },
};

function replicaFaults(deployment: Subject): readonly Finding[] {
  const { object } = deployment;
  const wanted = numberAt(objectAt(object, 'spec'), 'replicas') ?? 1;
  const ready = numberAt(objectAt(object, 'status'), 'readyReplicas') ?? 0;
  const namespace = stringAt(metadataOf(object), 'namespace') ?? '';
  const where = whereOf(deployment, namespace);
  const look = `kubectl describe deployment/${where.name} -n ${namespace}`;
  if (ready === 0)
    return [
      { severity: 'error', where, message: `none of ${wanted} replicas is ready`, hint: look },
    ];
  if (ready < wanted)
    return [
      {
        severity: 'warning',
        where,
        message: `${ready} of ${wanted} replicas are ready`,
        hint: look,
      },
    ];
  if (wanted >= 2) return [];
  return [
    {
      severity: 'warning',
      where,
      message: 'it has one replica, so every restart of it is an outage',
      hint: `kubectl scale deployment/${where.name} -n ${namespace} --replicas=2, and in the manifests`,
    },
  ];
}

export function numberAt(object: JsonObject, key: string): number | undefined {
  const value = own(object, key);
  return typeof value === 'number' ? value : undefined;
}

export const configuration: Check = {
  id: 'configuration',
  category: 'webhook',
  claim: "the injector's configuration is valid",
  why: 'A running webhook goes on with the last good one; a restarted one does not start.',
  offline: false,
  reads: [],
  run: ({ facts: { configuration: answer, engine } }) => {
    if (answer.kind === 'not_asked') return skipped(answer.reason);
    if (answer.kind === 'unknown') return { findings: [], unread: [answer.reason] };
    const { where, fault } = answer.value;
    if (fault === undefined) return found(deprecatedFields(engine, where));
    return found([
      { severity: 'error', where, message: fault, hint: 'correct it: docs/configuration.md' },
    ]);
  },
};

function deprecatedFields(engine: Engine, where: Where): readonly Finding[] {
  const all = engine.deprecations ?? deprecations;
  return deprecatedInConfiguration(engine.config, all).map((each) => ({
    severity: 'warning',
    where,
    message: deprecationWords(each),
    hint: 'change it before the upgrade to the version that refuses it: docs/upgrade.md',
  }));
}
