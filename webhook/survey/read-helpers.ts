/** What each helper has in hand, asked of its health port through the API server. */
import { messageOf } from '#kernel/errors.ts';
import { isObject, listAt, objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import {
  healthPort,
  helperContainer,
  identitiesPath,
} from '../../sidecar/config/helper-contract.ts';
import { containersOf } from '../checks/containers.ts';
import {
  subjectsOf,
  type ClusterFacts,
  type FactAnswer,
  type HeldIdentities,
  type Subject,
} from '../checks/facts.ts';
import { readHeld } from '../checks/held-identities.ts';
import { ApiRefusal } from '../kube/kubernetes-api.ts';
import { askPods, type PodName } from './ask-pods.ts';
import type { Site } from './site.ts';

/** Milliseconds; the API server itself waits longer for a pod that does not answer. */
const helperMs = 5_000;
/** A page has some 200 bytes for each audience. */
const maxPageBytes = 262_144;
const forbidden = 403;
const notFound = 404;

type Held = FactAnswer<HeldIdentities>;

/** By `namespace/pod`. */
export async function readHelpers(site: Site): Promise<ClusterFacts['held']> {
  if (!site.asksHelpers) return new Map();
  return readHelpersOf(subjectsOf(site.objects.pods), site);
}

/** {@link readHelpers} of some pods; those without a helper are left out. */
export async function readHelpersOf(
  pods: readonly Subject[],
  asker: HelperAsker,
): Promise<ClusterFacts['held']> {
  const withHelper = pods.filter(({ object }) => hasHelper(object));
  return askPods(withHelper, (pod, named) => askHelper(pod, named, asker));
}

type HelperAsker = Pick<Site, 'api' | 'signal'>;

export function hasHelper(pod: JsonObject): boolean {
  return containersOf(objectAt(pod, 'spec')).some(isHelper);
}

function isHelper(container: JsonObject): boolean {
  return container['name'] === helperContainer;
}

async function askHelper(
  pod: JsonObject,
  { namespace, name }: PodName,
  { api, signal }: HelperAsker,
): Promise<Held> {
  if (stringAt(objectAt(pod, 'status'), 'phase') !== 'Running')
    return { kind: 'unknown', reason: 'the pod does not run yet' };
  const path = `/api/v1/namespaces/${namespace}/pods/http:${name}:${helperPortOf(pod)}/proxy${identitiesPath}`;
  const limit = AbortSignal.any([signal, AbortSignal.timeout(helperMs)]);
  try {
    const value = readHeld(await api.get(path, limit, maxPageBytes));
    if (value !== undefined) return { kind: 'known', value };
    return { kind: 'unknown', reason: 'its health port answers with something else' };
  } catch (thrown) {
    return whyNot(thrown);
  }
}

/** As its probes ask it. */
export function helperPortOf(pod: JsonObject): number {
  const helper = containersOf(objectAt(pod, 'spec')).find(isHelper);
  const ports = listAt(helper, 'ports').filter(isObject);
  const port = ports.find((each) => each['name'] === 'svidecar-health')?.['containerPort'];
  return typeof port === 'number' ? port : healthPort;
}

function whyNot(thrown: unknown): Held {
  if (!(thrown instanceof ApiRefusal)) return { kind: 'unknown', reason: messageOf(thrown) };
  const { status, reason, said } = thrown;
  if (status === forbidden)
    return {
      kind: 'not_asked',
      reason: 'not allowed to ask: it takes the verb "get" on pods/proxy',
    };
  if (status === notFound && reason !== 'NotFound')
    return { kind: 'unknown', reason: 'its helper is of an older version, which does not tell' };
  return { kind: 'unknown', reason: `cannot be asked: ${said}` };
}
