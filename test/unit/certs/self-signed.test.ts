import { afterEach, describe, expect, test } from 'vitest';
import { FakeHooks, FakeLease, FakeSecret } from '../../fakes/certificates.ts';
import { ManualTimers, settled } from '../../fakes/manual-timers.ts';
import { makeServingPair } from '../../fakes/serving-pair.ts';
import { SilentLog } from '../../fakes/silent-log.ts';
import { readKeyRing } from '../../../certs/key-ring.ts';
import { issuerOf, readCertificates } from '../../../certs/plan/certificate-view.ts';
import { SelfSigned } from '../../../certs/self-signed.ts';
import { Trust } from '../../../certs/trust.ts';

const host = 'svidecar.svidecar.svc';
const lives = { leafS: 600, authorityS: 1_800, settleS: 60 };
const minute = 60_000;
const ends: AbortController[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) end.abort();
});

/** One cluster; replicas share its Secret, hooks and clock. */
class Site {
  readonly timers = new ManualTimers();
  readonly secret = new FakeSecret();
  readonly hooks = new FakeHooks();
  readonly log = new SilentLog();
  #replicas = 0;

  replica(leads: boolean): {
    readonly certificates: SelfSigned;
    readonly lease: FakeLease;
    /** Of the hooks, on what it serves. */
    readonly verdict: () => string;
  } {
    const { timers, secret, hooks, log } = this;
    const lease = new FakeLease(leads);
    const trust = new Trust({
      configurations: hooks,
      clock: timers,
      log,
      settleMs: lives.settleS * 1000,
      isOurs: true,
    });
    const certificates = new SelfSigned({
      store: secret,
      trust,
      timers,
      log,
      lives,
      leadership: lease,
      hosts: [host],
      random: () => 0.5,
    });
    const end = new AbortController();
    ends.push(end);
    this.#replicas += 1;
    certificates.start(end.signal);
    const { served } = certificates;
    return { certificates, lease, verdict: () => trust.verdict(served.chain() ?? []).kind };
  }

  /** Moves time in steps, each to its end. */
  async pass(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 10_000) {
      await this.timers.advance(Math.min(left, 10_000));
      await this.idle();
    }
  }

  /** Until every replica has come to the end of its round: only then it has set its timer. Keys are made on other threads. */
  async idle(): Promise<void> {
    for (let quiet = 0; quiet < 3;) {
      await settled();
      quiet = this.timers.pending === this.#replicas ? quiet + 1 : 0;
    }
  }

  /** Fingerprint of the authority that signs. */
  signer(): string | undefined {
    return readKeyRing(this.secret.data).signer?.view.fingerprint;
  }

  trusted(): readonly string[] {
    return readCertificates(this.hooks.bundles.get('pods') ?? '').map((each) => each.fingerprint);
  }
}

async function started(): Promise<Site & { readonly leader: ReturnType<Site['replica']> }> {
  const site = new Site();
  const leader = site.replica(true);
  await site.idle();
  return Object.assign(site, { leader });
}

test('the leader makes authority and leaf, all replicas serve, and every hook trusts it', async () => {
  const site = await started();
  const follower = site.replica(false);
  await site.idle();
  const pair = site.leader.certificates.served.current();
  expect(pair?.certificate).toBe(site.secret.data['tls.crt']);
  expect(follower.certificates.served.current()).toEqual(pair);
  expect(follower.verdict()).toBe('trusted');
  expect([...site.hooks.bundles.values()]).toEqual([
    site.secret.data['ca.crt'],
    site.secret.data['ca.crt'],
  ]);
  expect([site.secret.writes, site.hooks.writes]).toEqual([1, 2]);
});

test('nothing is written while nothing is to be changed', async () => {
  const site = await started();
  await site.pass(5 * minute);
  expect([site.secret.writes, site.hooks.writes]).toEqual([1, 2]);
});

test('a follower alone makes nothing', async () => {
  const site = new Site();
  site.replica(false);
  await site.pass(5 * minute);
  expect(site.secret.stored).toBe('absent');
  expect(site.hooks.writes).toBe(0);
});

