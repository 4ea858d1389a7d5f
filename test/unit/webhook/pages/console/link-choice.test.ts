import { describe, expect, test } from 'vitest';
import type { IdentityEdge } from '../../../../../webhook/console/console-reports.ts';
import { linkChoice } from '../../../../../webhook/pages/console/link-choice.ts';
import { curveOf, layoutOf } from '../../../../../webhook/pages/console/link-layout.ts';
import { identities } from '../../../../fakes/console-reports-facts.ts';

describe('the links that are shown', () => {
  test('what is missing stands first, and of workloads those whose chain is broken', () => {
    const { links, workloads, words } = linkChoice(identities, '');
    expect(links.map(({ status }) => status)).toEqual([
      'missing',
      'missing',
      'unknown',
      'unknown',
      'complete',
    ]);
    expect(workloads[0]?.name).toBe('mail');
    expect(words).toBe('5 links, 2 with something missing');
  });

  test('words choose links by either end, and the workloads at them', () => {
    const { links, workloads } = linkChoice(identities, 'Shop-0 MAIL');
    expect(links.map(({ from }) => from)).toEqual(['shop-0/Deployment/mail']);
    expect(workloads.map(({ name }) => name)).toEqual(['mail', 'backend']);
  });

  test('of many links the picture has the first, and says so', () => {
    const [edge] = identities.edges;
    const edges = Array.from({ length: 100 }, () => edge).filter((each) => each !== undefined);
    const { drawn, links, words } = linkChoice({ ...identities, edges }, '');
    expect([drawn.length, links.length]).toEqual([40, 100]);
    expect(words).toContain('the picture shows 40');
  });
});

describe('where they stand', () => {
  const sizes = { width: 900, nodeWidth: 200, nodeHeight: 40, gap: 10 };
  const link = (from: string, to: string): Pick<IdentityEdge, 'from' | 'to'> => ({ from, to });

  test('callers stand beside whom they call, and nothing overlaps', () => {
    const links = [link('z', 'one'), link('y', 'two'), link('x', 'three'), link('x', 'two')];
    const { callers, callees, height } = layoutOf(['one', 'two', 'three'], links, sizes);
    expect(callers.map(({ id }) => id)).toEqual(['z', 'y', 'x']);
    expect(callees.map(({ x, y }) => [x, y])).toEqual([
      [700, 10],
      [700, 60],
      [700, 110],
    ]);
    expect(height).toBeGreaterThanOrEqual(150);
  });

  test('the shorter column stands in the middle', () => {
    const links = ['a', 'b', 'c'].map((from) => link(from, 'one'));
    const { callees, callers } = layoutOf(['one'], links, sizes);
    expect(callees[0]?.y).toBe(callers[1]?.y);
  });

  test('a link goes from the right edge of one box to the left edge of the other', () => {
    const curve = curveOf({ id: 'a', x: 0, y: 10 }, { id: 'b', x: 700, y: 60 }, sizes);
    expect(curve).toBe('M200 30C450 30 450 80 700 80');
  });
});
