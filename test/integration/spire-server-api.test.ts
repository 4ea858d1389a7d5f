/** Our client of SPIRE's server API against a real server, over its Unix socket. */
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { systemTimers } from '../../sidecar/workload-api/system-timers.ts';
import type { SpireEntry } from '../../webhook/identity/spire-entry.ts';
import { openSpireServer, type OpenSpireOptions } from '../../webhook/spire/open-spire-server.ts';
import type { SpireServerApi } from '../../webhook/spire/spire-server-api.ts';
import { spireEntry } from '../fakes/spire-entry-fake.ts';
import { describeWithComponents } from './harness/components.ts';
import { startSpireServer, type SpireServer } from './harness/spire-server.ts';

const { signal } = new AbortController();
const containing = (part: string): unknown => expect.stringContaining(part);
const ours = (name: string, more: Partial<SpireEntry> = {}): SpireEntry =>
  spireEntry({
    id: `svidecar.shop.${name}`,
    spiffeId: `spiffe://example.org/ns/shop/sa/${name}`,
    selectors: ['k8s:container-name:auth-helper', 'k8s:ns:shop', `k8s:sa:${name}`],
    hint: 'svidecar',
    ...more,
  });
const open = (address: string, more: Partial<OpenSpireOptions> = {}): SpireServerApi =>
  openSpireServer({
    address,
    workloadApi: 'unix:///nowhere',
    timers: systemTimers,
    random: Math.random,
    ...more,
  });

