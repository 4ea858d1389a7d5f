/** Where requests that carry a token go: what an operator should know before it happens. */
import { type KnownCluster, isProtected } from './clusters.ts';
import { lineIn } from './config-file.ts';
import type { EnvoyWarning, FilterAddition } from './contract.ts';
import { type Listener, type Manager, titleOf } from './listener.ts';
import { type Placed, placedField, repeatedOf, textOf } from './proto-field.ts';

/** Warnings about one rule in one listener. */
export function checkRoutes(
  addition: FilterAddition,
  listener: Listener,
  clusters: readonly KnownCluster[],
): readonly EnvoyWarning[] {
  const names = new Set(listener.managers.flatMap(clustersOf));
  const warnings: EnvoyWarning[] = [];
  if (addition.carriesToken === true) {
    const bare = clusters.filter((one) => names.has(one.name) && !isProtected(one));
    warnings.push(...bare.map((cluster) => withoutTls(addition, cluster)));
  }
  if (addition.oneAudienceForAllHosts === true && names.size > 1) {
    warnings.push(severalClusters(addition, listener, names));
  }
  return warnings;
}

/** Names of the clusters that the inline routes of a connection manager lead to, mirrors included. */
function clustersOf(manager: Manager): readonly string[] {
  const config = placedField(manager, 'route_config');
  if (config === undefined) return [];
  return repeatedOf(config, 'virtual_hosts')
    .flatMap((host) => repeatedOf(host, 'routes'))
    .flatMap((route) => placedField(route, 'route') ?? [])
    .flatMap((action) => targetsOf(action));
}

function targetsOf(action: Placed): readonly string[] {
  const weighted = placedField(action, 'weighted_clusters');
  const targets = [
    textOf(action.message, 'cluster'),
    ...(weighted === undefined ? [] : repeatedOf(weighted, 'clusters')).map(({ message }) =>
      textOf(message, 'name'),
    ),
    ...repeatedOf(action, 'request_mirror_policies').map(({ message }) =>
      textOf(message, 'cluster'),
    ),
  ];
  return targets.filter((target) => target !== undefined);
}

function withoutTls({ rule }: FilterAddition, { file, path, name }: KnownCluster): EnvoyWarning {
  return {
    id: 'token_without_tls',
    message: `${lineIn(file, path)}: ${rule} puts a token into requests to cluster "${name}", which has no TLS transport_socket: anyone on the path can read the token and use it`,
  };
}

function severalClusters(
  { rule }: FilterAddition,
  listener: Listener,
  names: ReadonlySet<string>,
): EnvoyWarning {
  const list = [...names].map((name) => `"${name}"`).join(', ');
  return {
    id: 'one_audience_for_several_clusters',
    message: `${lineIn(listener.file, listener.path)}: ${rule} has one audience, and listener ${titleOf(listener)} routes to ${list}: each of them gets a token that the others accept; svidecar.dev/audience-by-host gives each its own`,
  };
}
