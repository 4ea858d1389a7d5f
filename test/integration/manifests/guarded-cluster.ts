/** What the tests of the guard share: namespaces, pods and workloads on a real API server. */
import { expect } from 'vitest';
import { isObject, listAt, type JsonObject } from '#kernel/json.ts';
import type { ApiServer } from '../harness/api-server.ts';
import { waitUntil, type CommandResult } from '../harness/processes.ts';

export const guard = "ValidatingAdmissionPolicy 'svidecar-guard'";
export const asks = (names: string): JsonObject => ({ 'inject.svidecar.dev/templates': names });
export const app = { name: 'app', image: 'app:1' };

let count = 0;

/** A fresh namespace with our label, and perhaps a mode of the guard. @returns its name */
export async function makeNamespace(
  api: ApiServer,
  injection: 'enabled' | 'pod',
  mode?: string,
): Promise<string> {
  count += 1;
  const name = `n${count}`;
  const guarded = mode === undefined ? {} : { 'svidecar.dev/guard': mode };
  await api.createNamespace(name, { 'svidecar.dev/injection': injection, ...guarded });
  return name;
}

export function podOf(annotations: JsonObject, spec: JsonObject = {}): JsonObject {
  count += 1;
  const metadata = { name: `pod-${count}`, annotations };
  return { apiVersion: 'v1', kind: 'Pod', metadata, spec: { containers: [app], ...spec } };
}

export function workloadOf(kind: string, annotations: JsonObject): JsonObject {
  count += 1;
  const labels = { app: 'x' };
  const isJob = kind === 'Job' || kind === 'CronJob';
  const spec = { containers: [app], restartPolicy: isJob ? 'Never' : 'Always' };
  const template = { metadata: { labels, annotations }, spec };
  const specs: Readonly<Record<string, JsonObject>> = {
    CronJob: { schedule: '0 0 * * *', jobTemplate: { spec: { template } } },
    Job: { template },
    StatefulSet: { template, selector: { matchLabels: labels }, serviceName: 'x' },
  };
  return {
    apiVersion: isJob ? 'batch/v1' : 'apps/v1',
    kind,
    metadata: { name: `w${count}` },
    spec: specs[kind] ?? { template, selector: { matchLabels: labels } },
  };
}

/** What the API server says to it; nothing is stored. */
export function tryToCreate(
  api: ApiServer,
  space: string,
  object: JsonObject,
): Promise<CommandResult> {
  const args = ['create', '-n', space, '-f', '-', '--dry-run=server'];
  return api.kubectl(args, { input: JSON.stringify(object) });
}

export async function apply(api: ApiServer, space: string, input: string): Promise<CommandResult> {
  const result = await api.kubectl(['apply', '-n', space, '-f', '-'], { input });
  expect(result.code, result.stderr).toBe(0);
  return result;
}

export async function podsIn(api: ApiServer, space: string): Promise<readonly JsonObject[]> {
  const { body } = await api.request('GET', `/api/v1/namespaces/${space}/pods`);
  return listAt(isObject(body) ? body : {}, 'items').filter(isObject);
}

/** The API server takes a moment to notice policies and hooks. */
export async function untilRefusedWith(api: ApiServer, message: string): Promise<void> {
  const space = await makeNamespace(api, 'enabled');
  await waitUntil(`a pod is refused with ${message}`, async () =>
    (await tryToCreate(api, space, podOf(asks('jwt-inject')))).stderr.includes(message),
  );
}
