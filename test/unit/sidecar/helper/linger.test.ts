import { describe, expect, test } from 'vitest';
import { lingered, lingerMs } from '../../../../sidecar/helper/linger.ts';

describe('a helper that is told to stop', () => {
  /** Connections at each look, then 0. @returns milliseconds that it stayed */
  async function staysMs(looks: readonly number[], mostMs: number): Promise<number> {
    let nowMs = 0;
    let look = 0;
    await lingered({
      connections: () => looks[look++] ?? 0,
      mostMs,
      now: () => nowMs,
      sleep: (ms) => Promise.resolve((nowMs += ms)),
    });
    return nowMs;
  }

  test.each([
    { name: 'goes at once when nobody is connected', looks: [], mostMs: 25_000, stays: 0 },
    { name: 'stays while somebody is', looks: [2, 1, 1], mostMs: 25_000, stays: 150 },
    {
      name: 'stays no longer than it may',
      looks: Array<number>(1_000).fill(1),
      mostMs: 1_000,
      stays: 1_000,
    },
    { name: 'goes at once where it may not stay', looks: [1, 1], mostMs: 0, stays: 0 },
  ])('$name', async ({ looks, mostMs, stays }) => {
    expect(await staysMs(looks, mostMs)).toBe(stays);
  });
});

test.each([
  [{}, 0],
  [{ POD_NAME: 'web-1' }, 20_000],
  [{ POD_NAME: 'web-1', LINGER_SECONDS: '' }, 20_000],
  [{ POD_NAME: 'web-1', LINGER_SECONDS: '0' }, 0],
  [{ LINGER_SECONDS: '25' }, 25_000],
  [{ LINGER_SECONDS: '3600' }, 3_600_000],
])('with %j it may stay %i ms', (env, expected) => {
  expect(lingerMs(env)).toBe(expected);
});

test.each(['-1', '1.5', '3601', '25s', ' 25', '1e2'])('LINGER_SECONDS %j is refused', (text) => {
  expect(() => lingerMs({ LINGER_SECONDS: text })).toThrow(/a whole number from 0 to 3600/);
});
