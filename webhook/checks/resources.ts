/** Quotas, limit ranges and autoscalers against the pods as they are after injection. */
import { isObject, listAt, objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { helperContainer } from '../../sidecar/config/helper-contract.ts';
import { amountOf } from '../request/quantity.ts';
import type { Assessed } from './assess.ts';
import {
  amountText,
  containerName,
  containersOf,
  lastingContainers,
  textOf,
} from './containers.ts';
import { found, type Check, type Finding, type Material } from './check-contract.ts';
import { nameOf, namespaceOf, type Subject } from './facts.ts';

export const resourceLimits: Check = {
  id: 'resource_limits',
  category: 'namespaces',
  claim: 'quotas and limit ranges admit the pods with their helper',
  why: 'A quota on limits refuses each pod of which one container has none, and a limit range each container outside its bounds.',
  offline: true,
  reads: ['quotas', 'limitRanges', 'workloads', 'pods'],
  run: (material) => {
    const asking = onlyTemplates(material);
    return found([
      ...asking.flatMap((each) => quotaFaults(each, material)),
      ...asking.flatMap((each) => rangeFaults(each, material)),
    ]);
  },
};

/** Pods that run were admitted. */
function onlyTemplates({ assessed, facts }: Material): readonly Assessed[] {
  return assessed.filter(
    ({ asks, where, decision }) =>
      asks && decision.kind !== 'refused' && (where.kind !== 'Pod' || facts.origin === 'files'),
  );
}

/** Names in a quota's `hard` that require an amount from each container: `limits.cpu`, `requests.memory`, `cpu`. */
function demandOf(
  name: string,
): { readonly list: 'requests' | 'limits'; readonly resource: string } | undefined {
  const [, list, resource] = /^(?:(limits|requests)\.)?(cpu|memory)$/.exec(name) ?? [];
  if (resource === undefined) return undefined;
  return { list: list === 'limits' ? 'limits' : 'requests', resource };
}

function quotaFaults(each: Assessed, { facts, objects }: Material): readonly Finding[] {
  const { namespace } = each.where;
  const isHere = ({ object }: Subject): boolean => namespaceOf(object, facts) === namespace;
  const defaults = objects('limitRanges').filter(isHere).flatMap(limitsOf);
  return (
    objects('quotas')
      .filter(isHere)
      // A quota with scopes counts some pods only; which ones, the API server decides.
      .filter(({ object }) => !('scopes' in objectAt(object, 'spec')))
      .flatMap(({ object }): readonly Finding[] => {
        const hard = Object.keys(objectAt(objectAt(object, 'spec'), 'hard'));
        const lacking = hard.flatMap((name) => {
          const demand = demandOf(name);
          if (demand === undefined || hasDefault(defaults, demand)) return [];
          return containersOf(each.spec)
            .filter(
              (container) => amountText(container, demand.list, demand.resource) === undefined,
            )
            .map(
              (container) => `${demand.list}.${demand.resource} of "${containerName(container)}"`,
            );
        });
        if (lacking.length === 0) return [];
        return [
          {
            severity: 'error',
            where: each.where,
            message: `ResourceQuota ${nameOf(object)} wants every container to have what these lack: ${lacking.join(', ')}`,
            hint: 'set resources on those containers, or give the namespace a LimitRange with defaults',
          },
        ];
      })
  );
}

function limitsOf({ object }: Subject): readonly JsonObject[] {
  return listAt(objectAt(object, 'spec'), 'limits')
    .filter(isObject)
    .filter((limit) => stringAt(limit, 'type') === 'Container');
}

function hasDefault(
  limits: readonly JsonObject[],
  { list, resource }: { readonly list: string; readonly resource: string },
): boolean {
  const keys = list === 'limits' ? ['default'] : ['defaultRequest', 'default'];
  return limits.some((limit) =>
    keys.some((key) => textOf(objectAt(limit, key), resource) !== undefined),
  );
}

/** Only the helper is checked: the user's own containers were there before. */
function rangeFaults(each: Assessed, { facts, objects }: Material): readonly Finding[] {
  const helper = containersOf(each.spec).find(
    (container) => containerName(container) === helperContainer,
  );
  if (helper === undefined) return [];
  return objects('limitRanges')
    .filter(({ object }) => namespaceOf(object, facts) === each.where.namespace)
    .flatMap((range) =>
      limitsOf(range).flatMap((limit) =>
        (['cpu', 'memory'] as const).flatMap((resource): readonly Finding[] => {
          const fault = boundFault(helper, limit, resource);
          if (fault === undefined) return [];
          return [
            {
              severity: 'error',
              where: each.where,
              message: `LimitRange ${nameOf(range.object)}: ${fault}`,
              hint: `set svidecar.dev/${resource}-request and svidecar.dev/${resource}-limit within its bounds`,
            },
          ];
        }),
      ),
    );
}

function boundFault(
  helper: JsonObject,
  limit: JsonObject,
  resource: 'cpu' | 'memory',
): string | undefined {
  const max = boundOf(limit, 'max', resource);
  const min = boundOf(limit, 'min', resource);
  const most = amountText(helper, 'limits', resource) ?? '';
  const least = amountText(helper, 'requests', resource) ?? '';
  if (isAbove(most, max))
    return `the helper's ${resource} limit ${most} is above its maximum ${max}`;
  if (isAbove(min, least))
    return `the helper's ${resource} request ${least} is below its minimum ${min}`;
  return undefined;
}

function boundOf(limit: JsonObject, bound: 'max' | 'min', resource: string): string {
  return textOf(objectAt(limit, bound), resource) ?? '';
}

/** False where one of them is not a quantity. */
function isAbove(left: string, right: string): boolean {
  return amountOf(left) > amountOf(right);
}

export const autoscaling: Check = {
  id: 'autoscaling',
  category: 'workloads',
  claim: 'autoscalers find the resource requests they need in every container',
  why: 'With a utilization target, one container without a request stops the scaling of the whole workload.',
  offline: true,
  reads: ['autoscalers', 'workloads'],
  run: ({ facts, objects, assessed }) =>
    found(
      objects('autoscalers').flatMap((subject): readonly Finding[] => {
        const target = objectAt(objectAt(subject.object, 'spec'), 'scaleTargetRef');
        const namespace = namespaceOf(subject.object, facts);
        const scaled = assessed.find(
          ({ asks, where }) =>
            asks &&
            where.kind === target['kind'] &&
            where.name === target['name'] &&
            where.namespace === namespace,
        );
        if (scaled === undefined) return [];
        const lacking = utilizationResources(subject.object).flatMap((resource) =>
          lastingContainers(scaled.spec)
            .filter((container) => amountText(container, 'requests', resource) === undefined)
            .map((container) => `${resource} of "${containerName(container)}"`),
        );
        if (lacking.length === 0) return [];
        return [
          {
            severity: 'warning',
            where: scaled.where,
            message: `HorizontalPodAutoscaler ${nameOf(subject.object)} reckons with requests that are missing: ${lacking.join(', ')}`,
            hint: 'set those requests, or let the autoscaler look at one container (ContainerResource)',
          },
        ];
      }),
    ),
};

/** @see autoscaling/v2 MetricSpec */
function utilizationResources(autoscaler: JsonObject): readonly string[] {
  return listAt(objectAt(autoscaler, 'spec'), 'metrics')
    .filter(isObject)
    .map((metric) => objectAt(metric, 'resource'))
    .filter((metric) => stringAt(objectAt(metric, 'target'), 'type') === 'Utilization')
    .flatMap((metric) => stringAt(metric, 'name') ?? []);
}
