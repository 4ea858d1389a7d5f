import { expect, test } from 'vitest';
import { commandFor, entriesDocument } from '../../../../webhook/identity/server-forms.ts';
import { orders, ordersInFull } from '../../../fakes/registrations.ts';

const plain = { program: 'spire-server' };

test('a command names each trust domain that the workload federates with', () => {
  expect(commandFor(orders, plain)).toContain(
    '  -selector k8s:container-name:auth-helper \\\n  -federatesWith spiffe://other.org \\\n  -federatesWith spiffe://third.org\n',
  );
});

test('a command says names, lives and hint, quoted for a shell, and that no X.509-SVID is asked for ahead of time', () => {
  expect(commandFor(ordersInFull, plain)).toContain(
    [
      '  -dns orders',
      '  -dns orders.shop.svc',
      '  -federatesWith spiffe://other.org',
      '  -federatesWith spiffe://third.org',
      '  -x509SVIDTTL 600',
      '  -jwtSVIDTTL 60',
      "  -hint 'the shop'\\''s'",
      '  -disableX509SVIDPrefetch\n',
    ].join(' \\\n'),
  );
});

test('a command is run by what is named, at the socket that is named', () => {
  const command = commandFor(orders, { program: 'kubectl exec x -- /s', socketPath: '/run/a b' });
  expect(command.startsWith('kubectl exec x -- /s entry create \\\n')).toBe(true);
  expect(command.endsWith("  -socketPath '/run/a b'\n")).toBe(true);
});

test('what begins with a hyphen is no flag of its own', () => {
  const odd = { ...orders, hint: '-x', federatesWith: ['-a.test'] };
  const command = commandFor(odd, { program: 'spire-server', socketPath: '-s' });
  expect(command).toContain('  -federatesWith spiffe://-a.test \\\n');
  expect(command.endsWith('  -hint=-x \\\n  -socketPath=-s\n')).toBe(true);
});

test('without anything foreign, JSON holds identity, parent and selectors alone', () => {
  expect(entriesDocument([{ ...orders, federatesWith: [] }])).toEqual({
    entries: [
      {
        spiffe_id: 'spiffe://example.org/ns/shop/sa/orders',
        parent_id: 'spiffe://example.org/ns/spire/sa/spire-agent',
        selectors: [
          { type: 'k8s', value: 'ns:shop' },
          { type: 'k8s', value: 'sa:orders' },
          { type: 'k8s', value: 'container-name:auth-helper' },
        ],
      },
    ],
  });
});

test('JSON holds what a registration says in full', () => {
  expect(entriesDocument([ordersInFull])).toMatchObject({
    entries: [
      {
        dns_names: ['orders', 'orders.shop.svc'],
        federates_with: ['spiffe://other.org', 'spiffe://third.org'],
        x509_svid_ttl: 600,
        jwt_svid_ttl: 60,
        hint: "the shop's",
        additional_attributes: { disable_x509_svid_prefetch: true },
      },
    ],
  });
});