describeWithComponents(['spire-server'], "SPIRE's server API over its socket", () => {
  let server: SpireServer;
  let api: SpireServerApi;
  const calls: string[] = [];

  beforeAll(async () => {
    server = await startSpireServer();
    api = open(`unix://${server.socketPath}`, {
      observe: (call, result) => calls.push(`${call} ${result}`),
    });
  });
  afterAll(async () => {
    api.close();
    await server.stop();
  });
  const clear = async (): Promise<void> => {
    const all = await api.listEntries(signal);
    await api.deleteEntries(
      all.map((each) => each.id),
      signal,
    );
  };

  test('an entry is made, listed, changed and deleted, with everything that it says', async () => {
    const wanted = ours('web', {
      dnsNames: ['web.shop.svc', 'a.shop.svc'],
      x509SvidTtlS: 600,
      jwtSvidTtlS: 60,
    });
    const sorted = { ...wanted, dnsNames: wanted.dnsNames.toSorted() };
    expect(await api.createEntries([wanted], signal)).toEqual([{ kind: 'done', entry: sorted }]);
    expect(await api.listEntries(signal)).toEqual([wanted]);
    const changed: SpireEntry = {
      ...wanted,
      spiffeId: 'spiffe://example.org/other',
      parentId: 'spiffe://example.org/node',
      selectors: ['k8s:ns:other', 'k8s:pod-label:app:we:b'],
      dnsNames: ['z.shop.svc'],
      hint: '',
      x509SvidTtlS: 0,
      jwtSvidTtlS: 0,
      isAdmin: true,
      isDownstream: true,
      storesSvid: true,
      isPrefetched: true,
    };
    expect(await api.updateEntries([changed], signal)).toEqual([{ kind: 'done', entry: changed }]);
    expect(await api.listEntries(signal)).toEqual([changed]);
    expect(await api.deleteEntries([wanted.id], signal)).toEqual([{ kind: 'gone' }]);
    expect(await api.listEntries(signal)).toEqual([]);
    expect(new Set(calls)).toEqual(
      new Set(
        ['BatchCreateEntry', 'ListEntries', 'BatchUpdateEntry', 'BatchDeleteEntry'].map(
          (call) => `${call} ok`,
        ),
      ),
    );
  });

  test("each entry of a batch has its own result: similar, id taken, unknown domain, not SPIRE's, missing", async () => {
    const foreign = { ...ours('web'), id: 'made-by-hand', hint: 'theirs' };
    await api.createEntries([foreign, ours('db')], signal);
    const results = await api.createEntries(
      [
        ours('web'),
        { ...ours('cache'), id: 'svidecar.shop.db' },
        ours('far', { federatesWith: ['unknown.test'] }),
        ours('none', { selectors: [] }),
        ours('alien', { spiffeId: 'spiffe://other.org/x' }),
        ours('fine'),
      ],
      signal,
    );
    expect(results).toMatchObject([
      { kind: 'exists', similar: { id: 'made-by-hand', hint: 'theirs' } },
      { kind: 'exists', similar: undefined },
      { kind: 'refused', code: 'INTERNAL', words: containing('federated bundle') },
      { kind: 'refused', code: 'INVALID_ARGUMENT' },
      { kind: 'refused', code: 'INVALID_ARGUMENT' },
      { kind: 'done', entry: { id: 'svidecar.shop.fine' } },
    ]);
    expect(await api.updateEntries([ours('lost')], signal)).toEqual([{ kind: 'missing' }]);
    expect(await api.deleteEntries(['svidecar.shop.lost', ours('fine').id], signal)).toEqual([
      { kind: 'gone' },
      { kind: 'gone' },
    ]);
    await clear();
  });

  test('the trust domain, the agents and the federated domains are told by name', async () => {
    expect(await api.trustDomain(signal)).toBe('example.org');
    expect(await api.agents(signal)).toEqual([]);
    expect(await api.federatedTrustDomains(signal)).toEqual([]);
    await server.setBundle('other.org', (await server.showBundle()).trim());
    expect(await api.federatedTrustDomains(signal)).toEqual(['other.org']);
  });

  test('an address that is none, and a socket that nobody listens on, are said', async () => {
    for (const address of [
      'spire',
      'unix:api.sock',
      'host:0',
      '[::x]:80',
      `unix:///${'x'.repeat(120)}`,
    ])
      expect(() => open(address)).toThrow('is not the address of a SPIRE server');
    const nobody = open('unix:///nowhere/api.sock');
    await expect(nobody.trustDomain(signal)).rejects.toMatchObject({
      code: 'SPIRE_UNREACHABLE',
      message: containing('the SPIRE server at unix:///nowhere/api.sock'),
    });
    nobody.close();
  });

  test('1,000 entries come whole, page by page, and a list over the limit is a failure', async () => {
    const entries = Array.from({ length: 1_000 }, (_, index) => ours(`app-${index}`));
    const results = await api.createEntries(entries, signal);
    expect(results.filter(({ kind }) => kind !== 'done')).toEqual([]);
    const paged: string[] = [];
    const small = open(`unix://${server.socketPath}`, {
      pageSize: 150,
      observe: (call) => paged.push(call),
    });
    const listed = await small.listEntries(signal);
    expect(new Set(listed.map(({ id }) => id))).toEqual(new Set(entries.map(({ id }) => id)));
    // SPIRE's last page is empty.
    expect(paged.length).toBe(8);
    small.close();
    const limited = open(`unix://${server.socketPath}`, { maxItems: 999 });
    await expect(limited.listEntries(signal)).rejects.toMatchObject({
      code: 'SPIRE_FAILED',
      message: containing('SPIRE has over 999 entries'),
    });
    limited.close();
    await clear();
    expect(await api.listEntries(signal)).toEqual([]);
  });

  test('while the server is away each call fails, and the first after its return is answered', async () => {
    await api.createEntries([ours('stays')], signal);
    await server.kill();
    await expect(api.listEntries(signal)).rejects.toMatchObject({ code: 'SPIRE_UNREACHABLE' });
    await server.startAgain();
    const returned = async (): Promise<void> => {
      expect((await api.listEntries(signal)).map(({ id }) => id)).toEqual([ours('stays').id]);
    };
    await vi.waitFor(returned, 5_000);
    await clear();
  });
});
