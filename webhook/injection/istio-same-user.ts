/** Containers that run as Istio's proxy does, by which Istio takes their requests for the proxy's own. */
import { isObject, listAt, objectAt, stringAt, type Json, type JsonObject } from '#kernel/json.ts';
import { helperContainer } from '../../sidecar/config/helper-contract.ts';
import { shortList } from '../envoy/short-list.ts';
import { istioContainer } from '../istio/istio-plan.ts';
import { initContainer, uncapturedIds, validationContainer } from './istio-ports.ts';

/** Of Istio and of svidecar: they send no requests of the app's. */
const others: readonly string[] = [
  helperContainer,
  istioContainer,
  initContainer,
  validationContainer,
];

/** Sentences. An image's own user cannot be seen here. */
export function sameUser(template: JsonObject): readonly string[] {
  const { users, groups } = uncapturedIds(template);
  return [
    ...sentence(namesWith(template, 'runAsUser', users), `user ${users}`, 'runAsUser'),
    ...sentence(namesWith(template, 'runAsGroup', groups), `group ${groups}`, 'runAsGroup'),
  ];
}

type IdKey = 'runAsUser' | 'runAsGroup';

function sentence(names: readonly string[], who: string, key: IdKey): readonly string[] {
  if (names.length === 0) return [];
  const they = names.length === 1 ? ['container', 'runs'] : ['containers', 'run'];
  return [
    `${they[0]} ${shortList(names)} ${they[1]} as ${who}, as Istio's proxy does: Istio leads none of their requests to Envoy, so these carry no token, and have no mTLS; choose another (securityContext.${key})`,
  ];
}

/** A container's own setting counts more than the pod's. */
function namesWith(template: JsonObject, key: IdKey, ids: string): readonly string[] {
  const spec = objectAt(template, 'spec');
  const ofPod = objectAt(spec, 'securityContext')[key];
  const isMeant = (id: Json | undefined): boolean =>
    typeof id === 'number' && ids.split(',').includes(String(id));
  return [...listAt(spec, 'containers'), ...listAt(spec, 'initContainers')]
    .filter(isObject)
    .filter((container) => !others.includes(stringAt(container, 'name') ?? ''))
    .filter((container) => isMeant(objectAt(container, 'securityContext')[key] ?? ofPod))
    .map((container) => `"${stringAt(container, 'name') ?? ''}"`);
}
