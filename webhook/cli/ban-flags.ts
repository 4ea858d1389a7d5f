/** Which store of bans a command reads or changes. */
import type { Command } from 'commander';
import { existsSync } from 'node:fs';
import { dnsLabel, dnsSubdomain } from '#kernel/dns-label.ts';
import { AppError } from '#kernel/errors.ts';
import type { BanStore } from '../../bans/store/ban-store.ts';
import type { BanPlace } from '../../bans/store/open-store.ts';
import { checkShape, readShape } from '../../sidecar/config/check-shape.ts';
import { usualBanList } from '../../sidecar/config/helper-contract.ts';
import {
  redisStore,
  redisTarget,
  type RedisSettings,
} from '../../sidecar/config/redis-settings.ts';
import type { AccessRight, RightsApi } from '../kube/denied-rights.ts';
import { readFile } from '../files/load-engine.ts';
import { addClusterFlags, connectTo, type ClusterFlags } from './cluster-flags.ts';
import { defaultNamespace } from './options.ts';
import type { CliContext } from './terminal.ts';

export interface BanStoreFlags extends ClusterFlags {
  readonly redis?: string;
  readonly store?: string;
  readonly file?: string;
  readonly configmap?: string;
  readonly namespace?: string;
  /** Whether a file that is not there is made. */
  readonly mayCreate?: true;
}

export function addBanStoreFlags(command: Command): Command {
  const flags = command
    .option(
      '--configmap <name>',
      `the store: a ConfigMap as [namespace/]name[/key] (default: "${usualBanList.configMap}")`,
    )
    .option('--redis <url>', 'the store: redis://host:6379/0, rediss://host:6379 or unix:///path')
    .option('--store <file>', 'the store: a YAML file with the settings of one in Redis (redis: …)')
    .option('--file <path>', 'the store: a file with one ban in each line')
    .option('-n, --namespace <name>', "namespace of the ConfigMap (default: the context's)");
  return addClusterFlags(flags, 'for a ConfigMap');
}

/** Opens the store, and closes it whatever happens. @throws {AppError} USAGE, CLUSTER_UNREACHABLE, and those of BanStore */
export async function withBanStore<Result>(
  flags: BanStoreFlags,
  context: CliContext,
  use: (store: BanStore) => Promise<Result>,
): Promise<Result> {
  const place = await placeOf(flags, context);
  const { terminal } = context;
  // Loaded when called, as the client of each store.
  const { openBanStore } = await import('../../bans/store/open-store.ts');
  const store = await openBanStore(place, { clock: terminal });
  try {
    return await use(store);
  } finally {
    await store.close();
  }
}

/** What is asked for once the ConfigMap may be read. */
function furtherRights(
  { mayCreate }: BanStoreFlags,
  { namespace, name }: { readonly namespace: string; readonly name: string },
): readonly AccessRight[] {
  if (mayCreate !== true) return [];
  const resource = { group: '', resource: 'configmaps', namespace } as const;
  return [
    { ...resource, verb: 'update', name },
    { ...resource, verb: 'create' },
  ];
}

async function placeOf(flags: BanStoreFlags, context: CliContext): Promise<BanPlace> {
  const { redis, store, file, configmap, mayCreate = false } = flags;
  if ([redis, store, file, configmap].filter((each) => each !== undefined).length > 1)
    throw new AppError('USAGE', 'give one store: --configmap, --redis, --store or --file');
  if (redis !== undefined) return { kind: 'redis', settings: redisAt(redis) };
  if (store !== undefined) return { kind: 'redis', settings: redisIn(store) };
  if (file !== undefined) return { kind: 'file', file: mayCreate ? file : thatIsThere(file) };
  return configMapPlace(flags, context);
}

async function configMapPlace(flags: BanStoreFlags, context: CliContext): Promise<BanPlace> {
  const named = configMapNamed(flags.configmap ?? usualBanList.configMap);
  if (flags.namespace !== undefined && !dnsLabel.test(flags.namespace))
    throw new AppError('USAGE', '-n: write the name of a namespace');
  const namespaceOf = (asked: RightsApi): string =>
    named.namespace ?? flags.namespace ?? asked.namespace ?? defaultNamespace;
  const api = await connectTo(flags, context, (asked) =>
    furtherRights(flags, { ...named, namespace: namespaceOf(asked) }),
  );
  const namespace = namespaceOf(api);
  const place = { namespace, name: named.name, key: named.key };
  return { kind: 'config_map', api, place };
}

/** A mistyped path would look like a list on which nobody is. @throws {AppError} FILE_UNREADABLE */
function thatIsThere(file: string): string {
  if (existsSync(file)) return file;
  const words = 'there is no such file; check the path ("svidecar ban add" makes a new list)';
  throw new AppError('FILE_UNREADABLE', `${file}: ${words}`);
}

/** @throws {AppError} USAGE */
function redisAt(url: string): RedisSettings {
  if (redisTarget(url) !== undefined)
    return checkShape({ redis: { url } }, { schema: redisStore, code: 'USAGE' }, '--redis').redis;
  throw new AppError(
    'USAGE',
    '--redis: write redis://host:port/database, rediss://host:port or unix:///path; for user and password give --store',
  );
}

/** @throws {AppError} FILE_UNREADABLE, CONFIG_INVALID */
function redisIn(path: string): RedisSettings {
  const shape = { schema: redisStore, code: 'CONFIG_INVALID' } as const;
  return readShape(readFile(path), shape, path).redis;
}

interface NamedConfigMap {
  readonly namespace: string | undefined;
  readonly name: string;
  readonly key: string;
}

function configMapNamed(text: string): NamedConfigMap {
  const parts = text.split('/');
  const [first = '', second, key = usualBanList.key] = parts;
  const [namespace, name] = second === undefined ? [undefined, first] : [first, second];
  const isWhole =
    parts.length <= 3 &&
    (namespace === undefined || dnsLabel.test(namespace)) &&
    name.length <= 253 &&
    dnsSubdomain.test(name) &&
    /^(?!\.{1,2}$)[-._a-zA-Z0-9]{1,253}$/.test(key);
  if (isWhole) return { namespace, name, key };
  throw new AppError(
    'USAGE',
    '--configmap: write name, namespace/name, or namespace/name/key of a ConfigMap',
  );
}
