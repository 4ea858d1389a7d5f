/** Federation relationships by configuration, on real SPIRE servers of three trust domains. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { systemTimers } from '../../sidecar/workload-api/system-timers.ts';
import type { RecordedRelationship } from '../../webhook/controller/federation/plan-relationships.ts';
import {
  relationshipCounts,
  RelationshipKeeper,
  type RelationshipCounts,
  type RelationshipState,
} from '../../webhook/controller/federation/relationship-keeper.ts';
import { checkConfig, type InjectorConfig } from '../../webhook/request/injector-config.ts';
import { openSpireServer } from '../../webhook/spire/open-spire-server.ts';
import type { SpireServerApi } from '../../webhook/spire/spire-server-api.ts';
import { createAuthority } from './harness/authority.ts';
import { describeWithComponents } from './harness/components.ts';
import { startSpireServer, type SpireServer } from './harness/spire-server.ts';
import { startSpire, type Spire } from './harness/spire.ts';

type Federation = InjectorConfig['federation'];
type Kept = RelationshipState & RelationshipCounts;

const { signal } = new AbortController();
const text = (part: string): unknown => expect.stringContaining(part);
const soon = (check: () => Promise<void>): Promise<void> =>
  vi.waitFor(check, { timeout: 20_000, interval: 100 });
const selectors = [`unix:uid:${process.getuid?.() ?? 0}`];

describeWithComponents(['spire-server', 'spire-agent'], 'federation relationships', () => {
  let spire: Spire;
  /** Publishes by https_spiffe. */
  let other: SpireServer;
  /** Publishes by https_web. */
  let web: SpireServer;
  let api: SpireServerApi;
  let calls: string[];
  let recorded: ReadonlyMap<string, RecordedRelationship>;
  let keeper: RelationshipKeeper;
  let webRoots: string;
  let overSpiffe: Federation[number];
  let overWeb: Federation[number];

  const openAt = ({ socketPath }: SpireServer): SpireServerApi =>
    openSpireServer({
      address: `unix://${socketPath}`,
      workloadApi: '',
      timers: systemTimers,
      random: Math.random,
      observe: (call) => calls.push(call),
    });

  beforeAll(async () => {
    const authority = await createAuthority('web authority');
    const { certificatePem, keyPem } = await authority.issue({
      commonName: 'bundles',
      hosts: ['127.0.0.1'],
    });
    [spire, other, web] = await Promise.all([
      startSpire({ webRoots: authority.caPem }),
      startSpireServer({
        trustDomain: 'other.org',
        bundleEndpoint: { profile: 'https_spiffe' },
      }),
      startSpireServer({
        trustDomain: 'web.org',
        bundleEndpoint: { profile: 'https_web', certificatePem, keyPem },
      }),
    ]);
    const federation = [
      {
        trustDomain: 'other.org',
        bundleEndpoint: other.bundleUrl,
        profile: 'https_spiffe',
        endpointSpiffeId: 'spiffe://other.org/spire/server',
        bundle: await other.showBundle(),
      },
      { trustDomain: 'web.org', bundleEndpoint: web.bundleUrl, profile: 'https_web' },
    ];
    const [first, second] = checkConfig({ federation }, 'test').federation;
    if (first === undefined || second === undefined) throw new Error('it names two');
    [overSpiffe, overWeb] = [first, second];
    webRoots = authority.caPem;
    api = openAt(spire.server);
  });
  afterAll(async () => {
    api.close();
    await Promise.all([spire.stop(), other.stop(), web.stop()]);
  });
  beforeEach(() => {
    calls = [];
    recorded = new Map();
    keeper = new RelationshipKeeper({
      record: {
        read: () => Promise.resolve(recorded),
        write: (newer) => {
          recorded = new Map(newer);
          return Promise.resolve();
        },
      },
      log: { debug: vi.fn(), info: vi.fn(), warn: vi.fn(), error: vi.fn() },
    });
  });
  afterEach(async () => {
    for (const { trustDomain } of await api.listRelationships(signal))
      await api.deleteRelationship(trustDomain, signal);
    for (const { id } of await api.listEntries(signal)) await api.deleteEntries([id], signal);
    for (const name of await api.federatedTrustDomains(signal))
      await api.deleteBundle(name, signal);
    expect(await api.federatedTrustDomains(signal)).toEqual([]);
  });
  const keep = async (...federation: Federation): Promise<Kept> => {
    const state = await keeper.reconcile(api, federation, signal);
    return { ...state, ...relationshipCounts(state, federation) };
  };
  const domains = async (): Promise<readonly string[]> =>
    (await api.federatedTrustDomains(signal)).toSorted();
  const relationships = async (): Promise<readonly string[]> =>
    (await api.listRelationships(signal)).map(({ trustDomain }) => trustDomain).toSorted();

  test('are made; their bundles come, entries may name them, and the workload gets the keys', async () => {
    expect(await keep(overSpiffe, overWeb)).toMatchObject({ kept: 2, problems: [] });
    await soon(async () => {
      expect(await domains()).toEqual(['other.org', 'web.org']);
    });
    await spire.createEntry({
      spiffeId: 'spiffe://example.org/web',
      selectors,
      federatesWith: ['spiffe://other.org', 'spiffe://web.org'],
    });
    await soon(async () => {
      expect(await spire.fetchJwt(process.getuid?.() ?? 0, 'x')).toMatchObject({
        trustDomains: ['spiffe://example.org', 'spiffe://other.org', 'spiffe://web.org'],
      });
    });
    // A second look writes nothing.
    calls = [];
    expect(await keep(overSpiffe, overWeb)).toMatchObject({ kept: 2, problems: [] });
    expect(calls.filter((call) => call.startsWith('Batch'))).toEqual([]);
  });

  test('of https_spiffe without a first bundle wait for it, and say so', async () => {
    const { bundle, ...bare } = overSpiffe;
    await keep(bare);
    expect(await keep(bare)).toMatchObject({
      kept: 0,
      problems: [{ trustDomain: 'other.org', message: text('needs the first one') }],
    });
    await keep({ ...bare, bundle });
    expect(await domains()).toEqual(['other.org']);
    expect(await keep({ ...bare, bundle })).toMatchObject({ kept: 1, problems: [] });
  });

  test('may have an endpoint of a third trust domain, once SPIRE has the bundle of that one', async () => {
    // One document without names: the endpoint publishes it for whoever asks.
    const { bundle: _bundle, ...rest } = overSpiffe;
    const third = { ...rest, trustDomain: 'third.org' };
    await keep(third);
    expect(await keep(third)).toMatchObject({
      kept: 0,
      problems: [{ trustDomain: 'third.org', message: text("needs that trust domain's bundle") }],
    });
    await keep(third, overSpiffe);
    await spire.server.refreshBundle('third.org');
    expect(await domains()).toEqual(['other.org', 'third.org']);
    expect(await keep(third, overSpiffe)).toMatchObject({ kept: 2, problems: [] });
  });

  test('follow the configuration: endpoint, profile, and the SPIFFE ID of the endpoint', async () => {
    await keep(overSpiffe);
    const elsewhere = { ...overSpiffe, endpointSpiffeId: 'spiffe://other.org/bundles' };
    await keep(elsewhere);
    expect(await api.listRelationships(signal)).toMatchObject([
      { profile: { kind: 'https_spiffe', endpointSpiffeId: 'spiffe://other.org/bundles' } },
    ]);
    const { endpointSpiffeId: _id, bundle: _bundle, ...rest } = overSpiffe;
    await keep({ ...rest, profile: 'https_web', bundleEndpoint: 'https://bundles.other.org/b' });
    expect(await api.listRelationships(signal)).toEqual([
      {
        trustDomain: 'other.org',
        bundleEndpoint: 'https://bundles.other.org/b',
        profile: { kind: 'https_web' },
      },
    ]);
    expect(await keep(overSpiffe)).toMatchObject({ kept: 1 });
  });

  test('that are no longer configured go, and their bundle once no entry names it', async () => {
    await keep(overSpiffe);
    const id = await spire.createEntry({
      spiffeId: 'spiffe://example.org/web',
      selectors,
      federatesWith: ['spiffe://other.org'],
    });
    expect(await keep()).toMatchObject({
      ours: new Set(['other.org']),
      leaving: 1,
      problems: [{ trustDomain: 'other.org', message: text('entries federate with it') }],
    });
    expect([await relationships(), await domains()]).toEqual([[], ['other.org']]);
    const [entry] = await api.listEntries(signal);
    if (entry === undefined) throw new Error('the entry is there');
    await api.updateEntries([{ ...entry, id, federatesWith: [] }], signal);
    expect(await keep()).toMatchObject({ ours: new Set(), leaving: 0, problems: [] });
    expect([await domains(), recorded.size]).toEqual([[], 0]);
  });

  test('of others are left alone: other ones, equal ones, and bundles that were there before', async () => {
    const byHand = {
      trustDomain: 'web.org',
      bundleEndpoint: 'https://elsewhere.web.org',
      profile: { kind: 'https_web' },
      bundle: undefined,
    } as const;
    await api.createRelationship(byHand, signal);
    await api.createRelationship({ ...byHand, trustDomain: 'same.org' }, signal);
    await spire.server.setBundle('other.org', (await other.showBundle()).trim());
    const same = { ...overWeb, trustDomain: 'same.org', bundleEndpoint: byHand.bundleEndpoint };
    const state = await keep(overWeb, same, overSpiffe);
    expect(state).toMatchObject({ foreign: 1, kept: 1 });
    expect(state.problems).toContainEqual({
      trustDomain: 'web.org',
      message: text("which is not svidecar's"),
    });
    expect([...recorded.keys()]).toEqual(['other.org']);
    await keep();
    expect(await relationships()).toEqual(['same.org', 'web.org']);
    expect(await api.listRelationships(signal)).toContainEqual({
      trustDomain: 'web.org',
      bundleEndpoint: 'https://elsewhere.web.org',
      profile: { kind: 'https_web' },
    });
    expect(await domains()).toEqual(['other.org']);
  });

  test('are made once SPIRE is back, and after a crash between the record and the call', async () => {
    await spire.server.kill();
    await expect(keep(overSpiffe)).rejects.toMatchObject({ code: 'SPIRE_UNREACHABLE' });
    expect(recorded.size).toBe(0);
    await spire.server.startAgain();
    recorded = new Map([['other.org', { bundle: '', hadBundle: false }]]);
    await soon(async () => {
      expect(await keep(overSpiffe)).toMatchObject({ kept: 1, problems: [] });
    });
    expect([await relationships(), await domains()]).toEqual([['other.org'], ['other.org']]);
    await keep();
    expect([await relationships(), await domains()]).toEqual([[], []]);
  });

  test('that SPIRE refuses are told in its words, and not taken for ours', async () => {
    const own = { ...overWeb, trustDomain: 'example.org' };
    expect(await keep(own)).toMatchObject({
      kept: 0,
      problems: [{ trustDomain: 'example.org', message: text('INVALID_ARGUMENT') }],
    });
    expect(recorded.size).toBe(0);
  });

  test("of SPIRE's own configuration file keep their bundle, whatever ours do", async () => {
    const fixed = await startSpireServer({
      trustDomain: 'fixed.org',
      federatesWith: [{ trustDomain: 'web.org', url: web.bundleUrl }],
      webRoots,
    });
    const there = openAt(fixed);
    try {
      await soon(async () => {
        expect(await there.federatedTrustDomains(signal)).toEqual(['web.org']);
      });
      expect(await there.listRelationships(signal)).toEqual([]);
      const state = await keeper.reconcile(there, [overWeb], signal);
      expect(relationshipCounts(state, [overWeb])).toMatchObject({ kept: 1 });
      expect(await keeper.reconcile(there, [], signal)).toMatchObject({ problems: [] });
      expect(await there.listRelationships(signal)).toEqual([]);
      expect(await there.federatedTrustDomains(signal)).toEqual(['web.org']);
    } finally {
      there.close();
      await fixed.stop();
    }
  });
});
