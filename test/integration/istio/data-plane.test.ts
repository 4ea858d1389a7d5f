/** JWT-SVIDs in pods whose Envoy istiod configures: real istiod, Envoy, SPIRE and admission, in both data paths. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { JsonObject } from '#kernel/json.ts';
import { readProxySecrets, secretsPath } from '../../../webhook/checks/proxy-secrets.ts';
import { describeWithComponents } from '../harness/components.ts';
import { askFrom, type PodAnswer } from '../harness/pod-requests.ts';
import { waitUntil } from '../harness/processes.ts';
import { callPod, type Told } from './call-pod.ts';
import { meshPrograms, startMesh, type Mesh, type MeshPod } from './mesh.ts';
import { beside, gatewayObjects, modes } from './mesh-objects.ts';
import { federating, testOtherDomain } from './other-domain.ts';
import { providedPod, providerValues, testProvider } from './provider.ts';
import { testUnderLoad } from './under-load.ts';
import { oddRequests, sendOddly, statusByHttp2, type Door } from './ways-past.ts';

const service = { http: 8080, plain: 8081 };
/** The last of them is of no Service. */
const appPorts = [8080, 8081, 8082];
const validating = ['asked', 'native'] as const;
type Validating = (typeof validating)[number];
const gateways = ['gateway', 'nativeGateway'] as const;

function asking(templates: string, dataPath: string): Record<string, string> {
  return {
    'inject.svidecar.dev/templates': templates,
    'svidecar.dev/envoy-container': 'istio-proxy',
    'svidecar.dev/audience': 'backend',
    'svidecar.dev/data-path': dataPath,
  };
}

const specs = {
  asked: {
    name: 'asked',
    appPorts,
    service,
    annotations: { ...asking('jwt-validate', 'ext-authz'), ...federating },
  },
  native: {
    name: 'native',
    appPorts,
    service,
    annotations: { ...asking('jwt-validate', 'native'), ...federating },
  },
  injects: { name: 'injects', jwtTtlS: 12, annotations: asking('jwt-inject', 'ext-authz') },
  injectsNatively: {
    name: 'injects-natively',
    jwtTtlS: 12,
    annotations: asking('jwt-inject', 'native'),
  },
  gateway: { name: 'gateway', isGateway: true, annotations: asking('jwt-validate', 'ext-authz') },
  nativeGateway: {
    name: 'native-gateway',
    isGateway: true,
    annotations: asking('jwt-validate', 'native'),
  },
  provided: providedPod,
  plain: { name: 'plain', isOfIstiod: true },
} as const;

/** Of the token that arrived at the app. */
function subjectIn(body: string): string {
  const [, payload = ''] = body.split('.');
  return /"sub":"([^"]*)"/.exec(Buffer.from(payload, 'base64url').toString())?.[1] ?? '';
}

