/** What real Envoy reads in texts: each is a file of routes of its own, and what Envoy made of it is in its dump. */
import { type Json, type JsonObject, isObject, listAt, objectAt } from '#kernel/json.ts';
import { startEnvoy } from './envoy.ts';
import { waitUntil } from './processes.ts';

/** Each file takes one of the few inotify instances that a machine has. */
const filesAtOnce = 40;

/** File name → text. */
type RouteFiles = Readonly<Record<string, string>>;

const managerType =
  'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager';
const routerType = 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router';
const dump = '/config_dump?resource=dynamic_route_configs';
const folder = '/etc/envoy';

/**
 * File name → the RouteConfiguration that Envoy runs on; without an entry where it refused the file. Each file holds
 * one, with the name of the file as its own.
 */
export async function readByEnvoy(files: RouteFiles): Promise<ReadonlyMap<string, JsonObject>> {
  const all = Object.entries(files);
  const read = new Map<string, JsonObject>();
  for (let at = 0; at < all.length; at += filesAtOnce) {
    const some = await readAtOnce(Object.fromEntries(all.slice(at, at + filesAtOnce)));
    for (const [name, config] of some) read.set(name, config);
  }
  return read;
}

async function readAtOnce(files: RouteFiles): Promise<ReadonlyMap<string, JsonObject>> {
  const names = Object.keys(files);
  const main = JSON.stringify(bootstrapOf(names));
  const envoy = await startEnvoy(
    { files: { ...files, 'main.json': main }, main: 'main.json', mountedAt: folder },
    { args: ['--concurrency', '1'] },
  );
  try {
    const tried = async (): Promise<boolean> => {
      const stats = await envoy.admin('/stats?filter=rds%5C..*update_(success|failure|rejected)$');
      const counts = [...stats.matchAll(/: (\d+)$/gm)].map(([, count]) => Number(count));
      return counts.reduce((sum, count) => sum + count, 0) >= names.length;
    };
    await waitUntil('Envoy has read all files', tried, { deadlineMs: 60_000, processes: [] });
    const answer: unknown = JSON.parse(await envoy.admin(dump));
    return new Map(configsIn(answer));
  } finally {
    await envoy.stop();
  }
}

function* configsIn(answer: unknown): Generator<[string, JsonObject]> {
  for (const entry of isObject(answer) ? listAt(answer, 'configs') : []) {
    const config = isObject(entry) ? objectAt(entry, 'route_config') : {};
    const { name } = config;
    if (typeof name === 'string') yield [name, config];
  }
}

function bootstrapOf(names: readonly string[]): Json {
  const filters = (name: string): Json => [
    {
      name: 'manager',
      typed_config: {
        '@type': managerType,
        stat_prefix: 'x',
        rds: {
          route_config_name: name,
          config_source: {
            resource_api_version: 'V3',
            path_config_source: { path: `${folder}/${name}` },
          },
        },
        http_filters: [{ name: 'router', typed_config: { '@type': routerType } }],
      },
    },
  ];
  return {
    node: { id: 'reader', cluster: 'reader' },
    static_resources: {
      listeners: [
        {
          name: 'reader',
          address: { pipe: { path: '@svidecar-envoy-reader' } },
          bind_to_port: false,
          filter_chains: names.map((name, index) => ({
            filter_chain_match: { destination_port: index + 1 },
            filters: filters(name),
          })),
        },
      ],
    },
  };
}
