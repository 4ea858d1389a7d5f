import { beforeEach, describe, expect, test } from 'vitest';
import { parseTrustDomain } from '#kernel/spiffe-id.ts';
import { JwtBundleSource } from '../../../../sidecar/workload-api/bundle-source.ts';
import { FakeWorkloadApi } from '../../../fakes/fake-workload-api.ts';
import { ManualTimers } from '../../../fakes/manual-timers.ts';
import { makeKey } from '../../../fakes/token-maker.ts';

const ours = parseTrustDomain('example.org');
const other = parseTrustDomain('other.org');
const document = (...kids: string[]): Buffer =>
  Buffer.from(JSON.stringify({ keys: kids.map((kid) => makeKey(kid).jwk) }));
const one = document('k1');
const away = { kind: 'unavailable', text: 'UNAVAILABLE' } as const;

let api: FakeWorkloadApi;
let timers: ManualTimers;
let source: JwtBundleSource;
let changes: number;

beforeEach(() => {
  api = new FakeWorkloadApi();
  timers = new ManualTimers();
  source = new JwtBundleSource({ api, timers, random: () => 0 });
  changes = 0;
  source.onChange(() => changes++);
  source.start();
});
const send = (entries: Record<string, Buffer>): void => {
  api.jwtBundles.send(new Map(Object.entries(entries)));
};

describe('a bundle source', () => {
  test('has the bundles of the last message', async () => {
    expect(source.bundleFor(ours)).toBeUndefined();
    send({ 'spiffe://example.org': one, 'spiffe://other.org': document('a', 'b') });
    await source.ready;
    expect(source.bundleFor(ours)?.keys).toHaveLength(1);
    expect(source.bundleFor(other)?.keys).toHaveLength(2);
    expect(source.trustDomains()).toEqual(['example.org', 'other.org']);
    expect([source.generation, changes]).toEqual([1, 1]);
    expect(source.problem()).toBeUndefined();
  });

  test('takes each message as the complete state: what it leaves out is withdrawn', () => {
    send({ 'spiffe://example.org': one, 'spiffe://other.org': document('a') });
    send({ 'spiffe://example.org': one });
    expect(source.bundleFor(other)).toBeUndefined();
    expect([source.generation, changes]).toEqual([2, 2]);
  });

  test('knows the own trust domain only while it is the only one that was sent, readable or not', () => {
    expect(source.soleTrustDomain()).toBeUndefined();
    send({ 'spiffe://example.org': one });
    expect(source.soleTrustDomain()).toBe('example.org');
    send({ 'spiffe://example.org': one, 'spiffe://other.org': Buffer.from('<html>') });
    expect(source.soleTrustDomain()).toBeUndefined();
    expect(source.generation, 'verdicts depend on it').toBe(2);
    send({});
    expect(source.soleTrustDomain()).toBeUndefined();
  });

  test('the same bytes again change nothing, and keep their bundle', () => {
    send({ 'spiffe://example.org': one });
    const bundle = source.bundleFor(ours);
    send({ 'spiffe://example.org': Buffer.from(one) });
    expect([source.generation, changes]).toEqual([1, 1]);
    send({ 'spiffe://example.org': one, 'spiffe://other.org': document('a') });
    expect(source.bundleFor(ours)).toBe(bundle);
    expect(source.generation).toBe(2);
  });

  test('a first message without bundles is an answer too', async () => {
    send({});
    await source.ready;
    expect(source.problem()).toBeUndefined();
    expect(source.generation).toBe(0);
  });

  test.each([
    ['a document that is no JWKS', { 'spiffe://other.org': Buffer.from('<html>') }, 'other.org'],
    ['a name that is no trust domain', { 'spiffe://Other.org': one }, 'not a trust domain'],
  ])('with %s goes on with the others and says so', (_name, broken, problem) => {
    send({ ...broken, 'spiffe://example.org': one });
    expect(source.trustDomains()).toEqual(['example.org']);
    expect(source.problem()).toContain(problem);
    send({ 'spiffe://example.org': one });
    expect(source.problem()).toBeUndefined();
  });

  test('a bundle that becomes unreadable fails closed', () => {
    send({ 'spiffe://example.org': one });
    send({ 'spiffe://example.org': Buffer.from('{}') });
    expect(source.bundleFor(ours)).toBeUndefined();
    expect(source.generation).toBe(2);
  });

  test('keeps its bundles while the agent is away, and opens the stream again', async () => {
    send({ 'spiffe://example.org': one });
    api.jwtBundles.end(away);
    expect(source.problem()).toContain('check that the SPIRE agent runs on this node');
    expect(source.bundleFor(ours)).toBeDefined();
    await timers.advance(200);
    expect(api.jwtBundles.opened).toBe(2);
    expect(source.problem(), 'until it has answered').toContain('SPIRE agent');
    send({ 'spiffe://example.org': one });
    expect(source.problem()).toBeUndefined();
    expect(source.generation).toBe(1);
  });

  test('waits longer after each failure in a row, five seconds at most, and begins anew after a message', async () => {
    const waits: (number | undefined)[] = [];
    for (let index = 0; index < 8; index++) {
      api.jwtBundles.end(away);
      waits.push(timers.nextMs);
      await timers.advance(timers.nextMs ?? 0);
    }
    expect(waits).toEqual([200, 400, 800, 1_600, 3_200, 5_000, 5_000, 5_000]);
    send({});
    api.jwtBundles.end(away);
    expect(timers.nextMs).toBe(200);
  });

  test('a stream without a first message is given up after a minute', async () => {
    await timers.advance(60_000);
    expect(source.problem()).toContain('no message within 60 s');
    await timers.advance(200);
    expect(api.jwtBundles.opened).toBe(2);
  });

  test('an open stream may be silent for as long as nothing changes', async () => {
    send({ 'spiffe://example.org': one });
    await timers.advance(86_400_000);
    expect(api.jwtBundles.opened).toBe(1);
    expect(timers.pending).toBe(0);
  });

  test('an agent that does not know the call is not asked again', async () => {
    api.jwtBundles.end({ kind: 'rejected', text: 'UNIMPLEMENTED' });
    await timers.advance(600_000);
    expect(api.jwtBundles.opened).toBe(1);
    expect(source.problem()).toContain('UNIMPLEMENTED');
  });

  test('that was closed opens nothing more and leaves no timer', async () => {
    api.jwtBundles.end(away);
    source.close();
    expect(timers.pending).toBe(0);
    await timers.advance(600_000);
    expect(api.jwtBundles.opened).toBe(1);
  });
});
