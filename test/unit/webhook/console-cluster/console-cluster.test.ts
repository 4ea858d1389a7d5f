import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { JsonObject } from '#kernel/json.ts';
import { connect } from '../../../../webhook/kube/connection.ts';
import { ConsoleCluster } from '../../../../webhook/console-cluster/console-cluster.ts';
import { readConfig } from '../../../../webhook/request/injector-config.ts';
import { injected } from '../../../fakes/admission.ts';
import { FakeApiServer, refuse } from '../../../fakes/api-server.ts';
import { engineFor } from '../../../fakes/engine.ts';
import { envoySource } from '../../../fakes/workload-parts.ts';
import { appAlone, deployment, injectBackend, pod } from '../../../fakes/workloads.ts';

const limits = {
  firstRetryMs: 10,
  lastRetryMs: 50,
  firstRelistMs: 10,
  lastRelistMs: 20,
  absentMs: 50,
};
const id = 'shop/Deployment/frontend';
const hooks = { metadata: { name: 'svidecar' }, webhooks: [{ name: 'pods.svidecar.dev' }] };

function namespace(name: string, label?: string): JsonObject {
  const labels = label === undefined ? {} : { 'svidecar.dev/injection': label };
  return { metadata: { name, labels } };
}

/** One of the Deployment `frontend`, as it is when its controller has made it. */
function madePod(object: JsonObject): JsonObject {
  const { metadata } = object as { readonly metadata: JsonObject };
  const owner = {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    name: 'frontend-abc',
    uid: 'u',
    controller: true,
  };
  const labels = { ...(metadata['labels'] as JsonObject), 'pod-template-hash': 'abc' };
  return { ...object, metadata: { ...metadata, labels, ownerReferences: [owner] } };
}

