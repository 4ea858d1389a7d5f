import { describe, expect, test } from 'vitest';
import { StreamGrants } from '../../../../sidecar/server/stream-grants.ts';

const limits = { most: 1_024, least: 8, shared: 4_096 };
const take = (grants: StreamGrants, count: number): number[] =>
  Array.from({ length: count }, () => grants.take());

describe('streams granted to connections', () => {
  test('the first connections get much, later ones less, by powers of two', () => {
    expect(take(new StreamGrants(limits), 12)).toEqual([
      1_024, 512, 512, 512, 256, 256, 256, 128, 128, 128, 64, 64,
    ]);
  });

  test('256 connections together stay under what is shared and the least of each', () => {
    const all = take(new StreamGrants(limits), 256);
    expect(all.reduce((sum, grant) => sum + grant)).toBeLessThanOrEqual(4_096 + 256 * 8);
    expect(Math.min(...all)).toBe(8);
  });

  test('what is given back is granted again', () => {
    const grants = new StreamGrants(limits);
    for (const grant of take(grants, 300)) grants.giveBack(grant);
    expect(grants.take()).toBe(1_024);
  });
});
