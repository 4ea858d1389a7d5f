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

/** Filters that look at what others leave behind come last. */
function inOrder(filters: readonly FilterAddition[]): readonly FilterAddition[] {
  const isLast = ({ readsMetadata }: FilterAddition): number => Number(readsMetadata !== undefined);
  return filters.toSorted((a, b) => isLast(a) - isLast(b));
}

function contextOf({ direction }: FilterAddition, role: IstioRole): string {
  if (role === 'gateway') return 'GATEWAY';
  return direction === 'inbound' ? 'SIDECAR_INBOUND' : 'SIDECAR_OUTBOUND';
}

/** The listeners of a filter as an EnvoyFilter names them: by port or by name; one without either for all. */
function listenersOf({ listeners = ['*'] }: FilterAddition): readonly JsonObject[] {
  if (listeners.includes('*')) return [{}];
  return listeners.map((listener) =>
    /^\d{1,5}$/.test(listener) ? { portNumber: Number(listener) } : { name: listener },
  );
}

const connectionManager = 'envoy.filters.network.http_connection_manager';
const router = 'envoy.filters.http.router';

function filterPatches(
  addition: FilterAddition,
  plans: readonly ClusterPlan[],
  role: IstioRole,
): readonly JsonObject[] {
  const value = withClusterNames(addition.filter, plans);
  const isFirst = addition.place === 'first' && addition.readsMetadata === undefined;
  const filter = isFirst
    ? { name: connectionManager }
    : { name: connectionManager, subFilter: { name: router } };
  return listenersOf(addition).map((listener) => ({
    applyTo: 'HTTP_FILTER',
    match: {
      context: contextOf(addition, role),
      listener: { ...listener, filterChain: { filter } },
    },
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
    listenersOf(filter).map((listener) => closingPatch(contextOf(filter, role), listener)),
  );
  return [...new Map(patches.map((patch) => [JSON.stringify(patch), patch])).values()];
}

function closingPatch(context: string, listener: JsonObject): JsonObject {
  return {
    applyTo: 'NETWORK_FILTER',
    match: {
      context,
      listener: {
        ...listener,
        filterChain: { filter: { name: 'envoy.filters.network.tcp_proxy' } },
      },
    },
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
