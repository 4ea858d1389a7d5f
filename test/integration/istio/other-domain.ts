/** A caller of another trust domain, at pods of the mesh that name it among their callers. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { isObject, objectAt, stringAt } from '#kernel/json.ts';
import { waitUntil } from '../harness/processes.ts';
import { startSpireServer, type SpireServer } from '../harness/spire-server.ts';
import { exchangeOverTls, mintCertificate, type ClientCertificate } from '../harness/tls-client.ts';
import { createWorkFolder } from '../harness/work-folder.ts';
import type { Mesh, MeshPod } from './mesh.ts';

const theirs = 'other.org';
const caller = `spiffe://${theirs}/ns/pay/sa/caller`;
/** Of the pods that it calls. */
export const federating = {
  'svidecar.dev/federates-with': theirs,
  'svidecar.dev/allow-callers': `spiffe://example.org, spiffe://${theirs}/ns/pay/*`,
};

/** @param aliases other names of the mesh's trust domain, as far as Istio is concerned */
async function setAliases({ api }: Mesh, aliases: readonly string[]): Promise<void> {
  const path = '/api/v1/namespaces/istio-system/configmaps/istio';
  const { body } = await api.request('GET', path);
  const text = stringAt(objectAt(isObject(body) ? body : {}, 'data'), 'mesh') ?? '';
  const mesh: unknown = parse(text);
  const changed = { ...(isObject(mesh) ? mesh : {}), trustDomainAliases: [...aliases] };
  await api.request('PATCH', path, { data: { mesh: stringify(changed) } });
}

async function minted(from: SpireServer, spiffeId: string): Promise<ClientCertificate> {
  const folder = await createWorkFolder('minted');
  try {
    return await mintCertificate(from, spiffeId, { folder: folder.path });
  } finally {
    await folder.remove();
  }
}

/** @param pods.from whose own traffic nobody captures */
export function testOtherDomain(
  mesh: () => Mesh,
  pods: () => { readonly asked: MeshPod; readonly native: MeshPod; readonly from: MeshPod },
): void {
  let abroad: SpireServer;
  let own: ClientCertificate;
  let certificate: ClientCertificate;
  let token: string;
  const called = (): readonly MeshPod[] => [pods().asked, pods().native];

  beforeAll(async () => {
    abroad = await startSpireServer({ trustDomain: theirs });
    const { server } = mesh().spire;
    own = await minted(server, `spiffe://${server.trustDomain}/ns/shop/sa/other`);
    certificate = await minted(abroad, caller);
    token = await abroad.mintJwt(caller, 'backend');
  });
  afterAll(async () => {
    await abroad.stop();
  });

  /** By mutual TLS, as another Envoy of the mesh. @returns a status, or `refused` for a connection that is */
  const call = async (as: ClientCertificate, headers: readonly string[]): Promise<string[]> => {
    const answers = called().map(async ({ network }) => {
      const socket = await pods().from.network.connect(network.address, 8080);
      const more = { socket, headers, protocol: 'istio-http/1.1' };
      const answer = await exchangeOverTls(8080, as, more);
      return /^HTTP\/1\.1 (\d+)/.exec(answer)?.[1] ?? answer.slice(0, 'refused'.length);
    });
    return Promise.all(answers);
  };
  const bearing = (text = token): readonly string[] => [`authorization: Bearer ${text}`];
  const refused = ['refused', 'refused'];
  /** Of the pod whose helper is asked, and the one whose Envoy validates. */
  const withoutToken = ['403', '401'];
  const known = async (): Promise<readonly boolean[]> =>
    Promise.all(called().map(async ({ proxy }) => (await proxy.admin('/certs')).includes(theirs)));

  test('nobody knows it: it is refused, and one of ours comes in by the same way', async () => {
    expect(await call(certificate, bearing())).toEqual(refused);
    expect(await call(own, bearing())).toEqual(withoutToken);
    expect(await call(own, bearing(await pods().asked.token('backend')))).toEqual(['200', '200']);
  });

  test('with its bundle, and without its name in trustDomainAliases, it is refused', async () => {
    await mesh().spire.server.setBundle(theirs, await abroad.showBundle());
    for (const pod of called()) await pod.register({ federatesWith: [`spiffe://${theirs}`] });
    await waitUntil('the bundle is there', async () => (await known()).every(Boolean));
    expect(await call(certificate, bearing())).toEqual(refused);
    // Its token alone counts already, under the name of one of ours.
    await waitUntil('its tokens count', async () =>
      (await call(own, bearing())).every((status) => status === '200'),
    );
  });

  test('with both it comes in, by its token alone', async () => {
    await setAliases(mesh(), [theirs]);
    await waitUntil('it comes in', async () =>
      (await call(certificate, bearing())).every((status) => status === '200'),
    );
    expect(await call(certificate, [])).toEqual(withoutToken);
    const another = await abroad.mintJwt(`spiffe://${theirs}/ns/other/sa/caller`, 'backend');
    expect(await call(certificate, bearing(another))).toEqual(withoutToken);
  });

  test('with its name, and no longer its bundle, it is refused', async () => {
    await mesh().spire.server.deleteBundle(theirs);
    await waitUntil('the bundle is gone', async () => !(await known()).some(Boolean));
    expect(await call(certificate, bearing())).toEqual(refused);
    await setAliases(mesh(), []);
  });
}
