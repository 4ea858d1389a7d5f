/**
 * Envoy configurations for requests that go out, put together by chance: redirects that Envoy follows by itself, mirrors,
 * rewritten hosts, listeners that lead to one another. Every way through them leads to one app, which sees the host.
 */
import type fc from 'fast-check';
import type { JsonObject } from '#kernel/json.ts';
import { Draft } from './draft.ts';
import { address, manager, ownFilters, router, staticCluster } from './parts.ts';
import { mainFile, type Generated, type Ports } from './rig.ts';
import type { Probe } from './world.ts';

/** The value of `svidecar.dev/audience-by-host`. */
export const audiences = 'ledger.test=ledger,*.pay.test=pay';
/** Hosts with an audience of their own, and hosts that nobody named. */
const hosts = ['ledger.test', 'a.pay.test', 'elsewhere.test', 'pay.test'] as const;

/** Which audience a host's tokens must have, by the annotation above. */
export function audienceFor(host: string): string | undefined {
  // Envoy marks the host of a mirrored request, and leaves the port.
  const [name = ''] = host.replace(/-shadow(?=:|$)/, '').split(':');
  if (name === 'ledger.test') return 'ledger';
  return name.endsWith('.pay.test') ? 'pay' : undefined;
}

export function outgoing(g: fc.GeneratorValue, ports: Ports): Generated {
  const draft = new Draft(g);
  const used = ports.listeners.slice(0, 1 + draft.below(ports.listeners.length));
  const listeners = used.map((port, index) => listenerOf(draft, { port, index }));
  const clusters = [
    staticCluster('one', ports.app),
    staticCluster('two', ports.app),
    staticCluster('app', ports.app),
    staticCluster('again', used[0] ?? 0),
  ];
  const node = { id: 'search', cluster: 'search' };
  const main = { node, static_resources: { listeners, clusters } };
  return {
    files: { [mainFile]: JSON.stringify(main, null, draft.below(5)), ...draft.files },
    features: draft.features,
    listeners: used,
  };
}

function listenerOf(
  draft: Draft,
  spot: { readonly port: number; readonly index: number },
): JsonObject {
  draft.mayLeadBack = spot.index > 0;
  const upgrades = draft.has(30, 'websocket')
    ? [
        {
          upgrade_type: 'websocket',
          ...(draft.has(50, 'with filters of its own') ? { filters: filtersOf(draft) } : {}),
        },
      ]
    : [];
  const fields = {
    stat_prefix: `listener_${spot.index}`,
    route_config: {
      virtual_hosts: [
        ...(draft.has(40, 'a virtual host of its own')
          ? [{ name: 'own', domains: [draft.one('for', named(hosts))], ...routesOf(draft) }]
          : []),
        { name: 'all', domains: ['*'], ...routesOf(draft) },
      ],
    },
    http_filters: filtersOf(draft),
    ...(upgrades.length === 0 ? {} : { upgrade_configs: upgrades }),
  };
  return {
    name: `listener-${spot.index}`,
    address: address(spot.port),
    filter_chains: [{ filters: [manager(fields)] }],
  };
}

function filtersOf(draft: Draft): JsonObject[] {
  const filters = new Map<unknown, JsonObject>();
  for (let left = draft.below(2); left > 0; left--) {
    const filter = draft.one('filter', ownFilters);
    filters.set(filter['name'], filter);
  }
  return [...filters.values(), router];
}

const named = <T extends string>(values: readonly T[]): Readonly<Record<string, T>> =>
  Object.fromEntries(values.map((value) => [value, value]));

function routesOf(draft: Draft): JsonObject {
  const mirror = { request_mirror_policies: [{ cluster: 'two' }] };
  return {
    ...(draft.has(8, 'mirror on the virtual host') ? mirror : {}),
    routes: [
      ...(draft.has(50, 'a route for /redirect')
        ? [{ match: { prefix: '/redirect' }, route: { ...targetOf(draft), ...redirects(draft) } }]
        : []),
      { match: { prefix: '/' }, route: targetOf(draft) },
    ],
  };
}

function redirects(draft: Draft): JsonObject {
  if (!draft.has(35, 'that Envoy follows')) return {};
  return { internal_redirect_policy: { max_internal_redirects: 3 } };
}

function targetOf(draft: Draft): JsonObject {
  const rewrite = draft.has(10, 'with another host')
    ? draft.one<JsonObject>('given', {
        literally: { host_rewrite_literal: 'elsewhere.test' },
        'by a header': { host_rewrite_header: 'x-host' },
      })
    : {};
  const target = draft.one<JsonObject>('route', {
    plain: { cluster: 'one' },
    'plain again': { cluster: 'two' },
    weighted: { weighted_clusters: { clusters: [{ name: 'one', weight: 1 }] } },
    mirrored: { cluster: 'one', request_mirror_policies: [{ cluster: 'two' }] },
    'by header': { cluster_header: 'x-cluster' },
    ...(draft.mayLeadBack ? { 'back into the first listener': { cluster: 'again' } } : {}),
  });
  return { ...target, ...rewrite };
}

/** Requests of the pod's app to every host; what is at `/redirect` sends them on to each of the others. */
export function outgoingProbes({ listeners }: Generated, run: string): readonly Probe[] {
  const ends = listeners.flatMap((port) => hosts.map((host) => ({ port, host })));
  return ends.flatMap((end): readonly Probe[] => {
    const probe = (kind: Probe['kind'], path: string, location = ''): Probe => ({
      ...end,
      kind,
      path,
      source: '127.0.0.1',
      name: `${run} ${kind} ${end.port} to ${end.host}${path} ${location}`,
      headers: { 'x-cluster': 'two', 'x-host': 'elsewhere.test', 'x-location': location },
    });
    return [
      probe('http1', '/'),
      probe('http2', '/'),
      probe('websocket', '/'),
      ...hosts.map((to) => probe('http1', '/redirect', `http://${to}/redirected`)),
    ];
  });
}
