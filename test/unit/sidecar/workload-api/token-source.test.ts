import { describe, expect, test } from 'vitest';
import { parseSpiffeId } from '#kernel/spiffe-id.ts';
import type { CallFailure, FailureKind } from '../../../../sidecar/workload-api/api.ts';
import {
  JwtTokenSource,
  type TokenSourceOptions,
} from '../../../../sidecar/workload-api/token-source.ts';
import { FakeWorkloadApi } from '../../../fakes/fake-workload-api.ts';
import { ManualTimers, settled } from '../../../fakes/manual-timers.ts';
import { makeKey, makeToken } from '../../../fakes/token-maker.ts';

const key = makeKey('k1');
const a = 'spiffe://example.org/a';
const b = 'spiffe://example.org/b';

class Bench {
  readonly api = new FakeWorkloadApi();
  readonly timers = new ManualTimers();
  readonly source: JwtTokenSource;
  changes = 0;

  constructor(options: Partial<TokenSourceOptions> = {}) {
    const { api, timers } = this;
    this.source = new JwtTokenSource({ api, timers, random: () => 0, audience: 'x', ...options });
    this.source.onChange(() => {
      this.changes++;
    });
    this.source.start();
  }
  get nowS(): number {
    return this.timers.now() / 1_000;
  }
  get token(): string | undefined {
    return this.source.current(this.nowS)?.token;
  }
  token60(claims: Record<string, unknown> = {}, spiffeId = a): string {
    return makeToken({
      key,
      claims: { sub: spiffeId, aud: 'x', iat: this.nowS, exp: this.nowS + 60, ...claims },
    });
  }
  async give(token: string, spiffeId = a): Promise<string> {
    this.api.lastFetch.answer({ kind: 'done', value: [{ spiffeId, token, hint: '' }] });
    await settled();
    return token;
  }
  async fail(kind: FailureKind, text = 'because'): Promise<void> {
    this.api.lastFetch.answer({ kind: 'failed', failure: { kind, text } satisfies CallFailure });
    await settled();
  }
}

