/** Several Redis servers that are one store: a master with a replica and three Sentinels, and a Cluster. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { programPath } from './components.ts';
import { freePort } from './free-port.ts';
import { startProcess, waitUntil, type RunningProcess } from './processes.ts';
import { ask, startRedis, type RedisOptions, type RedisServer } from './redis.ts';
import { createWorkFolder } from './work-folder.ts';

const host = '127.0.0.1';
/** Every set of Sentinels in tests calls its master so. */
const masterName = 'bans';
/** Milliseconds of silence after which a server counts as gone. */
const silenceMs = 1_000;

export interface RedisSentinels {
  /** As settings name it. */
  readonly sentinel: { readonly servers: readonly string[]; readonly master: string };
  /** The first is the master at the start. */
  readonly servers: readonly [RedisServer, RedisServer];
  /** The port that the Sentinels say. */
  masterPort(): Promise<number>;
  /** One of the Sentinels, which may be paused or stopped. */
  readonly sentinels: readonly RunningProcess[];
  stop(): Promise<void>;
}

/** Returns when each Sentinel knows the replica and the others, so that a failover works: about 2 s. */
export async function startSentinels({
  users = [],
}: Pick<RedisOptions, 'users'> = {}): Promise<RedisSentinels> {
  const work = await createWorkFolder('sentinels');
  const master = await startRedis({ users });
  const replica = await startRedis({ users, args: ['--replicaof', host, `${master.port}`] });
  // Sentinels that find it when they begin need not look again, which they do after 10 s.
  await waitUntil('the replica follows its master', () => isFollowing(replica));
  const sentinels: RunningProcess[] = [];
  const ports: number[] = [];
  for (const name of ['sentinel-1', 'sentinel-2', 'sentinel-3']) {
    const port = await freePort();
    ports.push(port);
    sentinels.push(await startSentinel({ name, port, folder: work.path, master }));
  }
  const askSentinel = (port: number, ...words: readonly string[]): Promise<string> =>
    ask(['-p', `${port}`, 'SENTINEL', ...words, masterName]);
  const knows = async (): Promise<boolean> => {
    for (const port of ports) {
      const facts = (await askSentinel(port, 'MASTER')).split('\n');
      const of = (name: string): string | undefined => facts[facts.indexOf(name) + 1];
      if (of('num-slaves') !== '1' || of('num-other-sentinels') !== '2') return false;
      const words = (await askSentinel(port, 'REPLICAS')).split('\n');
      if (words[words.indexOf('master-link-status') + 1] !== 'ok') return false;
    }
    return true;
  };
  await waitUntil('the Sentinels know each other', knows, { processes: sentinels });
  return {
    sentinel: { servers: ports.map((port) => `${host}:${port}`), master: masterName },
    servers: [master, replica],
    sentinels,
    masterPort: async () =>
      Number((await askSentinel(ports[0] ?? 0, 'GET-MASTER-ADDR-BY-NAME')).split('\n')[1]),
    stop: async () => {
      await Promise.all(sentinels.map((each) => each.stop(0)));
      await Promise.all([master.stop(), replica.stop(), work.remove()]);
    },
  };
}

/** A Sentinel that knows none of the others, nor what becomes of the master that it names. */
export async function startLoneSentinel(
  master: RedisServer,
): Promise<{ readonly address: string; stop(): Promise<void> }> {
  const work = await createWorkFolder('sentinel');
  const port = await freePort();
  const lone = await startSentinel({ name: 'lone', port, folder: work.path, master });
  return {
    address: `${host}:${port}`,
    stop: async () => {
      await lone.stop(0);
      await work.remove();
    },
  };
}

interface SentinelSpec {
  readonly name: string;
  readonly port: number;
  readonly folder: string;
  readonly master: RedisServer;
}

