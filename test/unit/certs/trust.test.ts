import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { FakeHooks } from '../../fakes/certificates.ts';
import { ManualTimers } from '../../fakes/manual-timers.ts';
import { SilentLog } from '../../fakes/silent-log.ts';
import { issueLeaf, makeAuthority, type PemPair } from '../../../certs/authority.ts';
import { readCertificates, type CertificateView } from '../../../certs/plan/certificate-view.ts';
import { Trust } from '../../../certs/trust.ts';

const host = 'svidecar.svidecar.svc';
const settleMs = 60_000;
const validity = { nowS: 1_800_000_000, lifeS: 86_400 };
let ours: PemPair;
let stranger: PemPair;
let chain: readonly CertificateView[];
let timers: ManualTimers;
let hooks: FakeHooks;
let log: SilentLog;

beforeAll(async () => {
  [ours, stranger] = await Promise.all([makeAuthority(validity), makeAuthority(validity)]);
  chain = readCertificates((await issueLeaf(ours, [host], validity)).certificate);
});
beforeEach(() => {
  timers = new ManualTimers(validity.nowS * 1000);
  hooks = new FakeHooks();
  log = new SilentLog();
});

const trustOf = (isOurs = true): Trust =>
  new Trust({ configurations: hooks, clock: timers, log, settleMs, isOurs });
const lead = (trust: Trust): Promise<void> =>
  trust.keep(readCertificates(ours.certificate), { isLeader: true, serving: chain });
const follow = (trust: Trust): Promise<void> =>
  trust.keep(readCertificates(ours.certificate), { isLeader: false, serving: chain });
const putAll = (text: string): void => {
  for (const name of hooks.bundles.keys()) hooks.put(name, text);
};
const all = (): readonly string[] => [...new Set(hooks.bundles.values())];

describe('the leader', () => {
  test.each([
    ['empty', ''],
    ['garbage', 'garbage'],
    ['cut off', '-----BEGIN CERTIFICATE-----\nAAAA'],
    ['half garbage', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'],
  ])('puts right at once a caBundle that is %s', async (_name, text) => {
    putAll(text);
    await lead(trustOf());
    expect(all()).toEqual([ours.certificate]);
  });

  test('writes nothing where only order and white space differ', async () => {
    putAll(`# ours\n\n${ours.certificate}\n\n`);
    await lead(trustOf());
    expect(hooks.writes).toBe(0);
  });

  test('adds ours beside a stranger at once, and takes the stranger out after three settling times', async () => {
    const trust = trustOf();
    putAll(stranger.certificate);
    await lead(trust);
    expect(all()).toEqual([ours.certificate + stranger.certificate]);
    timers.jump(3 * settleMs - 1);
    await lead(trust);
    expect(all()).toEqual([ours.certificate + stranger.certificate]);
    timers.jump(1);
    await lead(trust);
    expect(all()).toEqual([ours.certificate]);
  });

  test('gives up for a while when somebody else keeps writing, and says so', async () => {
    const trust = trustOf();
    for (let i = 0; i < 100; i += 1) {
      putAll('');
      await lead(trust);
      timers.jump(100);
    }
    expect(hooks.writes).toBe(24);
    expect(log.lines.some(({ message }) => message.includes('keeps writing the caBundle'))).toBe(
      true,
    );
    timers.jump(60_000);
    await lead(trust);
    expect(all()).toEqual([ours.certificate]);
  });
});

describe('a follower', () => {
  test('adds what it needs once it was not trusted for half a settling time, and takes nothing out', async () => {
    const trust = trustOf();
    putAll(stranger.certificate);
    await follow(trust);
    timers.jump(settleMs / 2 - 1);
    await follow(trust);
    expect(hooks.writes).toBe(0);
    timers.jump(1);
    await follow(trust);
    expect(all()).toEqual([ours.certificate + stranger.certificate]);
    timers.jump(10 * settleMs);
    await follow(trust);
    expect(all()).toEqual([ours.certificate + stranger.certificate]);
  });
});

describe('an authority is confirmed', () => {
  const isConfirmed = (trust: Trust): boolean => trust.isConfirmed(fingerprint());
  const fingerprint = (): string => readCertificates(ours.certificate)[0]?.fingerprint ?? '';

  test('after it was in every caBundle for the settling time, without a break', () => {
    const trust = trustOf();
    putAll(ours.certificate);
    expect(isConfirmed(trust)).toBe(false);
    timers.jump(settleMs);
    expect(isConfirmed(trust)).toBe(true);
    hooks.put('pods', '');
    expect(isConfirmed(trust)).toBe(false);
    hooks.put('pods', ours.certificate);
    timers.jump(settleMs - 1);
    expect(isConfirmed(trust)).toBe(false);
    timers.jump(1);
    expect(isConfirmed(trust)).toBe(true);
  });

  test('never while the hooks are not listed, at once where there are none', () => {
    const trust = trustOf();
    hooks.isListed = false;
    timers.jump(settleMs);
    expect(isConfirmed(trust)).toBe(false);
    hooks.isListed = true;
    hooks.bundles.clear();
    expect(isConfirmed(trust)).toBe(true);
  });

  test('not the sooner because the clock was set forward and back', () => {
    const trust = trustOf();
    putAll(ours.certificate);
    timers.jump(-settleMs);
    expect(isConfirmed(trust)).toBe(false);
  });
});

describe('the verdict on what is served', () => {
  test.each([
    [
      'trusted',
      'by every hook',
      (): void => {
        putAll(stranger.certificate + ours.certificate);
      },
    ],
    [
      'untrusted',
      'when one hook lacks the authority',
      (): void => {
        hooks.put('pods', ours.certificate);
      },
    ],
    [
      'untrusted',
      'when the leaf has ended',
      (): void => {
        putAll(ours.certificate);
        timers.jump(86_400_000);
      },
    ],
    [
      'untrusted',
      'when the leaf has not begun',
      (): void => {
        putAll(ours.certificate);
        timers.jump(-86_400_000);
      },
    ],
    [
      'unknown',
      'before the hooks are listed',
      (): void => {
        hooks.isListed = false;
      },
    ],
    [
      'unknown',
      'where there are none',
      (): void => {
        hooks.bundles.clear();
      },
    ],
  ])('is "%s" %s', (kind, _when, arrange) => {
    const trust = trustOf();
    arrange();
    expect(trust.verdict(chain).kind).toBe(kind);
  });

  test('is "unknown" for an empty caBundle that somebody else keeps, "untrusted" for one of ours', () => {
    expect(trustOf(false).verdict(chain).kind).toBe('unknown');
    expect(trustOf(true).verdict(chain).kind).toBe('untrusted');
  });
});