describeWithComponents(meshPrograms, "Istio's Envoys", () => {
  let mesh: Mesh;
  let pods: Record<keyof typeof specs, MeshPod>;

  beforeAll(async () => {
    mesh = await startMesh({ values: await providerValues() });
    await mesh.apply(
      ...modes,
      ...gateways.flatMap((name) => gatewayObjects(specs[name].name, providedPod.name)),
    );
    const started = Object.entries(specs).map(
      async ([name, spec]) => [name, await mesh.addPod(spec)] as const,
    );
    pods = Object.fromEntries(await Promise.all(started)) as typeof pods;
    // Filters may come a moment after the rest of Envoy's configuration.
    const isRefused = async (to: Validating): Promise<boolean> =>
      [401, 403].includes((await ask(to, peerOf(to))).status);
    await waitUntil('both refuse', async () => (await isRefused('asked')) && isRefused('native'));
  }, 180_000);

  afterAll(async () => {
    await mesh.stop();
  });

  const ask = (to: Validating, from: MeshPod, told: Told = {}): Promise<PodAnswer> =>
    callPod(from, pods[to], told);

  /** Each of the two is the other's client: nothing is put into what it sends. */
  const peerOf = (to: Validating): MeshPod => pods[to === 'asked' ? 'native' : 'asked'];

  test('Envoy has accepted all of it, with the certificate that SPIRE gave', async () => {
    for (const { name, proxy } of Object.values(pods)) {
      expect(await proxy.admin('/stats?filter=update_rejected&usedonly')).toBe('');
      expect(await proxy.admin('/certs')).toContain(`spiffe://example.org/ns/shop/sa/${name}`);
    }
  });

  test('of each certificate can be told who gave it', async () => {
    for (const { name, proxy } of Object.values(pods)) {
      const page = JSON.parse(await proxy.admin(secretsPath)) as JsonObject;
      const told = readProxySecrets(page);
      const isOfIstiod = name === specs.plain.name;
      expect(told).toMatchObject({
        spiffeId: `spiffe://example.org/ns/shop/sa/${name}`,
        issuer: { kind: isOfIstiod ? 'istiod' : 'spire' },
        trustDomains: isOfIstiod ? [] : ['example.org'],
      });
      const leftS = (told?.validUntilS ?? 0) - Date.now() / 1_000;
      expect(leftS).toBeGreaterThan(600);
    }
  });

  test.each(validating)('%s: only a token for it gets in', async (to) => {
    const from = peerOf(to);
    expect((await ask(to, from)).status).toBe(to === 'asked' ? 403 : 401);
    expect((await ask(to, from, { token: await from.token('backend') })).status).toBe(200);
    expect((await ask(to, from, { token: await from.token('other') })).status).toBe(403);
  });

  test.each(['injects', 'injectsNatively'] as const)('%s: a token goes out', async (name) => {
    const from = pods[name];
    for (const to of validating) {
      const { status, body } = await ask(to, from);
      const subject = `spiffe://example.org/ns/shop/sa/${from.name}`;
      expect([status, subjectIn(body)]).toEqual([200, subject]);
    }
    expect((await ask('asked', from, { token: 'of.the.app' })).status).toBe(403);
  });

  // Behind them is a pod that lets everybody in as yet.
  test.each(gateways)('%s: only a token for it gets in', async (name) => {
    const client = pods.native;
    const enter = async (audience?: string): Promise<number> => {
      const asked = { host: pods[name].network.address, port: 8088 };
      const token = audience === undefined ? undefined : await client.token(audience);
      const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
      return (await askFrom(client.network, { ...asked, headers })).status;
    };
    expect(await enter()).toBe(name === 'gateway' ? 403 : 401);
    expect(await enter('backend')).toBe(200);
    expect(await enter('other')).toBe(403);
  });

  /** A Service's ports by its address, with mutual TLS; and all by the pod's own, as a stranger in the network would. */
  const doorsOf = (to: Validating): readonly Door[] => {
    const { clusterIp, network } = pods[to];
    return [
      ...[8080, 8081].map((port) => ({ from: peerOf(to).network, host: clusterIp, port })),
      ...appPorts.map((port) => ({ from: pods.gateway.network, host: network.address, port })),
    ];
  };

  test.each(validating)('%s: no odd request gets past the filter', async (to) => {
    const tries = oddRequests.flatMap((bytes) => doorsOf(to).map((door) => sendOddly(door, bytes)));
    expect((await Promise.all(tries)).filter((each) => each !== undefined)).toEqual([]);
  });

  test.each(validating)('%s: nor does HTTP/2 with prior knowledge', async (to) => {
    const statuses = await Promise.all(doorsOf(to).map(statusByHttp2));
    expect(statuses).not.toContain(200);
    // Port 8080 is HTTP in every mode.
    expect(statuses[0]).toBe(to === 'asked' ? 403 : 401);
  });

  describe('under load', () => {
    testUnderLoad(
      () => mesh,
      () => pods,
    );
  });

  describe('of another trust domain', () => {
    testOtherDomain(
      () => mesh,
      () => ({ asked: pods.asked, native: pods.native, from: pods.gateway }),
    );
  });

  describe("beside Istio's own policies", () => {
    const denied = { path: '/denied' };
    const from = (): MeshPod => pods.asked;
    const tell = (token: string, path = '/'): Promise<PodAnswer> =>
      ask('native', from(), { token, path });
    const comes = (token: string, wanted: string, path?: string): Promise<void> =>
      waitUntil(`the answer has ${wanted}`, async () =>
        JSON.stringify(await tell(token, path)).includes(wanted),
      );

    test('a DENY of theirs wins, and theirs alone lets nobody in', async () => {
      const token = await from().token('backend');
      await mesh.apply(beside.deny);
      await comes(token, 'RBAC', denied.path);
      expect((await tell(token)).status).toBe(200);
      expect((await ask('native', from())).status).toBe(401);
    });

    test('an ALLOW of theirs keeps others out, and lets nobody in without a token', async () => {
      const token = await from().token('backend');
      await mesh.apply(beside.allow);
      await waitUntil('another is kept out', async () =>
        (await ask('native', pods.injects)).body.includes('RBAC'),
      );
      expect((await tell(token)).status).toBe(200);
      expect((await ask('native', from())).status).toBe(401);
    });

    test('a RequestAuthentication reads another header, or refuses our tokens', async () => {
      const token = await from().token('backend');
      await mesh.apply(beside.authentication([]));
      await comes(token, 'Jwt issuer is not configured');
      await mesh.apply(beside.authentication([{ name: 'x-user-token' }]));
      await comes(token, '200');
      expect((await ask('native', from())).status).toBe(401);
    });
  });

  describe("with Istio's own API alone", () => {
    testProvider(
      () => mesh,
      () => ({ provided: pods.provided, client: pods.asked }),
    );
  });
});
