/** The webhook's own certificate on a real API server, with the rights of the manifests and no more. */
import { connect } from 'node:tls';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { isObject, listAt, objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { readCertificates } from '../../certs/plan/certificate-view.ts';
import { startApiServer, type ApiServer } from './harness/api-server.ts';
import { describeWithComponents } from './harness/components.ts';
import { waitUntil } from './harness/processes.ts';
import { installReplicas, type Replica, type Replicas } from './harness/replicas.ts';

const programs = ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kubectl'];
/** Seconds: a leaf is renewed each 6 s or so, an authority each 18 s. */
const lives = { leafS: 9, authorityS: 27, settleS: 1 };
const leaseTimes = { durationMs: 3_000, renewDeadlineMs: 2_000, retryMs: 500 };
const secretPath = '/api/v1/namespaces/svidecar/secrets';
const hooksPath = '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations';

describeWithComponents(programs, 'the certificate that svidecar makes itself', () => {
  let api: ApiServer;
  let replicas: Replicas;
  let first: Replica;
  let second: Replica;
  let pods = 0;

  beforeAll(async () => {
    api = await startApiServer();
    replicas = await installReplicas(api, { settings: { kind: 'self_signed', lives }, leaseTimes });
    [first, second] = await Promise.all([replicas.start('first'), replicas.start('second')]);
    await api.createNamespace('shop', { 'svidecar.dev/injection': 'enabled' });
  });
  afterAll(async () => {
    await replicas.stop();
    await api.stop();
  });

  async function read(path: string): Promise<JsonObject> {
    const { body } = await api.request('GET', path);
    return isObject(body) ? body : {};
  }

  async function secret(): Promise<Record<string, string>> {
    const data = objectAt(await read(`${secretPath}/svidecar-tls`), 'data');
    return Object.fromEntries(
      Object.keys(data).map((key) => [
        key,
        Buffer.from(stringAt(data, key) ?? '', 'base64').toString(),
      ]),
    );
  }

  async function bundles(): Promise<readonly string[]> {
    const hooks = listAt(await read(hooksPath), 'items').filter(isObject);
    return hooks
      .flatMap((each) => listAt(each, 'webhooks').filter(isObject))
      .map((each) => stringAt(objectAt(each, 'clientConfig'), 'caBundle') ?? '')
      .map((base64) => Buffer.from(base64, 'base64').toString());
  }

  /** Creates a pod that asks for the socket. @returns what went wrong: not stored, or stored without it */
  async function admit(): Promise<string | undefined> {
    pods += 1;
    const annotations = { 'inject.svidecar.dev/templates': 'spiffe-socket' };
    const { status, body } = await api.request('POST', '/api/v1/namespaces/shop/pods?dryRun=All', {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: `pod-${pods}`, annotations },
      spec: { containers: [{ name: 'app', image: 'app:1' }] },
    });
    if (status !== 201) return JSON.stringify(body);
    return JSON.stringify(body).includes('SPIFFE_ENDPOINT_SOCKET') ? undefined : 'not injected';
  }

  /** A handshake of a client that trusts what the first hook's caBundle says now. */
  async function shake(port: number): Promise<string | undefined> {
    const [ca = ''] = await bundles();
    return new Promise((resolve) => {
      const socket = connect({ host: '127.0.0.1', port, ca, servername: '' }, () => {
        socket.destroy();
        resolve(undefined);
      });
      socket.on('error', (error: Error) => {
        resolve(error.message);
      });
    });
  }

  /** Admissions and handshakes, as many as go, until `act` is done. @returns every failure */
  async function during(act: () => Promise<void>): Promise<{ count: number; failures: string[] }> {
    const state = { isOver: false, count: 0, failures: new Array<string>() };
    const flow = async (work: () => Promise<string | undefined>): Promise<void> => {
      while (!state.isOver) {
        const failure = await work();
        state.count += 1;
        if (failure !== undefined) state.failures.push(`${new Date().toISOString()} ${failure}`);
        await wait(20);
      }
    };
    const shakes = replicas.all.map((each) =>
      flow(async () => ((await each.isReady()) ? shake(each.port) : undefined)),
    );
    const flows = [flow(admit), flow(admit), ...shakes];
    try {
      await act();
    } finally {
      state.isOver = true;
    }
    await Promise.all(flows);
    return state;
  }

  const ready = (replica: Replica, deadlineMs = 20_000): Promise<void> =>
    waitUntil(`${replica.name} is ready`, () => replica.isReady(), { deadlineMs });

  test('is there without a step by hand: both replicas become ready, trusted by every hook', async () => {
    await Promise.all([ready(first), ready(second)]);
    const all = await bundles();
    expect(all).toHaveLength(3);
    expect(new Set(all).size).toBe(1);
    await waitUntil('an admission succeeds', async () => (await admit()) === undefined, {
      deadlineMs: 5_000,
    });
    for (const replica of [first, second]) {
      expect(await replica.metric('svidecar_certificate_trusted')).toBe(1);
    }
    const leaders = await Promise.all(
      [first, second].map((each) => each.metric('svidecar_certificate_leader')),
    );
    expect(leaders.toSorted()).toEqual([0, 1]);
  });

  test('leaf and CA are replaced while admissions and handshakes go on, and none fails', async () => {
    const before = await secret();
    const { count, failures } = await during(async () => {
      const isReplaced = async (): Promise<boolean> => {
        const now = await secret();
        const old = readCertificates(before['ca.crt'] ?? '')[0];
        const trusted = readCertificates((await bundles())[0] ?? '');
        return (
          now['ca.crt'] !== before['ca.crt'] &&
          trusted.every((each) => each.fingerprint !== old?.fingerprint)
        );
      };
      await waitUntil('the old CA is out of the caBundle', isReplaced, { deadlineMs: 60_000 });
    });
    expect(failures).toEqual([]);
    expect(count).toBeGreaterThan(500);
  });
});
