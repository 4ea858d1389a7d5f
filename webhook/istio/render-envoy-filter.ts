/** What templates want in an Envoy of Istio's, as the `spec` of an EnvoyFilter. */
import type { JsonObject } from '#kernel/json.ts';
import { clustersIn, withClusterNames, type ClusterPlan } from '../envoy/clusters.ts';
import type { ClusterAddition, EnvoyAdditions, FilterAddition } from '../envoy/patch-contract.ts';
import { envoyFilterLabel } from '../request/metadata-keys.ts';
import type { IstioPlan, IstioRole } from './istio-plan.ts';

/** How an EnvoyFilter is told from others. */
export interface EnvoyFilterNames {
  /** Its own name, and the value of the label by which it selects pods. */
  readonly derived: string;
}

/** Applied after those of others, so that ours stand nearest to the app. */
const priority = 1000;

/**
 * @see istio.networking.v1alpha3.EnvoyFilter
 */
export function renderEnvoyFilter(
  additions: EnvoyAdditions,
  { role }: IstioPlan,
  { derived }: EnvoyFilterNames,
): JsonObject {
  const filters = inOrder(additions.filters);
  const plans = additions.clusters
    .filter(({ name }) => filters.some(({ filter }) => clustersIn(filter).has(name)))
    .map(clusterPlan);
  return {
    workloadSelector: { labels: { [envoyFilterLabel]: derived } },
    priority,
    configPatches: [
      ...plans.map(({ cluster }) => clusterPatch(cluster)),
      ...closingPatches(filters, role),
      ...filters.flatMap((filter) => filterPatches(filter, plans, role)),
    ],
  };
}

/** No cluster of anybody else's begins like this: of two clusters of one name istiod drops one. */
function clusterPlan({ name: wished, cluster }: ClusterAddition): ClusterPlan {
  const name = `svidecar-${wished}`;
  const plan = { wished, name, cluster: { ...cluster, name }, reused: undefined, clash: undefined };
  return { ...plan, cluster: withClusterNames(plan.cluster, [plan]) };
}

function clusterPatch(cluster: JsonObject): JsonObject {
  return {
    applyTo: 'CLUSTER',
    match: { context: 'ANY' },
    patch: { operation: 'ADD', value: cluster },
  };
}

/**
 * Filters that look at what others leave behind come last; at a gateway a request is judged before it gets a token. What is
 * inserted first stands behind what is inserted first later.
 */
function inOrder(filters: readonly FilterAddition[]): readonly FilterAddition[] {
  const rank = ({ direction, readsMetadata }: FilterAddition): number =>
    Number(direction === 'outbound') * 2 + Number(readsMetadata !== undefined);
  const first = filters.filter(comesFirst);
  const others = filters.filter((filter) => !comesFirst(filter));
  return [
    ...first.filter(({ place }) => place !== 'first').toReversed(),
    ...first.filter(({ place }) => place === 'first').toReversed(),
    ...others.toSorted((a, b) => rank(a) - rank(b)),
  ];
}

/** Also what must precede filters by name: whether those are there differs from chain to chain. */
export function comesFirst({ place, before = [], readsMetadata }: FilterAddition): boolean {
  return readsMetadata === undefined && (place === 'first' || before.length > 0);
}

function contextOf({ direction }: FilterAddition, role: IstioRole): string {
  if (role === 'gateway') return 'GATEWAY';
  return direction === 'inbound' ? 'SIDECAR_INBOUND' : 'SIDECAR_OUTBOUND';
}

/** Where a filter goes, as an EnvoyFilter says it. */
interface Goal {
  readonly listener: JsonObject;
  readonly chain: JsonObject;
}

const everywhere: Goal = { listener: {}, chain: {} };
/** Chains of a sidecar for ports that are in no Service: those have no chain, and no port, of their own. */
const catchAll: Readonly<Record<'http' | 'tcp', Goal>> = {
  http: { listener: {}, chain: { name: 'virtualInbound-catchall-http' } },
  tcp: { listener: {}, chain: { name: 'virtualInbound' } },
};

function goalsOf(
  addition: FilterAddition,
  { role }: Pick<IstioPlan, 'role'>,
  protocol: 'http' | 'tcp',
): readonly Goal[] {
  const { listeners = ['*'], direction } = addition;
  const isInboundOfSidecar = direction === 'inbound' && role === 'sidecar';
  if (listeners.includes('*') || (isInboundOfSidecar && listeners.includes('virtualInbound')))
    return [everywhere];
  const named = listeners.map((listener) =>
    /^\d{1,5}$/.test(listener) ? { portNumber: Number(listener) } : { name: listener },
  );
  const goals = named.map((listener): Goal => ({ listener, chain: {} }));
  return isInboundOfSidecar ? [...goals, catchAll[protocol]] : goals;
}

function matchOf(context: string, { listener, chain }: Goal, filter: JsonObject): JsonObject {
  return { context, listener: { ...listener, filterChain: { ...chain, filter } } };
}

const connectionManager = 'envoy.filters.network.http_connection_manager';
const router = 'envoy.filters.http.router';

function filterPatches(
  addition: FilterAddition,
  plans: readonly ClusterPlan[],
  role: IstioRole,
): readonly JsonObject[] {
  const value = withClusterNames(addition.filter, plans);
  const isFirst = comesFirst(addition);
  const filter = isFirst
    ? { name: connectionManager }
    : { name: connectionManager, subFilter: { name: router } };
  return goalsOf(addition, { role }, 'http').map((goal) => ({
    applyTo: 'HTTP_FILTER',
    match: matchOf(contextOf(addition, role), goal, filter),
    patch: { operation: isFirst ? 'INSERT_FIRST' : 'INSERT_BEFORE', value },
  }));
}

/** Where requests need a token, what is not HTTP has none, and ends. */
function closingPatches(
  filters: readonly FilterAddition[],
  role: IstioRole,
): readonly JsonObject[] {
  const validating = filters.filter(
    ({ direction, onlyRefuses }) => direction === 'inbound' && onlyRefuses !== true,
  );
  const patches = validating.flatMap((filter) =>
    goalsOf(filter, { role }, 'tcp').map((goal) => closingPatch(contextOf(filter, role), goal)),
  );
  return [...new Map(patches.map((patch) => [JSON.stringify(patch), patch])).values()];
}

function closingPatch(context: string, goal: Goal): JsonObject {
  return {
    applyTo: 'NETWORK_FILTER',
    match: matchOf(context, goal, { name: 'envoy.filters.network.tcp_proxy' }),
    patch: {
      operation: 'REPLACE',
      value: {
        name: 'svidecar.closed',
        typed_config: {
          '@type': 'type.googleapis.com/envoy.extensions.filters.network.direct_response.v3.Config',
        },
      },
    },
  };
}
