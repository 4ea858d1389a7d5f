/** The webhook's own certificate on a real API server, with the rights of the manifests and no more. */
import { connect } from 'node:tls';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { isObject, listAt, objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { readFile } from 'node:fs/promises';
import { readKeyRing } from '../../certs/key-ring.ts';
import { issuerOf, readCertificates } from '../../certs/plan/certificate-view.ts';
import { createAuthority } from './harness/authority.ts';
import { startApiServer, type ApiServer } from './harness/api-server.ts';
import { caBundles } from './harness/ca-bundles.ts';
import { describeWithComponents } from './harness/components.ts';
import { Gate } from './harness/gate.ts';
import { hooksAreFollowed, hooksPath } from './harness/hooks-followed.ts';
import { waitUntil } from './harness/processes.ts';
import { installReplicas, type Moment, type Replica, type Replicas } from './harness/replicas.ts';

const programs = ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kubectl'];
/** Seconds: a leaf is renewed each 16 s, an authority each 48 s; a third of each is left for a busy machine. */
const lives = { leafS: 24, authorityS: 72, settleS: 1 };
const leaseTimes = { durationMs: 6_000, renewDeadlineMs: 4_000, retryMs: 500 };
/** Milliseconds between the tries of a flow. */
const tryMs = 50;
const secretPath = '/api/v1/namespaces/svidecar/secrets';

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
    const [ca = ''] = await caBundles(api);
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
  async function during(
    act: (moment: Moment) => Promise<void>,
  ): Promise<{ count: number; failures: string[] }> {
    const gate = new Gate();
    const state = { isOver: false, count: 0, failures: new Array<string>() };
    const flow = async (work: () => Promise<string | undefined>): Promise<void> => {
      while (!state.isOver) {
        const failure = await gate.pass(work);
        state.count += 1;
        if (failure !== undefined) state.failures.push(`${new Date().toISOString()} ${failure}`);
        await wait(tryMs);
      }
    };
    const shakes = replicas.all.map((each) =>
      flow(async () => ((await each.isReady()) ? shake(each.port) : undefined)),
    );
    const flows = [flow(admit), flow(admit), ...shakes];
    try {
      await act((inner) => gate.between(inner));
    } finally {
      state.isOver = true;
    }
    await Promise.all(flows);
    return state;
  }

  const ready = (replica: Replica, deadlineMs = 60_000): Promise<void> =>
    waitUntil(`${replica.name} is ready`, () => replica.isReady(), { deadlineMs });

  test('is there without a step by hand: both replicas become ready, trusted by every hook', async () => {
    await Promise.all([ready(first), ready(second)]);
    const all = await caBundles(api);
    expect(all).toHaveLength(3);
    expect(new Set(all).size).toBe(1);
    await waitUntil('an admission succeeds', async () => (await admit()) === undefined, {
      deadlineMs: 20_000,
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
        const trusted = readCertificates((await caBundles(api))[0] ?? '');
        return (
          now['ca.crt'] !== before['ca.crt'] &&
          trusted.every((each) => each.fingerprint !== old?.fingerprint)
        );
      };
      await waitUntil('the old CA is out of the caBundle', isReplaced, { deadlineMs: 110_000 });
    });
    expect(failures).toEqual([]);
    expect(count).toBeGreaterThan(200);
  });

  /** The Secret holds a leaf by the CA that it holds, and that CA is not the one before. */
  async function isWhole(otherThan: string): Promise<boolean> {
    const { leaf, signer, faults } = readKeyRing(await secret());
    if (leaf === undefined || signer === undefined || faults.length > 0) return false;
    return signer.certificate !== otherThan && issuerOf(leaf.view, [signer.view]) !== undefined;
  }

  const base64 = (text: string): string => Buffer.from(text).toString('base64');
  const patchSecret = (change: JsonObject): Promise<unknown> =>
    api.request('PATCH', `${secretPath}/svidecar-tls`, change);

  test.each([
    ['deleted', (): Promise<unknown> => api.request('DELETE', `${secretPath}/svidecar-tls`)],
    [
      'half written',
      (): Promise<unknown> =>
        patchSecret({ data: { 'tls.key': base64('-----BEGIN'), 'ca.key': base64('-----BEGIN') } }),
    ],
    [
      'replaced by a foreign pair',
      async (): Promise<unknown> => {
        const { certificatePem, keyPem } = await (
          await createAuthority('somebody')
        ).issue({ commonName: 'somebody', hosts: ['127.0.0.1'] });
        const data = { 'tls.crt': base64(certificatePem), 'tls.key': base64(keyPem) };
        return patchSecret({ data: { ...data, 'ca.crt': null, 'ca.key': null } });
      },
    ],
    [
      'emptied and made immutable',
      (): Promise<unknown> =>
        patchSecret({
          immutable: true,
          data: { 'tls.crt': '', 'tls.key': '', 'ca.crt': null, 'ca.key': null },
        }),
    ],
  ])('the Secret, %s, is repaired, and nothing fails meanwhile', async (_name, harm) => {
    const before = await secret();
    const { count, failures } = await during(async () => {
      await harm();
      await waitUntil('it is whole', () => isWhole(before['ca.crt'] ?? ''), { deadlineMs: 40_000 });
      await wait(1_000);
    });
    expect(failures).toEqual([]);
    expect(count).toBeGreaterThan(10);
    for (const replica of [first, second]) {
      expect(await replica.metric('svidecar_certificate_trusted')).toBe(1);
    }
  });

  async function overwrite(configuration: string, text: string): Promise<void> {
    const { webhooks } = await read(`${hooksPath}/${configuration}`);
    const changed = listAt({ webhooks }, 'webhooks')
      .filter(isObject)
      .map((each) => ({
        ...each,
        clientConfig: { ...objectAt(each, 'clientConfig'), caBundle: base64(text) },
      }));
    await api.request('PATCH', `${hooksPath}/${configuration}`, { webhooks: changed });
  }

  /** Every hook's caBundle trusts the leaf of the Secret. */
  async function isTrusted(): Promise<boolean> {
    const { leaf } = readKeyRing(await secret());
    return (await caBundles(api)).every(
      (text) => leaf && issuerOf(leaf.view, readCertificates(text)),
    );
  }

  test('a caBundle that somebody overwrote is right again at once, and the stranger goes in a few seconds', async () => {
    const { caPem } = await createAuthority('somebody');
    await overwrite('svidecar-pods', caPem);
    await waitUntil('it is trusted', isTrusted, { deadlineMs: 5_000 });
    await hooksAreFollowed(api);
    await waitUntil('an admission succeeds', async () => (await admit()) === undefined);
    const isGone = async (): Promise<boolean> =>
      (await caBundles(api)).every((text) => !text.includes(caPem.slice(40, 200)));
    await waitUntil('the stranger is gone', isGone, { deadlineMs: 20_000 });
  });

  test('when the leader is killed the other one takes over, and renews', async () => {
    const [leads] = await Promise.all(
      [first, second].map((each) => each.metric('svidecar_certificate_leader')),
    );
    const [leader, follower] = leads === 1 ? [first, second] : [second, first];
    // Out of the Service too: what goes to a dead replica until then is lost in any cluster, and no matter of certificates.
    await replicas.lose(leader);
    // Nobody leads yet, and the one who is left mends the caBundle all the same.
    await overwrite('svidecar-pods', '');
    await waitUntil('it is trusted', isTrusted, { deadlineMs: 15_000 });
    await hooksAreFollowed(api);
    // It was not ready without trust. One admission may pass over a connection that the API server kept; new ones go by the Service.
    await waitUntil('new connections go to it', () => Promise.resolve(replicas.sendsTo(follower)));
    await waitUntil('an admission succeeds', async () => (await admit()) === undefined);
    const before = await secret();
    const { failures } = await during(async () => {
      const isRenewed = async (): Promise<boolean> =>
        (await secret())['tls.crt'] !== before['tls.crt'] && (await follower.isReady());
      await waitUntil('it has renewed', isRenewed, { deadlineMs: 40_000 });
    });
    expect(failures).toEqual([]);
    await waitUntil('it leads', async () => {
      return (await follower.metric('svidecar_certificate_leader')) === 1;
    });
  });

  test('a replica that starts, and one that stops in order, cost no admission', async () => {
    const third = await replicas.start('third');
    await replicas.takesReviews(third);
    const { failures } = await during(async (moment) => {
      await Promise.all([first, second].map((each) => replicas.retire(each, moment)));
      await wait(4_000);
    });
    expect(failures).toEqual([]);
    await waitUntil('the third leads', async () => {
      return (await third.metric('svidecar_certificate_leader')) === 1;
    });
  });

  test('the API server never refused it a right, and no log shows a key', async () => {
    const events = (await readFile(api.auditLog, 'utf8')).trimEnd().split('\n');
    const own = events
      .filter((line) => line.includes('"username":"system:serviceaccount:svidecar:svidecar"'))
      .map((line) => JSON.parse(line) as { responseStatus: { code: number }; requestURI: string });
    expect(own.length).toBeGreaterThan(10);
    expect(own.filter(({ responseStatus: { code } }) => code === 401 || code === 403)).toEqual([]);
    for (const replica of replicas.all) {
      expect(await readFile(replica.logFile, 'utf8')).not.toContain('PRIVATE KEY');
    }
  });
});
