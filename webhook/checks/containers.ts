/** Containers of a pod's spec, as quotas, autoscalers and image checks see them. */
import { own } from '#kernel/members.ts';
import { isObject, listAt, objectAt, stringAt, type JsonObject } from '#kernel/json.ts';

/** Containers that run beside each other, and those that run before them. */
export function containersOf(spec: JsonObject): readonly JsonObject[] {
  return [...listAt(spec, 'initContainers'), ...listAt(spec, 'containers')].filter(isObject);
}

/** Containers that run as long as the pod does: native sidecars among them. */
export function lastingContainers(spec: JsonObject): readonly JsonObject[] {
  const sidecars = listAt(spec, 'initContainers')
    .filter(isObject)
    .filter((container) => container['restartPolicy'] === 'Always');
  return [...sidecars, ...listAt(spec, 'containers').filter(isObject)];
}

/** Text of a request or limit; a limit stands for a missing request, as the API server has it. */
export function amountText(
  container: JsonObject,
  list: 'requests' | 'limits',
  resource: string,
): string | undefined {
  const resources = objectAt(container, 'resources');
  const own = textOf(objectAt(resources, list), resource);
  if (own !== undefined || list === 'limits') return own;
  return textOf(objectAt(resources, 'limits'), resource);
}

export function textOf(object: JsonObject, key: string): string | undefined {
  const value = own(object, key);
  return typeof value === 'number' ? String(value) : stringAt(object, key);
}

export function containerName(container: JsonObject): string {
  return stringAt(container, 'name') ?? '';
}
