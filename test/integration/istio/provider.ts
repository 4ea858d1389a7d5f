/** Istio's own API alone: what `svidecar render istio` prints makes Istio ask the helper. */
import { expect, test } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { isObject, type JsonObject } from '#kernel/json.ts';
import { runSvidecar } from '../../fakes/fake-terminal.ts';
import { sendBytes, type PodAnswer } from '../harness/pod-requests.ts';
import { waitUntil } from '../harness/processes.ts';
import { callPod } from './call-pod.ts';
import { meshNamespace, type Mesh, type MeshPod, type MeshPodSpec } from './mesh.ts';

export const providedPod: MeshPodSpec = {
  name: 'provided',
  appPorts: [8080, 8081, 8082],
  service: { http: 8080, plain: 8081 },
  annotations: {
    'inject.svidecar.dev/templates': 'istio-validate',
    'svidecar.dev/audience': 'backend',
  },
};

async function rendered(args: readonly string[], stdin = ''): Promise<string> {
  const { code, out, err } = await runSvidecar(['render', 'istio', ...args], { stdin });
  expect([code, err]).toEqual([0, '']);
  return out;
}

/** Values of istiod's chart. */
export async function providerValues(): Promise<JsonObject> {
  const values: unknown = parse(await rendered(['--mesh-config']));
  return isObject(values) ? values : {};
}

const { name, annotations } = providedPod;
const workload = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: meshNamespace, labels: { app: name }, annotations },
  spec: { containers: [{ name: 'app', image: 'app:1' }] },
};
/** No proxy takes it for HTTP, but the app does. */
const oddRequest = '\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n';

function isOfTheApp(bytes: string | undefined): boolean {
  return bytes?.includes('"port"') === true;
}

/** @param pods.client one whose requests nothing is put into */
export function testProvider(
  mesh: () => Mesh,
  pods: () => { readonly provided: MeshPod; readonly client: MeshPod },
): void {
  const get = (token?: string): Promise<PodAnswer> =>
    callPod(pods().client, pods().provided, token === undefined ? {} : { token });
  const sendOdd = (port: number, bytes: string): Promise<string | undefined> =>
    sendBytes(pods().client.network, { host: pods().provided.clusterIp, port, waitMs: 500 }, bytes);

  test('without the policy nobody asks the helper', async () => {
    expect((await get()).status).toBe(200);
    expect(isOfTheApp(await sendOdd(8081, oddRequest))).toBe(true);
  });

  test('with it the helper decides about each request', async () => {
    const text = await rendered(['-'], JSON.stringify(workload));
    const objects = parseAllDocuments(text).map((each) => each.toJS() as unknown);
    await mesh().apply(...objects.filter(isObject));
    const isAsked = async (): Promise<boolean> => (await get()).body.startsWith('istio-validate');
    await waitUntil('the helper is asked', isAsked);
    const token = (audience: string): Promise<string> => pods().client.token(audience);
    expect(await get()).toMatchObject({
      status: 403,
      body: 'istio-validate: there is no Authorization header\n',
    });
    expect((await get(await token('backend'))).status).toBe(200);
    expect((await get(await token('other'))).status).toBe(403);
  });

  test('and what is not HTTP is refused', async () => {
    const token = await pods().client.token('backend');
    const request = oddRequest.replace('Host', `Authorization: Bearer ${token}\r\nHost`);
    expect(isOfTheApp(await sendOdd(8081, request))).toBe(false);
  });

  test('without the helper every request is refused', async () => {
    const token = await pods().client.token('backend');
    await pods().provided.helper?.stop(0);
    expect((await get(token)).status).toBe(503);
    await pods().provided.restartHelper();
    await waitUntil('it is found again', async () => (await get(token)).status === 200);
  });
}
