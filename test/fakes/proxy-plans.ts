/** Plans for an Envoy of ours: one that is small, and arbitrary ones. */
import fc from 'fast-check';
import { inboundProtocols, type ProxyPlan } from '../../webhook/proxy/proxy-plan.ts';

export const smallPlan: ProxyPlan = Object.freeze({
  spiffeId: 'spiffe://example.org/ns/shop/sa/frontend',
  agentSocket: '/spiffe-workload-api/spire-agent.sock',
  inbound: [],
  upstreams: [],
  callers: ['spiffe://example.org'],
  accessLog: true,
  anyAddress: '::',
  admin: { socket: '/run/svidecar-envoy/admin.sock' },
  inPod: true,
  maxHeapBytes: 200 * 1_048_576,
});

const port = fc.integer({ min: 1, max: 65_535 });
const word = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?$/);
const trustDomain = fc.constantFrom('example.org', 'partner.test', 'on', '1.0', 'no_yes-.x');
const segment = fc.stringMatching(/^[A-Za-z0-9_-][A-Za-z0-9._-]{0,12}$/);
const spiffeId = fc
  .tuple(trustDomain, fc.array(segment, { minLength: 1, maxLength: 3 }))
  .map(([domain, path]) => `spiffe://${domain}/${path.join('/')}`);
const caller = fc.oneof(
  spiffeId,
  spiffeId.map((id) => `${id}/*`),
  trustDomain.map((domain) => `spiffe://${domain}`),
);
const host = fc.oneof(
  fc.array(word, { minLength: 1, maxLength: 3 }).map((words) => words.join('.')),
  fc.ipV4(),
  fc.constantFrom('::1', 'fd00::1', 'a.b.'),
);
const byPort = { selector: ({ listen }: { readonly listen: number }) => listen, maxLength: 4 };

/** Whatever the readers of annotations and flags let through. */
export const anyPlan: fc.Arbitrary<ProxyPlan> = fc.record({
  spiffeId,
  agentSocket: fc.constantFrom('/run/spire/agent.sock', '/a b/"c".sock'),
  inbound: fc.uniqueArray(
    fc.record({ protocol: fc.constantFrom(...inboundProtocols), listen: port, app: port }),
    byPort,
  ),
  upstreams: fc.uniqueArray(
    fc.record({
      protocol: fc.constantFrom('http' as const, 'tcp' as const),
      listen: port,
      host: host.filter((name) => !/^[\d.]+$/.test(name) || name.split('.').length === 4),
      port,
      spiffeId,
      domains: fc.constantFrom(['*'], ['127.0.0.1:1', 'localhost:1']),
    }),
    byPort,
  ),
  callers: fc.array(caller, { minLength: 1, maxLength: 4 }),
  accessLog: fc.boolean(),
  anyAddress: fc.constantFrom('::' as const, '0.0.0.0' as const),
  admin: fc.oneof(
    port.map((number) => ({ port: number })),
    fc.constant({ socket: '/run/admin.sock' }),
  ),
  inPod: fc.boolean(),
  maxHeapBytes: fc.integer({ min: 1, max: 2 ** 40 }),
});
