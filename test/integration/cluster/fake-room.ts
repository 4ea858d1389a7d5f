/** A controller on a fake API server, anew for each test of the file that imports it. */
import { setTimeout as wait } from 'node:timers/promises';
import { afterEach, beforeEach } from 'vitest';
import { FakeApiServer } from '../../fakes/api-server.ts';
import { desireForTests } from '../../fakes/desire.ts';
import { SilentLog } from '../../fakes/silent-log.ts';
import { Cluster } from '../../../webhook/controller/cluster.ts';
import { connect } from '../../../webhook/kube/connection.ts';
import {
  defaultClusterLimits,
  type ClusterLimits,
} from '../../../webhook/controller/cluster-limits.ts';

export const configMaps = '/api/v1/configmaps';
export let api: FakeApiServer;
export let url: string;
export let log: SilentLog;
let stop: AbortController;

beforeEach(async () => {
  api = new FakeApiServer();
  url = await api.start();
  log = new SilentLog();
  stop = new AbortController();
  api.put('Namespace', {
    metadata: { name: 'shop', labels: { 'svidecar.dev/injection': 'enabled' } },
  });
});
afterEach(async () => {
  stop.abort();
  await api.stop();
});

export async function until(what: string, isSo: () => boolean, ms = 3_000): Promise<void> {
  const end = Date.now() + ms;
  while (Date.now() < end) {
    if (isSo()) return;
    await wait(10);
  }
  throw new Error(`not within ${ms} ms: ${what}`);
}

export async function begin(changed: Partial<ClusterLimits> = {}): Promise<Cluster> {
  const limits = {
    ...defaultClusterLimits,
    firstRetryMs: 20,
    lastRetryMs: 100,
    graceMs: 300,
    gatherMs: 10,
    ...changed,
  };
  const cluster = new Cluster({
    api: await connect({ kind: 'explicit', url, token: 'test-token' }, limits),
    desire: () => desireForTests,
    ignoredNamespaces: () => new Set(['kube-system', 'svidecar']),
    judge: () => undefined,
    instance: 'svidecar-1',
    clock: { now: (): number => Date.now() },
    log,
    limits,
  });
  cluster.start(stop.signal);
  return cluster;
}

export async function start(changed: Partial<ClusterLimits> = {}): Promise<Cluster> {
  const cluster = await begin(changed);
  await until('everything is listed', () => cluster.missing().length === 0);
  return cluster;
}

export const putConfigMap = (name: string, text: string): void => {
  api.put('ConfigMap', { metadata: { namespace: 'shop', name }, data: { 'envoy.yaml': text } });
};
export const putDeployment = (name: string, status: object): void => {
  const annotations = { 'svidecar.dev/status': JSON.stringify(status) };
  api.put('Deployment', {
    metadata: { namespace: 'shop', name },
    spec: { template: { metadata: { annotations } } },
  });
};

/** Another server takes the place of one that was stopped. */
export function replaceApi(server: FakeApiServer): void {
  api = server;
}
