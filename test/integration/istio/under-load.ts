/** What changes while requests are on their way: certificates, keys and tokens, the helpers, the EnvoyFilters. */
import { setTimeout as sleep } from 'node:timers/promises';
import { decodeProtectedHeader } from 'jose';
import { expect, test } from 'vitest';
import { isObject, listAt, objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { waitUntil } from '../harness/processes.ts';
import { callPod } from './call-pod.ts';
import { fussyRoute } from './mesh-objects.ts';
import { meshNamespace, type Mesh, type MeshPod } from './mesh.ts';
import { passed, sendSteadily, type Sent, type SteadyStream } from './steady-stream.ts';

const validating = ['asked', 'native'] as const;
const injecting = ['injects', 'injectsNatively'] as const;

type PodsUnderLoad = Readonly<
  Record<(typeof validating)[number] | (typeof injecting)[number], MeshPod>
>;

/** Seconds. SPIRE dates a certificate 10 s back and renews it at half of its life: here after some 2 s. */
const x509TtlS = 14;
/** From the deletion of an EnvoyFilter; a loaded machine needs some of it. */
const repairedWithinMs = 3_000;

/** Serial numbers of the certificates that an Envoy shows and trusts now. */
async function serialsOf(pod: MeshPod, part: 'cert_chain' | 'ca_cert'): Promise<string[]> {
  const page: unknown = JSON.parse(await pod.proxy.admin('/certs'));
  return listAt(isObject(page) ? page : {}, 'certificates')
    .filter(isObject)
    .flatMap((each) => listAt(each, part))
    .filter(isObject)
    .map((each) => stringAt(each, 'serial_number') ?? '');
}

/** That arrived at the app. */
function tokenIn({ body }: Sent): string {
  const answer: unknown = JSON.parse(body);
  return (stringAt(isObject(answer) ? answer : {}, 'authorization') ?? '').slice('Bearer '.length);
}

/** How many keys have signed the tokens that arrived. */
function keysIn(sent: readonly Sent[]): number {
  const tokens = new Set(sent.filter(passed).map(tokenIn));
  return new Set([...tokens].map((token) => decodeProtectedHeader(token).kid)).size;
}

/** Signing keys of both kinds: published, then used. */
async function changeKeys({ spire }: Mesh): Promise<void> {
  const { server } = spire;
  const key = await server.prepareJwtKey();
  const prepared = await server.command(['localauthority', 'x509', 'prepare']);
  const authority = stringAt(objectAt(prepared, 'prepared_authority'), 'authority_id') ?? '';
  await sleep(1_500);
  await server.activateJwtKey(key);
  await server.command(['localauthority', 'x509', 'activate', '-authorityID', authority]);
}

/** @param until ends it */
async function collect(seen: Set<string>, pod: MeshPod, until: AbortSignal): Promise<void> {
  while (!until.aborted) {
    for (const serial of await serialsOf(pod, 'cert_chain')) seen.add(serial);
    await sleep(500);
  }
}

export function testUnderLoad(mesh: () => Mesh, pods: () => PodsUnderLoad): void {
  const peerOf = (to: (typeof validating)[number]): MeshPod =>
    pods()[to === 'asked' ? 'native' : 'asked'];
  const tokenless = (everyMs: number): readonly SteadyStream[] =>
    validating.map((to) => sendSteadily(everyMs, () => callPod(peerOf(to), pods()[to])));
  const bearing = async (to: (typeof validating)[number]): Promise<SteadyStream> => {
    const token = await peerOf(to).token('backend');
    return sendSteadily(100, () => callPod(peerOf(to), pods()[to], { token }));
  };
  const stopped = async (streams: readonly SteadyStream[]): Promise<readonly Sent[]> =>
    (await Promise.all(streams.map((stream) => stream.stop()))).flat();

  test('certificates, tokens and keys change, and no request fails', async () => {
    const all = [...validating, ...injecting].map((name) => pods()[name]);
    await mesh().apply(...validating.flatMap((to) => fussyRoute(to)));
    const end = new AbortController();
    const streams = injecting.map((from) =>
      validating.map((to) => sendSteadily(100, () => callPod(pods()[from], pods()[to]))),
    );
    for (const pod of all) await pod.register({ x509TtlS });
    const serials = all.map(() => new Set<string>());
    const collecting = all.map((pod, at) => collect(serials[at] ?? new Set(), pod, end.signal));
    await changeKeys(mesh());
    const areNew = (): boolean => streams.every((of) => keysIn(of.flatMap(({ sent }) => sent)) > 1);
    await waitUntil('tokens are signed by the new key', () => Promise.resolve(areNew()));
    const areRenewed = (): boolean => serials.every(({ size }) => size > 2);
    await waitUntil('all have had three certificates', () => Promise.resolve(areRenewed()));
    const sent = await Promise.all(streams.map(stopped));
    end.abort();
    await Promise.all(collecting);
    expect(sent.flat().filter((each) => !passed(each))).toEqual([]);
    for (const ofOne of sent) expect(ofOne.length).toBeGreaterThan(20);
    for (const pod of all) expect(new Set(await serialsOf(pod, 'ca_cert')).size).toBe(2);
    for (const pod of all) await pod.register({});
  });

  test('helpers are killed and come back: nobody without a token gets in at any time', async () => {
    const without = tokenless(50);
    const toAsked = await bearing('asked');
    const toNative = await bearing('native');
    await sleep(300);
    for (const to of validating) await pods()[to].helper?.stop(0);
    const goneMs = performance.now();
    const whileGone = (): readonly Sent[] => toAsked.sent.filter(({ begunMs }) => begunMs > goneMs);
    await waitUntil('some were sent meanwhile', () => Promise.resolve(whileGone().length > 5));
    expect(whileGone().filter(passed)).toEqual([]);
    await Promise.all(validating.map((to) => pods()[to].restartHelper(0)));
    const token = await pods().native.token('backend');
    await waitUntil('it is asked again', async () => {
      const { status } = await callPod(pods().native, pods().asked, { token });
      return status === 200;
    });
    const backMs = performance.now();
    const afterwards = (): readonly Sent[] =>
      toAsked.sent.filter(({ begunMs }) => begunMs > backMs);
    await waitUntil('some were sent afterwards', () => Promise.resolve(afterwards().length > 5));
    await toAsked.stop();
    const native = await toNative.stop();
    expect((await stopped(without)).filter(passed)).toEqual([]);
    expect(afterwards().filter((each) => !passed(each))).toEqual([]);
    // Envoy itself has the keys.
    expect(native.filter((each) => !passed(each))).toEqual([]);
  });

  test.each(validating)('%s: an EnvoyFilter that is deleted is soon there again', async (to) => {
    const { api, webhook } = mesh();
    const of = objectAt(objectAt(pods()[to].object, 'metadata'), 'labels');
    const name = stringAt(of, 'svidecar.dev/envoy-filter') ?? '';
    const path = `/apis/networking.istio.io/v1alpha3/namespaces/${meshNamespace}/envoyfilters/${name}`;
    const read = async (at: string): Promise<JsonObject> => {
      const { body } = await api.request('GET', at);
      return isObject(body) ? body : {};
    };
    const uid = async (): Promise<string | undefined> =>
      stringAt(objectAt(await read(path), 'metadata'), 'uid');
    const restored = (): Promise<number> =>
      webhook.metric('svidecar_envoyfilter_writes_total', 'restored');
    const first = await uid();
    const countBefore = await restored();
    expect(first).toBeDefined();
    const stream = sendSteadily(20, () => callPod(peerOf(to), pods()[to]));
    await sleep(200);
    const deletedMs = performance.now();
    await api.request('DELETE', path);
    const isBack = async (): Promise<boolean> => ![undefined, first].includes(await uid());
    await waitUntil('it is back', isBack, { deadlineMs: 10_000 });
    await sleep(1_500);
    const sent = await stream.stop();
    const open = sent.filter(passed).map(({ endedMs }) => endedMs - deletedMs);
    expect(Math.max(0, ...open)).toBeLessThan(repairedWithinMs);
    expect(await restored()).toBe(countBefore + 1);
    await waitUntil('an event tells', async () => {
      const events = await read(`/apis/events.k8s.io/v1/namespaces/${meshNamespace}/events`);
      return JSON.stringify(events).includes(`EnvoyFilter ${name} was not there`);
    });
  });
}
