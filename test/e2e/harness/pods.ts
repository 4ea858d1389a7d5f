/** Small pods and namespaces for tests on the shared cluster. */
import { randomBytes } from 'node:crypto';
import type { JsonObject } from '#kernel/json.ts';
import type { Cluster } from './cluster.ts';

/** Makes a namespace of a name that no other test has. @returns its name. */
export async function createNamespace(
  cluster: Cluster,
  purpose: string,
  labels: Readonly<Record<string, string>> = {},
): Promise<string> {
  const name = `${purpose}-${randomBytes(3).toString('hex')}`;
  await apply(cluster, [{ apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } }]);
  const account = ['get', 'serviceaccount', 'default', '--namespace', name];
  // Pods are refused before the controller has made it.
  await cluster.kubectl([
    'wait',
    '--for',
    'create',
    ...account.slice(1, 3),
    ...account.slice(3),
    '--timeout',
    '60s',
  ]);
  return name;
}

export async function apply(cluster: Cluster, objects: readonly JsonObject[]): Promise<void> {
  const list = { apiVersion: 'v1', kind: 'List', items: objects };
  await cluster.kubectl(['apply', '--filename', '-'], JSON.stringify(list));
}

/** @throws {Error} when a pod is not ready in a minute. */
export async function waitForPods(cluster: Cluster, namespace: string): Promise<void> {
  const condition = ['--for', 'condition=Ready', '--timeout', '60s'];
  await cluster.kubectl(['wait', 'pod', '--all', '--namespace', namespace, ...condition]);
}