test('a leaf is renewed at two thirds of its life, by the same authority, without a write to any hook', async () => {
  const site = await started();
  const before = site.secret.data['tls.crt'];
  const ca = site.secret.data['ca.crt'];
  await site.pass(7 * minute);
  expect(site.secret.data['tls.crt']).not.toBe(before);
  expect(site.secret.data['ca.crt']).toBe(ca);
  expect(site.hooks.writes).toBe(2);
  expect(site.leader.certificates.served.current()?.certificate).toBe(site.secret.data['tls.crt']);
});

test('a machine that slept through the time of renewal catches up within a minute after it', async () => {
  const site = await started();
  const before = site.secret.data['tls.crt'];
  site.timers.jump(9 * minute);
  expect(site.secret.data['tls.crt']).toBe(before);
  await site.pass(minute);
  expect(site.secret.data['tls.crt']).not.toBe(before);
});

test.each([
  ['forward over the life of everything', 60 * minute],
  ['back to before everything', -60 * minute],
])('after the clock jumped %s there is a live leaf that every hook trusts', async (_name, ms) => {
  const site = await started();
  site.timers.jump(ms);
  site.leader.lease.set(true);
  await site.pass(2 * minute);
  expect(site.leader.verdict()).toBe('trusted');
});

test('an authority is replaced with overlap: trusted first, signing later, forgotten when its last leaf has ended', async () => {
  const site = await started();
  const first = site.signer();
  const seen = { waiting: false, overlap: false };
  for (let i = 0; i < 35 * 6; i += 1) {
    await site.pass(10_000);
    const { leaf, next, past } = readKeyRing(site.secret.data);
    // At every moment the served leaf is one that every hook trusts.
    expect(site.leader.verdict()).toBe('trusted');
    const isOverlapping = site.trusted().length === 2;
    seen.waiting ||= next !== undefined && isOverlapping;
    seen.overlap ||= past.length > 0 && isOverlapping;
    const waiting = next === undefined ? [] : [next.view];
    expect(leaf && issuerOf(leaf.view, waiting)).toBeUndefined();
  }
  expect(seen).toEqual({ waiting: true, overlap: true });
  expect(site.signer()).not.toBe(first);
  expect(site.trusted()).not.toContain(first);
});

describe('a Secret that was', () => {
  const half = (text = ''): string => text.slice(0, text.length / 2);
  test.each([
    ['deleted', (): 'absent' => 'absent'],
    ['emptied', (): Record<string, string> => ({})],
    [
      'half written',
      (data: Record<string, string>) => ({
        ...data,
        'tls.key': half(data['tls.key']),
        'ca.key': half(data['ca.key']),
      }),
    ],
    [
      'left without its authority',
      ({ 'tls.crt': crt = '', 'tls.key': key = '' }) => ({ 'tls.crt': crt, 'tls.key': key }),
    ],
    [
      'left without its leaf',
      (data: Record<string, string>) => ({ ...data, 'tls.crt': '', 'tls.key': '' }),
    ],
    [
      'filled with garbage',
      (): Record<string, string> => ({
        'tls.crt': 'x',
        'tls.key': '-----BEGIN',
        'ca.crt': '\u0000',
        'past.crt': '-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----',
      }),
    ],
  ])('%s is repaired, and the leaf in hand is served meanwhile', async (_name, harm) => {
    const site = await started();
    const follower = site.replica(false);
    await site.idle();
    const before = site.leader.certificates.served.current();
    site.secret.put(harm(site.secret.data));
    await site.idle();
    for (const replica of [site.leader, follower]) {
      expect(replica.certificates.served.current()).toBeDefined();
      expect(replica.verdict()).toBe('trusted');
    }
    for (let i = 0; i < 12; i += 1) {
      await site.pass(10_000);
      for (const replica of [site.leader, follower]) {
        expect(replica.verdict()).toBe('trusted');
      }
    }
    const ring = readKeyRing(site.secret.data);
    expect(ring.faults).toEqual([]);
    const { leaf, signer } = ring;
    expect(leaf && signer && issuerOf(leaf.view, [signer.view])).toBeDefined();
    expect(site.leader.certificates.served.current()?.certificate).toBe(
      site.secret.data['tls.crt'],
    );
    expect(site.secret.data['tls.crt']).not.toBe(before?.certificate);
    expect(JSON.stringify(site.log.lines)).not.toContain('PRIVATE KEY');
  });

  test('replaced by a foreign pair that a caBundle trusts gives way only after our authority is trusted', async () => {
    const site = new Site();
    // The fake clock is ahead of the real one, by which the pair is made.
    const endsInMs = site.timers.now() - Date.now() + 60 * minute;
    const foreign = await makeServingPair({ host, name: 'foreign', endsInMs });
    for (const name of site.hooks.bundles.keys()) site.hooks.bundles.set(name, foreign.certificate);
    site.secret.put({ 'tls.crt': foreign.certificate, 'tls.key': foreign.key });
    const { certificates, verdict } = site.replica(true);
    await site.idle();
    expect(certificates.served.current()?.certificate).toBe(foreign.certificate);
    await site.pass(30_000);
    expect(certificates.served.current()?.certificate).toBe(foreign.certificate);
    expect(site.trusted()).toHaveLength(2);
    await site.pass(2 * minute);
    expect(certificates.served.current()?.certificate).not.toBe(foreign.certificate);
    expect(verdict()).toBe('trusted');
  });
});

