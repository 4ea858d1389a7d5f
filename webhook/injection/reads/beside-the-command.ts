/** Envoys that a pod starts beside the commands of its containers: the kubelet also runs hooks and probes. */
import { isObject, listAt, objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { helperContainer } from '../../../sidecar/config/helper-contract.ts';
import { onlyValidates, startedBy } from './envoy-command.ts';

const hooks = ['lifecycle.postStart', 'lifecycle.preStop'];
const handlers = [...hooks, 'livenessProbe', 'readinessProbe', 'startupProbe'];

/**
 * Sentences about what starts an Envoy of its own, or may; in the container of the Envoy that is patched also about hooks that cannot
 * be judged.
 */
export function startedByHandlers(spec: JsonObject, envoy: JsonObject): readonly string[] {
  return [...listAt(spec, 'containers'), ...listAt(spec, 'initContainers')]
    .filter(isObject)
    .filter((container) => container['name'] !== helperContainer)
    .flatMap((container) =>
      handlers.flatMap((handler) => sentence(container, handler, container === envoy)),
    );
}

function sentence(container: JsonObject, handler: string, isEnvoys: boolean): readonly string[] {
  const { command } = objectAt(handlerAt(container, handler), 'exec');
  if (command === undefined) return [];
  const { args: _args, ...around } = container;
  const started = startedBy({ ...around, command });
  const what = `container "${stringAt(container, 'name') ?? ''}": its ${handler}`;
  const otherwise = 'that one gets no filter: give it a container of its own';
  if (started.kind === 'envoy')
    return onlyValidates(started) ? [] : [`${what} starts an Envoy, and ${otherwise}`];
  if (started.kind === 'image' || started.starts === 'nothing') return [];
  // For other containers, and for probes, which end, only signs of an Envoy are reported.
  if (started.starts === 'anything' && !(isEnvoys && hooks.includes(handler))) return [];
  return [`${what} may start an Envoy (${started.why}), and ${otherwise}`];
}

function handlerAt(container: JsonObject, handler: string): JsonObject {
  return handler.split('.').reduce(objectAt, container);
}
