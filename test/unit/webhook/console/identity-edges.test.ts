import { describe, expect, it } from 'vitest';
import type { IdentityOfWorkload } from '../../../../webhook/console/console-reports.ts';
import { identityEdges } from '../../../../webhook/console/identity-edges.ts';

function node(name: string, changes: Partial<IdentityOfWorkload> = {}): IdentityOfWorkload {
  return {
    kind: 'workload',
    id: `shop/Deployment/${name}`,
    namespace: 'shop',
    workloadKind: 'Deployment',
    name,
    spiffeId: `spiffe://example.org/ns/shop/sa/${name}`,
    sendsTo: [],
    accepts: [],
    allowCallers: [],
    federatesWith: [],
    link: { status: 'complete' },
    entries: [],
    twins: [],
    ...changes,
  };
}

const caller = node('frontend', { sendsTo: ['backend'] });
const callee = node('backend', { accepts: ['backend'], allowCallers: ['spiffe://example.org'] });
const gap = {
  status: 'missing',
  step: 'entry',
  message: 'SPIRE has no entry',
  hint: 'make it',
} as const;

function edge(...nodes: readonly IdentityOfWorkload[]) {
  const { edges } = identityEdges(nodes);
  expect(edges).toHaveLength(1);
  return edges[0];
}

describe('who may call whom', () => {
  it('is whoever sends tokens that are accepted, and is let in', () => {
    expect(edge(caller, callee)).toMatchObject({
      from: caller.id,
      to: callee.id,
      audience: 'backend',
      status: 'complete',
    });
  });

  it('is missing where the caller is not let in', () => {
    const other = { allowCallers: ['spiffe://example.org/ns/shop/sa/admin'] };
    const { edges, outside } = identityEdges([caller, { ...callee, ...other }]);
    expect(edges.find(({ from }) => from === caller.id)).toMatchObject({
      status: 'missing',
      words: expect.stringContaining(
        'does not let spiffe://example.org/ns/shop/sa/frontend in',
      ) as string,
      hint: expect.stringContaining('svidecar.dev/allow-callers') as string,
    });
    expect(outside).toMatchObject([{ kind: 'caller', label: other.allowCallers[0] }]);
  });

  it('does not take a name that only begins like another one', () => {
    const near = {
      allowCallers: ['spiffe://example.org/ns/shop/sa/front/*', 'spiffe://example.or'],
    };
    const { edges } = identityEdges([caller, { ...callee, ...near }]);
    expect(edges.find(({ from }) => from === caller.id)?.status).toBe('missing');
  });

  it.each([
    ['the caller', [{ ...caller, link: gap }, callee]],
    ['the callee', [caller, { ...callee, link: gap }]],
  ])('is missing where %s has no identity', (_who, nodes) => {
    expect(edge(...nodes)).toMatchObject({ status: 'missing', hint: 'make it' });
  });

  it('is not known where an identity is not known', () => {
    const link = { status: 'unknown', message: 'not asked' } as const;
    expect(edge({ ...caller, link }, callee)?.status).toBe('unknown');
  });

  it('is missing where one is let in by name and sends nothing that is accepted', () => {
    const named = { allowCallers: [caller.spiffeId ?? ''] };
    const silent = { ...caller, sendsTo: [] };
    expect(edge(silent, { ...callee, ...named })).toMatchObject({
      status: 'missing',
      words: expect.stringContaining('sends no tokens for backend') as string,
    });
  });

  it('tells of audiences that nobody accepts', () => {
    const { edges, outside } = identityEdges([caller]);
    expect(edges).toMatchObject([{ status: 'unknown', to: 'audience backend' }]);
    expect(outside).toMatchObject([{ kind: 'audience', label: 'backend' }]);
  });

  it('wants federation where another trust domain is let in', () => {
    const partner = { allowCallers: ['spiffe://partner.example'] };
    expect(edge({ ...callee, ...partner })).toMatchObject({
      from: 'trust_domain spiffe://partner.example',
      status: 'missing',
      hint: expect.stringContaining('svidecar.dev/federates-with') as string,
    });
    const federated = { ...partner, federatesWith: ['partner.example'] };
    expect(edge({ ...callee, ...federated })?.status).toBe('complete');
  });

  it('stays small where everybody may call everybody, and keeps what is missing', () => {
    const many = Array.from({ length: 600 }, (_, i) =>
      node(`w${i}`, { sendsTo: ['a'], accepts: ['a'], allowCallers: ['spiffe://example.org'] }),
    );
    const shut = node('shut', { accepts: ['a'], allowCallers: ['spiffe://example.org/nobody'] });
    const { edges, leftOut } = identityEdges([shut, ...many]);
    expect(edges.length).toBeLessThanOrEqual(2_000);
    expect(edges.filter(({ status }) => status === 'missing').length).toBeGreaterThan(100);
    expect(leftOut).toBeGreaterThan(300_000);
  });
});
