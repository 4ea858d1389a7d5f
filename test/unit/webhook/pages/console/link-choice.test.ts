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

  test('callers stand beside whom they call, in the order of the links, and nothing overlaps', () => {
    const links = [link('x', 'three'), link('z', 'one'), link('y', 'two'), link('x', 'two')];
    const { callers, callees, height } = layoutOf(links, sizes);
    expect(callers.map(({ id }) => id)).toEqual(['x', 'z', 'y']);
    expect(callees.map(({ id, x, y }) => [id, x, y])).toEqual([
      ['three', 700, 10],
      ['one', 700, 60],
      ['two', 700, 110],
    ]);
    expect(height).toBe(160);
  });

  test('whoever is called by many stands in the middle of them', () => {
    const links = ['a', 'b', 'c'].map((from) => link(from, 'one'));
    const { callees, callers } = layoutOf(links, sizes);
    expect(callees[0]?.y).toBe(callers[1]?.y);
  });

  test('whoever calls many stands in the middle of them, and two such do not overlap', () => {
    const links = ['one', 'two', 'three'].flatMap((to) => [link('a', to), link('b', to)]);
    const { callees, callers } = layoutOf(links, sizes);
    expect(callers.map(({ y }) => y)).toEqual([callees[1]?.y, 110]);
  });

  test('a link goes from the right edge of one box to the left edge of the other', () => {
    const curve = curveOf({ id: 'a', x: 0, y: 10 }, { id: 'b', x: 700, y: 60 }, sizes);
    expect(curve).toBe('M200 30C450 30 450 80 700 80');
  });
});