describe('the cluster as the console sees it', () => {
  let server: FakeApiServer;
  let cluster: ConsoleCluster;
  let end: AbortController;
  let url: string;
  let passedMs: number;

  beforeEach(async () => {
    server = new FakeApiServer();
    end = new AbortController();
    passedMs = 0;
    url = await server.start();
    server.put('Namespace', namespace('shop', 'enabled'));
    server.put('MutatingWebhookConfiguration', hooks);
  });
  afterEach(async () => {
    end.abort();
    await server.stop();
  });

  async function start(): Promise<void> {
    const api = await connect({ kind: 'explicit', url });
    cluster = new ConsoleCluster({
      api,
      limits,
      random: () => 0,
      namespace: undefined,
      configFile: undefined,
      contextName: undefined,
      version: '0.1.0',
      clock: { now: () => Date.now() + passedMs },
      engines: {
        isGiven: false,
        make: (minor, config) =>
          engineFor(config === undefined ? {} : readConfig(config.text, config.where), minor),
      },
    });
    cluster.start(end.signal);
  }

  async function until(isSo: () => boolean): Promise<void> {
    const endMs = Date.now() + 8_000;
    while (!isSo()) {
      const row = JSON.stringify([cluster.board.rows(), cluster.standing]);
      if (Date.now() > endMs) throw new TypeError(`not in time: ${row}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
  const isNow = (status: string, why?: string) => (): boolean => {
    const row = cluster.board.row(id);
    return row?.status === status && row.why?.id === why;
  };

  it('judges a workload with its Envoy configuration, and again when that changes', async () => {
    server.put('Deployment', deployment(injectBackend));
    server.put('ConfigMap', envoySource);
    await start();
    await until(isNow('missing', 'stored_without'));
    const { revision } = cluster.board.row(id) ?? { revision: 0 };
    server.put('ConfigMap', { ...envoySource, data: { 'envoy.yaml': 'static_resources: [' } });
    await until(isNow('refused', 'ENVOY_CONFIG_INVALID'));
    expect(cluster.board.row(id)?.revision).toBeGreaterThan(revision);
    server.put('ConfigMap', envoySource);
    await until(isNow('missing', 'stored_without'));
    server.put('Deployment', injected(deployment(injectBackend)));
    await until(isNow('injected'));
    server.remove('Deployment', 'shop/frontend');
    await until(() => cluster.board.row(id) === undefined);
  });

  it('says of what it cannot follow, while the API server answers, that it is old', async () => {
    await start();
    await until(() => cluster.standing.connection === 'connected');
    expect(cluster.standing.unheard).toEqual([]);
    server.intercept = ({ path }, response): boolean => {
      const isOfPods = path === '/api/v1/pods';
      if (isOfPods) refuse(response, 500, 'InternalError');
      return isOfPods;
    };
    server.endWatches('Pod');
    const heardS = Date.now() / 1_000;
    passedMs = 60_000;
    // The other watches may just be opening.
    await until(() => cluster.standing.unheard.map(({ resource }) => resource).join() === 'pods');
    const { connection, unheard } = cluster.standing;
    expect(connection).toBe('connected');
    expect(unheard[0]?.heardS).toBeLessThanOrEqual(heardS);
    server.intercept = () => false;
    await until(() => cluster.standing.unheard.length === 0);
  });

  it('takes a label for what it means', async () => {
    server.put('Deployment', deployment(injectBackend));
    server.put('ConfigMap', envoySource);
    server.put('Namespace', namespace('shop'));
    await start();
    await until(isNow('missing', 'namespace_not_labelled'));
    server.put('Namespace', namespace('shop', 'pod'));
    await until(isNow('injected'));
    server.put('Pod', madePod(pod(injectBackend)));
    await until(isNow('missing', 'pods_without'));
    server.put('Pod', madePod(injected(pod(injectBackend))));
    await until(isNow('injected'));
    expect(cluster.board.row(id)?.pods).toMatchObject({ total: 1, injected: 1 });
  });

  it('looks at the pods of a workload that is left to them when its label says so', async () => {
    server.put('Deployment', deployment(injectBackend));
    server.put('ConfigMap', envoySource);
    const engine = engineFor({ helper: { image: 'example.org/helper:1' } });
    server.put('Pod', madePod(injected(pod(injectBackend), { engine })));
    await start();
    await until(isNow('missing', 'stored_without'));
    server.put('Namespace', namespace('shop', 'pod'));
    await until(isNow('stale', 'pods_injected'));
  });

  it('judges everything anew by a new configuration', async () => {
    server.put('Deployment', injected(deployment(injectBackend)));
    server.put('ConfigMap', envoySource);
    await start();
    await until(isNow('injected'));
    const text = 'trustDomain: other.example\n';
    server.put('ConfigMap', {
      metadata: { namespace: 'svidecar', name: 'svidecar' },
      data: { 'config.yaml': 'helper: {image: "example.org/helper:2"}\n' },
    });
    cluster.configuration.look();
    await until(isNow('stale', 'injected'));
    expect(cluster.standing.configuration.words).toBe('ConfigMap svidecar/svidecar');
    server.put('ConfigMap', {
      metadata: { namespace: 'svidecar', name: 'svidecar' },
      data: { 'config.yaml': `nonsense: ${text}` },
    });
    cluster.configuration.look();
    await until(() => cluster.standing.configuration.fault?.includes('CONFIG_INVALID') === true);
  });

  it('tells whoever listens of each change, also of one that was asked for first', async () => {
    await start();
    await until(() => cluster.standing.connection === 'connected');
    let told = 0;
    cluster.onChange((change) => {
      if (change === 'board') told += 1;
    });
    server.put('Deployment', deployment({}, appAlone));
    await until(() => {
      cluster.flush();
      return cluster.board.row(id) !== undefined;
    });
    expect(told).toBeGreaterThan(0);
  });

  it('says which rights are missing, and shows what is seen without', async () => {
    server.put('Deployment', deployment(injectBackend));
    let isDenied = true;
    server.intercept = ({ path }, response) => {
      const isPods = path === '/api/v1/pods' || path === '/api/v1/configmaps';
      if (!isPods || !isDenied) return false;
      refuse(response, 403, 'Forbidden');
      return true;
    };
    await start();
    await until(isNow('missing', 'stored_without'));
    const { missingRights, connection } = cluster.standing;
    expect(connection).toBe('connected');
    expect(missingRights?.rights.map(({ what }) => what)).toEqual([
      'get, list and watch pods',
      'get, list and watch configmaps',
    ]);
    isDenied = false;
    await until(() => cluster.standing.missingRights === undefined);
  });

  it('says which single reads are refused, and reads them once they are not', async () => {
    server.put('Deployment', deployment(injectBackend));
    server.put('ConfigMap', envoySource);
    let isDenied = true;
    server.intercept = ({ path, body }, response) => {
      const isOne = path.startsWith('/apis/apps/v1/namespaces/shop/deployments/');
      const isReview = path.endsWith('/selfsubjectaccessreviews');
      if (isReview) {
        expect(body).toMatchObject({
          spec: { resourceAttributes: { verb: 'get', group: 'apps', resource: 'deployments' } },
        });
        response.setHeader('content-type', 'application/json');
        response.end(JSON.stringify({ status: { allowed: !isDenied } }));
      } else if (isOne && isDenied) refuse(response, 403, 'Forbidden');
      return isReview || (isOne && isDenied);
    };
    await start();
    await until(isNow('missing', 'stored_without'));
    // It is judged again, and its text is not kept.
    server.put('ConfigMap', { ...envoySource, data: { 'envoy.yaml': 'static_resources: [' } });
    await until(isNow('unknown', 'not_readable'));
    const rights = cluster.standing.missingRights?.rights ?? [];
    expect(rights.map(({ what }) => what)).toEqual(['get deployments.apps']);
    isDenied = false;
    await until(isNow('refused', 'ENVOY_CONFIG_INVALID'));
    expect(cluster.standing.missingRights).toBeUndefined();
  });

  it('says that svidecar is gone, though nothing else of its configuration has changed', async () => {
    await start();
    const configuration = () => cluster.standing.configuration;
    await until(() => configuration().fault?.startsWith('there is no ConfigMap') === true);
    server.remove('MutatingWebhookConfiguration', 'svidecar');
    await until(() => configuration().words.endsWith('as svidecar is not installed'));
  });

  it('says that the API server is away, and goes on when it is back', async () => {
    server.put('Deployment', deployment({}, appAlone));
    await start();
    await until(isNow('not_asked'));
    await server.stop();
    await until(() => cluster.standing.connection === 'away');
    expect(cluster.board.row(id)).toBeDefined();
    expect(cluster.standing.problem).toContain('failed');
    await server.start(Number(new URL(url).port));
    await until(() => cluster.standing.connection === 'connected');
    server.put('Deployment', injected(deployment(injectBackend)));
    await until(() => cluster.board.row(id)?.status === 'injected');
  });
});
