/** Many workloads in many namespaces, stored as admission would have stored them. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { isObject, listAt, objectAt, type JsonObject } from '#kernel/json.ts';
import { injected } from '../../fakes/admission.ts';
import type { ApiServer } from './api-server.ts';

export interface FleetSize {
  readonly namespaces: number;
  /** In each namespace. */
  readonly workloads: number;
}

/** Requests at once: what one etcd on one disk takes without queueing. */
const atOnce = 24;
const shop = parseAllDocuments(
  readFileSync(join(import.meta.dirname, '../fixtures/shop.yaml'), 'utf8'),
).map((document): JsonObject => {
  const object: unknown = document.toJS();
  return isObject(object) ? object : {};
});

export const fleetNamespace = (i: number): string => `fleet-${i}`;
const fleetWorkload = (i: number): string => `web-${i}`;

/** The ConfigMap and the injected Deployment of one workload, with settings of its own. */
export function fleetObjects(namespace: string, name: string): readonly [JsonObject, JsonObject] {
  const [source = {}, deployment = {}] = shop;
  const text = JSON.stringify(deployment)
    .replaceAll('frontend', name)
    .replace('"svidecar.dev/audience":"backend"', `"svidecar.dev/audience":"backend-of-${name}"`);
  const renamed: unknown = JSON.parse(text);
  const object = isObject(renamed) ? renamed : {};
  const metadata = { ...objectAt(object, 'metadata'), namespace };
  const configMap = { ...source, metadata: { name: `${name}-envoy`, namespace } };
  return [configMap, injected({ ...object, metadata }, { namespace })];
}

/** Makes everything; the controllers of the cluster then make a ReplicaSet and a pod of each. */
export async function makeFleet(
  api: ApiServer,
  { namespaces, workloads }: FleetSize,
): Promise<void> {
  const spaces = Array.from({ length: namespaces }, (_, i) => fleetNamespace(i));
  await each(spaces, (space) =>
    api.createNamespace(space, { 'svidecar.dev/injection': 'enabled' }),
  );
  const jobs = spaces.flatMap((space) =>
    Array.from({ length: workloads }, (_, i) => ({ space, name: fleetWorkload(i) })),
  );
  await each(jobs, ({ space, name }) => makeWorkload(api, space, name));
}

export async function makeWorkload(api: ApiServer, space: string, name: string): Promise<void> {
  const [configMap, deployment] = fleetObjects(space, name);
  await create(api, `/api/v1/namespaces/${space}/configmaps`, configMap);
  await create(api, `/apis/apps/v1/namespaces/${space}/deployments`, deployment);
}

/** How many objects a list has, without reading them all. @param path without a query: with a selector nobody counts */
export async function countOf(api: ApiServer, path: string): Promise<number> {
  const { body } = await api.request('GET', `${path}?limit=1`);
  const list = isObject(body) ? body : {};
  const remaining = objectAt(list, 'metadata')['remainingItemCount'];
  return listAt(list, 'items').length + (typeof remaining === 'number' ? remaining : 0);
}

async function create(api: ApiServer, path: string, object: JsonObject): Promise<void> {
  const { status, body } = await api.request('POST', path, object);
  if (status !== 201) throw new Error(`POST ${path}: ${JSON.stringify(body).slice(0, 500)}`);
}

async function each<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const rest = items[Symbol.iterator]();
  const worker = async (): Promise<void> => {
    for (const item of { [Symbol.iterator]: () => rest }) await work(item);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}
