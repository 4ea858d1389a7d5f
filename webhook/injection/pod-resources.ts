/**
 * Resources of a whole pod (`spec.resources`, from Kubernetes 1.32 on): containers share them, so a sidecar
 * has none of its own there, or the sum would exceed what the pod was given.
 * @see Kubernetes validatePodResourceConsistency, AggregateContainerRequests
 */
import { own } from '#kernel/members.ts';
import { AppError } from '#kernel/errors.ts';
import { isObject, listAt, objectAt, type Json, type JsonObject } from '#kernel/json.ts';
import type { Settings } from '../request/read-annotations.ts';
import { annotationKey, type SettingKey } from '../request/metadata-keys.ts';
import { nanosOf } from '../request/quantity.ts';

const kinds = ['requests', 'limits'] as const;
type Kind = (typeof kinds)[number];

/** The annotation that sets an amount of the helper. */
function settingOf(kind: Kind, resource: string): string {
  return `${resource}-${kind === 'requests' ? 'request' : 'limit'}`;
}

/** Resources that are set for the pod as a whole. */
export function podLevelResources(spec: JsonObject): ReadonlySet<string> {
  const resources = objectAt(spec, 'resources');
  return new Set(kinds.flatMap((kind) => Object.keys(objectAt(resources, kind))));
}

/** The container without the resources that are set for the pod as a whole; those of an annotation stay. */
export function withoutPodLevel(
  container: JsonObject,
  shared: ReadonlySet<string>,
  settings: Settings,
): JsonObject {
  if (shared.size === 0) return container;
  const own = objectAt(container, 'resources');
  const left = kinds.map((kind): [Kind, JsonObject] => {
    const kept = Object.entries(objectAt(own, kind)).filter(
      ([resource]) => !shared.has(resource) || Object.hasOwn(settings, settingOf(kind, resource)),
    );
    return [kind, Object.fromEntries(kept)];
  });
  const { resources: _, ...rest } = container;
  const { requests: _requests, limits: _limits, ...others } = own;
  const filled = left.filter(([, amounts]) => Object.keys(amounts).length > 0);
  const resources = { ...others, ...Object.fromEntries(filled) };
  return Object.keys(resources).length === 0 ? rest : { ...rest, resources };
}

/** @throws {AppError} POD_UNFIT where a request exceeds its limit, in a container or in the pod as a whole */
export function refuseOverAmounts(spec: JsonObject, containers: readonly JsonObject[]): void {
  for (const container of containers) refuseOverLimit(container);
  for (const resource of podLevelResources(spec)) refuseOverPod(spec, resource);
}

function refuseOverLimit(container: JsonObject): void {
  const resources = objectAt(container, 'resources');
  const limits = objectAt(resources, 'limits');
  for (const [resource, request] of Object.entries(objectAt(resources, 'requests'))) {
    const least = nanosOf(request);
    const most = nanosOf(own(limits, resource));
    if (least === undefined || most === undefined || least <= most) continue;
    throw new AppError(
      'POD_UNFIT',
      `container "${nameOf(container)}" would have a request of ${shown(request)} ${resource} over its limit of ${shown(own(limits, resource))}: one of the two is its own in the pod, the other is completed; write both there (resources.requests.${resource} and resources.limits.${resource}), or set ${annotated(resource)}`,
      { facts: { container: nameOf(container) } },
    );
  }
}

function refuseOverPod(spec: JsonObject, resource: string): void {
  const given = objectAt(spec, 'resources');
  const most = nanosOf(own(objectAt(given, 'limits'), resource));
  const least = nanosOf(own(objectAt(given, 'requests'), resource));
  const sum = sumOfRequests(spec, resource);
  for (const [kind, bound] of [
    ['requests', least],
    ['limits', most],
  ] as const) {
    if (bound === undefined || sum <= bound) continue;
    throw unfit(
      `the containers request more ${resource} together than spec.resources.${kind}.${resource} (${shown(own(objectAt(given, kind), resource))}) gives the pod`,
      resource,
    );
  }
  const over = allContainers(spec).find((container) => {
    const limit = nanosOf(own(objectAt(objectAt(container, 'resources'), 'limits'), resource));
    return most !== undefined && limit !== undefined && limit > most;
  });
  if (over === undefined) return;
  throw unfit(
    `container "${nameOf(over)}" has a ${resource} limit over spec.resources.limits.${resource} (${shown(own(objectAt(given, 'limits'), resource))})`,
    resource,
  );
}

function unfit(what: string, resource: string): AppError {
  return new AppError(
    'POD_UNFIT',
    `${what}; raise it there, or take away ${annotated(resource)}, so that the helper shares what the pod has`,
  );
}

function annotated(resource: string): string {
  const keys: readonly SettingKey[] =
    resource === 'cpu' ? ['cpu-request', 'cpu-limit'] : ['memory-request', 'memory-limit'];
  return keys.map(annotationKey).join(' and ');
}

/** What the API server adds up: the containers that run together at the peak. */
function sumOfRequests(spec: JsonObject, resource: string): bigint {
  let sidecars = 0n;
  let most = 0n;
  for (const container of listAt(spec, 'initContainers').filter(isObject)) {
    const request = requestOf(container, resource);
    if (container['restartPolicy'] === 'Always') sidecars += request;
    most = bigger(most, sidecars + (container['restartPolicy'] === 'Always' ? 0n : request));
  }
  const apps = listAt(spec, 'containers')
    .filter(isObject)
    .reduce((sum, container) => sum + requestOf(container, resource), 0n);
  return bigger(most, apps + sidecars);
}

/** A limit stands for a missing request, as the API server has it. */
function requestOf(container: JsonObject, resource: string): bigint {
  const resources = objectAt(container, 'resources');
  const requests = objectAt(resources, 'requests');
  const limits = objectAt(resources, 'limits');
  return nanosOf(own(requests, resource) ?? own(limits, resource)) ?? 0n;
}

function bigger(left: bigint, right: bigint): bigint {
  return left > right ? left : right;
}

function allContainers(spec: JsonObject): readonly JsonObject[] {
  return [...listAt(spec, 'initContainers'), ...listAt(spec, 'containers')].filter(isObject);
}

function nameOf(container: JsonObject): string {
  return typeof container['name'] === 'string' ? container['name'] : '';
}

/** An amount as written; an invalid one is not shown. */
function shown(value: Json | undefined): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value).slice(0, 50) : '?';
}