test('a Secret lost together with its leader: a replica goes on with the leaf in hand until the new authority has settled', async () => {
  const site = await started();
  const follower = site.replica(false);
  await site.idle();
  const hand = follower.certificates.served.current();
  const old = site.signer();
  site.leader.lease.set(false);
  site.secret.put('absent');
  const newcomer = site.replica(true);
  await site.idle();
  expect(newcomer.certificates.served.current()?.certificate).toBe(site.secret.data['tls.crt']);
  await site.pass(lives.settleS * 500);
  expect(follower.certificates.served.current()).toEqual(hand);
  for (let i = 0; i < 24; i += 1) {
    expect([follower.verdict(), newcomer.verdict()]).toEqual(['trusted', 'trusted']);
    await site.pass(10_000);
  }
  expect(follower.certificates.served.current()).toEqual(newcomer.certificates.served.current());
  expect(site.trusted()).toEqual([site.signer()]);
  expect(site.trusted()).not.toContain(old);
});

describe('two writers', () => {
  test('a write that comes too late is dropped, and what the other wrote is served', async () => {
    const other = await started();
    const site = new Site();
    let isFirst = true;
    site.secret.before = () => {
      if (isFirst) {
        isFirst = false;
        site.secret.put(other.secret.data);
      }
    };
    const { certificates } = site.replica(true);
    await site.idle();
    expect(certificates.counts.conflict).toBe(1);
    expect(site.secret.data).toEqual(other.secret.data);
    expect(certificates.served.current()?.certificate).toBe(other.secret.data['tls.crt']);
  });

  test('two leaders at once end with one Secret that both serve', async () => {
    const site = new Site();
    const one = site.replica(true);
    const two = site.replica(true);
    await site.idle();
    const pair = one.certificates.served.current();
    expect(pair?.certificate).toBe(site.secret.data['tls.crt']);
    expect(two.certificates.served.current()).toEqual(pair);
    expect(site.secret.writes).toBe(1);
  });
});

describe('while something is forbidden', () => {
  test('a Secret that cannot be written is tried again, later and later, and the leaf in hand is served', async () => {
    const site = await started();
    const before = site.leader.certificates.served.current();
    let tries = 0;
    site.secret.before = () => {
      tries += 1;
      throw new Error('secrets is forbidden');
    };
    await site.pass(9 * minute);
    expect(site.leader.certificates.served.current()).toEqual(before);
    expect(site.leader.certificates.failures).toBeGreaterThan(1);
    expect(tries).toBeLessThan(30);
    site.secret.before = () => undefined;
    await site.pass(minute);
    expect(site.leader.certificates.served.current()).not.toEqual(before);
    expect(site.leader.certificates.failures).toBe(0);
  });

  test('a caBundle that cannot be written does not keep the leaf from being renewed', async () => {
    const site = await started();
    const before = site.secret.data['tls.crt'];
    site.hooks.before = () => {
      throw new Error('mutatingwebhookconfigurations is forbidden');
    };
    site.hooks.put('pods', '');
    await site.pass(8 * minute);
    expect(site.secret.data['tls.crt']).not.toBe(before);
  });
});