async function startSentinel({
  name,
  port,
  folder,
  master,
}: SentinelSpec): Promise<RunningProcess> {
  const file = join(folder, `${name}.conf`);
  const lines = [
    `port ${port}`,
    `bind ${host}`,
    `sentinel monitor ${masterName} ${host} ${master.port} 2`,
    `sentinel down-after-milliseconds ${masterName} ${silenceMs}`,
    `sentinel failover-timeout ${masterName} ${silenceMs}`,
  ];
  await writeFile(file, `${lines.join('\n')}\n`);
  const command = programPath('redis-server');
  const started = startProcess({ name, command, args: [file, '--sentinel'], folder });
  const answers = async (): Promise<boolean> => (await ask(['-p', `${port}`, 'PING'])) === 'PONG';
  await waitUntil(`${name} answers`, answers, { processes: [started] });
  return started;
}

export interface RedisCluster {
  /** As settings name it: the three masters at the start. */
  readonly cluster: { readonly servers: readonly string[] };
  /** Masters of a third of the slots each. */
  readonly masters: readonly RedisServer[];
  /** Of the first master; undefined unless asked for. */
  readonly replica: RedisServer | undefined;
  /** The master that has a key's slot, of those that live. */
  masterOf(key: string): Promise<RedisServer>;
  stop(): Promise<void>;
}

const lastSlot = 16_383;

/** Three masters, and a replica of the first where one is asked for; returns when all agree: about 2 s. */
export async function startRedisCluster(
  options: Pick<RedisOptions, 'users'> & { readonly replica?: boolean } = {},
): Promise<RedisCluster> {
  const { users = [] } = options;
  const first = await startNode(users);
  const masters = [first, await startNode(users), await startNode(users)];
  for (const [index, { server }] of masters.entries()) {
    const from = Math.ceil((index * (lastSlot + 1)) / masters.length);
    const to = Math.ceil(((index + 1) * (lastSlot + 1)) / masters.length) - 1;
    await server.command('CLUSTER', 'ADDSLOTSRANGE', `${from}`, `${to}`);
    await server.command('CLUSTER', 'SET-CONFIG-EPOCH', `${index + 1}`);
  }
  const replica = options.replica === true ? await startNode(users) : undefined;
  const nodes = replica === undefined ? masters : [...masters, replica];
  const meet = ['CLUSTER', 'MEET', host, `${first.server.port}`, `${first.bus}`];
  for (const { server } of nodes.slice(1)) await server.command(...meet);
  const servers = nodes.map(({ server }) => server);
  await waitUntil('all nodes are one cluster', () => areOne(servers));
  if (replica !== undefined) await makeReplica(replica.server, first.server);
  return {
    cluster: { servers: masters.map(({ server }) => `${host}:${server.port}`) },
    masters: masters.map(({ server }) => server),
    replica: replica?.server,
    masterOf: (key) => masterOf(key, servers),
    stop: async () => {
      await Promise.all(servers.map((server) => server.stop()));
    },
  };
}

interface ClusterNode {
  readonly server: RedisServer;
  /** The port that nodes talk to each other at. */
  readonly bus: number;
}

async function startNode(users: readonly string[]): Promise<ClusterNode> {
  const bus = await freePort();
  const cluster = ['--cluster-enabled', 'yes', '--cluster-port', `${bus}`];
  const args = [...cluster, '--cluster-node-timeout', `${silenceMs}`];
  return { server: await startRedis({ users, args }), bus };
}

async function areOne(nodes: readonly RedisServer[]): Promise<boolean> {
  for (const node of nodes) {
    const info = await node.command('CLUSTER', 'INFO');
    if (!info.includes('cluster_state:ok')) return false;
    if (!info.includes(`cluster_known_nodes:${nodes.length}`)) return false;
  }
  return true;
}

async function makeReplica(replica: RedisServer, master: RedisServer): Promise<void> {
  const id = await master.command('CLUSTER', 'MYID');
  await replica.command('CLUSTER', 'REPLICATE', id);
  await waitUntil('the replica follows its master', () => isFollowing(replica));
}

async function isFollowing(replica: RedisServer): Promise<boolean> {
  return (await replica.command('INFO', 'replication')).includes('master_link_status:up');
}

/** @throws {Error} when no living node owns it */
async function masterOf(key: string, nodes: readonly RedisServer[]): Promise<RedisServer> {
  for (const node of nodes) {
    const isOwner = await node.command('GET', key).then(
      () => node.command('ROLE'),
      () => '',
    );
    if (isOwner.startsWith('master')) return node;
  }
  throw new Error(`no node owns ${key}`);
}