describe('a token source', () => {
  test('asks at once, once, and has the token afterwards', async () => {
    const bench = new Bench();
    expect(bench.token).toBeUndefined();
    expect(bench.source.problem()).toContain('waiting for the Workload API');
    bench.source.start();
    expect(bench.api.fetches).toHaveLength(1);
    expect(bench.api.lastFetch.request).toEqual({ audiences: ['x'] });
    const token = await bench.give(bench.token60());
    await bench.source.ready;
    expect(bench.source.current(bench.nowS)).toEqual({
      token,
      spiffeId: a,
      issuedAtS: bench.nowS,
      expiresAtS: bench.nowS + 60,
    });
    expect(bench.source.problem()).toBeUndefined();
    expect(bench.changes).toBe(1);
  });

  test('renews at half life and serves the old token meanwhile', async () => {
    const bench = new Bench();
    const old = await bench.give(bench.token60());
    await bench.timers.advance(29_999);
    expect(bench.api.fetches).toHaveLength(1);
    await bench.timers.advance(1);
    expect(bench.api.fetches).toHaveLength(2);
    expect(bench.token).toBe(old);
    await bench.timers.advance(20_000);
    expect(bench.api.fetches, 'a single flight').toHaveLength(2);
    const next = await bench.give(bench.token60());
    expect(bench.token).toBe(next);
    expect(bench.changes).toBe(2);
  });

  test.each([
    [0, 30_000],
    [0.5, 33_000],
    [0.999, 35_994],
  ])('chance %d puts the renewal at %d ms', async (chance, expectedMs) => {
    const bench = new Bench({ random: () => chance });
    await bench.give(bench.token60());
    await bench.timers.advance(expectedMs - 1);
    expect(bench.api.fetches).toHaveLength(1);
    await bench.timers.advance(1);
    expect(bench.api.fetches).toHaveLength(2);
  });

  test('serves the last token until it expires while the agent is away, and none afterwards', async () => {
    const bench = new Bench();
    const token = await bench.give(bench.token60());
    await bench.timers.advance(30_000);
    await bench.fail('unavailable', 'UNAVAILABLE: connect ENOENT');
    expect(bench.source.problem()).toContain('UNAVAILABLE: connect ENOENT');
    bench.timers.jump(29_999);
    expect(bench.token).toBe(token);
    bench.timers.jump(1);
    expect(bench.token).toBeUndefined();
  });

  test('recovers by itself within seconds, however long the agent was away', async () => {
    const bench = new Bench();
    await bench.give(bench.token60());
    await bench.timers.advance(30_000);
    for (let index = 0; index < 50; index++) {
      await bench.fail('unavailable');
      expect(bench.timers.nextMs).toBeLessThanOrEqual(5_000);
      await bench.timers.advance(5_000);
    }
    await bench.give(bench.token60());
    expect(bench.token).toBeDefined();
    expect(bench.source.problem()).toBeUndefined();
  });

  test('asks often for an identity that is not there yet, and less often after two minutes', async () => {
    const bench = new Bench();
    const waits: number[] = [];
    while (bench.nowS < 1_800_000_000 + 200) {
      await bench.fail('no_identity');
      waits.push(bench.timers.nextMs ?? 0);
      await bench.timers.advance(bench.timers.nextMs ?? 0);
    }
    expect(Math.max(...waits.slice(0, 100))).toBe(1_000);
    expect(waits.at(-1)).toBe(5_000);
    expect(bench.source.problem()).toContain('no registration entry matches this workload');
    await bench.give(bench.token60());
    expect(bench.token).toBeDefined();
  });

  test('an entry that is deleted ends with the token, and is not asked for all the time', async () => {
    const bench = new Bench();
    const token = await bench.give(bench.token60());
    await bench.timers.advance(30_000);
    for (let index = 0; index < 4; index++) {
      await bench.fail('no_identity');
      expect(bench.timers.nextMs).toBe(Math.min(5_000, 1_000 * 2 ** index));
      await bench.timers.advance(5_000);
    }
    expect(bench.token).toBe(token);
    await bench.timers.advance(10_000);
    expect(bench.token).toBeUndefined();
    expect(bench.source.problem()).toContain('k8s:container-name:auth-helper');
  });

  test('a request that is refused for good is not repeated', async () => {
    const bench = new Bench();
    await bench.fail('rejected', 'INVALID_ARGUMENT: audience');
    await bench.timers.advance(600_000);
    expect(bench.api.fetches).toHaveLength(1);
    expect(bench.source.problem()).toContain('refuses for good');
  });

  test('a token that the agent had already is renewed when a quarter of its rest is over', async () => {
    const bench = new Bench();
    await bench.give(bench.token60({ iat: bench.nowS - 40, exp: bench.nowS + 20 }));
    expect(bench.timers.nextMs).toBe(5_000);
  });

  test('the same token again says that the agent has no newer one, and does not count as a change', async () => {
    const bench = new Bench();
    const token = await bench.give(bench.token60());
    await bench.timers.advance(30_000);
    await bench.give(token);
    expect(bench.source.problem()).toContain('reaches its SPIRE server');
    expect(bench.changes).toBe(1);
    expect(bench.timers.nextMs).toBe(7_500);
  });

  test('a token of a few seconds is not asked for more than once a second', async () => {
    const bench = new Bench();
    await bench.give(bench.token60({ exp: bench.nowS + 1 }));
    expect(bench.timers.nextMs).toBe(1_000);
  });

  test('a machine that slept through the renewal asks within half a minute of waking', async () => {
    const bench = new Bench();
    await bench.give(bench.token60({ exp: bench.nowS + 3_600 }));
    bench.timers.jump(3_000_000);
    expect(bench.timers.nextMs).toBeLessThanOrEqual(30_000);
    expect(bench.source.problem()).toBeUndefined();
    bench.timers.jump(600_000);
    expect(bench.source.problem()).toContain('has expired');
    await bench.timers.advance(30_000);
    expect(bench.api.fetches).toHaveLength(2);
  });

  test('a renewal leaves room for another before the token expires', async () => {
    const bench = new Bench();
    expect(bench.api.lastFetch.options.deadlineMs).toBe(30_000);
    await bench.give(bench.token60());
    await bench.timers.advance(30_000);
    expect(bench.api.lastFetch.options.deadlineMs).toBe(15_000);
  });

  test('asks for the identity it was told to, and takes no other', async () => {
    const bench = new Bench({ spiffeId: parseSpiffeId(b) });
    expect(bench.api.lastFetch.request).toEqual({ audiences: ['x'], spiffeId: b });
    await bench.give(bench.token60());
    expect(bench.token).toBeUndefined();
    expect(bench.source.problem()).toContain('none of the 1 identities');
  });

  test('chooses by hint, the first of two with the same one', async () => {
    const bench = new Bench({ hint: 'internal' });
    const one = bench.token60();
    const two = bench.token60({}, b);
    const three = bench.token60({ jti: '3' }, b);
    bench.api.lastFetch.answer({
      kind: 'done',
      value: [
        { spiffeId: a, token: one, hint: '' },
        { spiffeId: b, token: two, hint: 'internal' },
        { spiffeId: b, token: three, hint: 'internal' },
      ],
    });
    await settled();
    expect(bench.token).toBe(two);
  });

  test.each([
    ['an expired token', { exp: 1 }, 'compare the clocks'],
    ['a token without expiry', { exp: undefined }, 'no_expiry'],
    ['a token of another identity than it says', { sub: b }, 'another identity'],
  ])('an agent that gives %s is asked again', async (_name, claims, problem) => {
    const bench = new Bench();
    await bench.give(bench.token60(claims));
    expect(bench.token).toBeUndefined();
    expect(bench.source.problem()).toContain(problem);
    await bench.timers.advance(200);
    expect(bench.api.fetches).toHaveLength(2);
  });

  test('that was closed asks no more and leaves no timer', async () => {
    const bench = new Bench();
    await bench.give(bench.token60());
    bench.source.close();
    expect(bench.timers.pending).toBe(0);
    bench.source.start();
    await bench.timers.advance(600_000);
    expect(bench.api.fetches).toHaveLength(1);
  });

  test('stops with its signal, also while it asks', async () => {
    const stop = new AbortController();
    const api = new FakeWorkloadApi();
    const timers = new ManualTimers();
    const source = new JwtTokenSource({ api, timers, random: () => 0, audience: 'x' });
    source.start(stop.signal);
    stop.abort();
    expect(api.lastFetch.options.signal?.aborted).toBe(true);
    api.lastFetch.answer({ kind: 'failed', failure: { kind: 'unavailable', text: 'CANCELLED' } });
    await settled();
    expect(timers.pending).toBe(0);
  });

  test('a listener that was taken off hears nothing', async () => {
    const bench = new Bench();
    let calls = 0;
    const off = bench.source.onChange(() => calls++);
    off();
    await bench.give(bench.token60());
    expect(calls).toBe(0);
    expect(bench.changes).toBe(1);
  });
});
