/** Wiring for the helper that someone wrote by hand, from a tutorial or another tool. */
import { type JsonObject, isObject } from '#kernel/json.ts';
import { type KnownCluster, isLocal, isLoopback } from './clusters.ts';
import type { Manager } from './find-managers.ts';
import { type Placed, messageOf, repeatedOf, textOf, typeNameOf } from './proto-field.ts';

/** The helper's default port; wiring by hand points there. */
const helperPort = 9010;
/** gRPC metadata that names the rule a filter belongs to. */
const ruleMetadata = 'svidecar-rule';
const filterType = 'envoy.extensions.filters.http.ext_authz.v3.ExtAuthz';

/** The `ext_authz` filter of a connection manager that already asks the helper for this rule. */
export function findHandWired(
  manager: Manager,
  rule: string,
  clusters: readonly KnownCluster[],
): Placed | undefined {
  return manager.filters.find(({ message }) => {
    const config = messageOf(message, 'typed_config');
    if (typeNameOf(config) !== filterType) return false;
    const service = messageOf(config, 'grpc_service');
    const named = ruleOf(service);
    return named === undefined ? asksHelper(service, clusters) : named === rule;
  });
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
