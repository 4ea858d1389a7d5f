/** Wiring for the helper that someone wrote by hand, from a tutorial or another tool. */
import { type JsonObject, isObject } from '#kernel/json.ts';
import { type KnownCluster, isLocal, isLoopback } from './clusters.ts';
import { invalid } from './config-file.ts';
import type { FilterAddition } from './contract.ts';
import type { FilterList, Manager } from './listener.ts';
import { type Placed, messageOf, repeatedOf, textOf, typeNameOf } from './proto-field.ts';

/** The helper's default port; wiring by hand points there. */
const helperPort = 9010;
/** gRPC metadata that names the rule a filter belongs to. */
const ruleMetadata = 'svidecar-rule';
/** Filters with such a name are nobody else's. */
const ourNames = 'svidecar.';
const filterType = 'envoy.extensions.filters.http.ext_authz.v3.ExtAuthz';

/**
 * The filter of a connection manager that does already what an addition would: asks the helper for its rule, or has its
 * name where that is one of ours alone.
 * @throws {AppError} ENVOY_CONFIG_INVALID where the helper is asked by `ext_authz` and the addition is another way to it
 */
export function findHandWired(
  { manager, list }: { readonly manager: Manager; readonly list: FilterList },
  { rule, filter }: FilterAddition,
  clusters: readonly KnownCluster[],
): Placed | undefined {
  const asking = list.filters.find((one) => asksForRule(one, rule, clusters));
  if (typeNameOf(messageOf(filter, 'typed_config')) === filterType) return asking;
  const name = textOf(filter, 'name') ?? '';
  const same = list.filters.find(({ message }) => textOf(message, 'name') === name);
  if (same !== undefined && name.startsWith(ourNames)) return same;
  if (asking === undefined || !name.startsWith(ourNames)) return undefined;
  const title = textOf(asking.message, 'name') ?? 'without a name';
  throw invalid(
    manager.file,
    asking.path,
    `filter ${title} asks the helper about each request, which it does not answer in the data path that ${rule} has here; remove the filter, or choose the data path ext-authz`,
  );
}

function asksForRule(
  { message }: Placed,
  rule: string,
  clusters: readonly KnownCluster[],
): boolean {
  const config = messageOf(message, 'typed_config');
  if (typeNameOf(config) !== filterType) return false;
  const service = messageOf(config, 'grpc_service');
  const named = ruleOf(service);
  return named === undefined ? asksHelper(service, clusters) : named === rule;
}

function ruleOf(service: JsonObject): string | undefined {
  const entries = repeatedOf({ message: service, path: '' }, 'initial_metadata');
  const entry = entries.find(({ message }) => message['key'] === ruleMetadata);
  return textOf(entry?.message, 'value');
}

function asksHelper(service: JsonObject, clusters: readonly KnownCluster[]): boolean {
  const name = textOf(messageOf(service, 'envoy_grpc'), 'cluster_name');
  const cluster = clusters.find((one) => one.name === name);
  if (isObject(cluster?.message)) return isLocal(cluster.message, helperPort);
  const target = textOf(messageOf(service, 'google_grpc'), 'target_uri') ?? '';
  const [, host = '', port = ''] = /^(?:[a-z]+:\/*)?(.*):(\d+)$/.exec(target) ?? [];
  return isLoopback(host) && Number(port) === helperPort;
}
