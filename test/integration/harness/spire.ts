/**
 * A real SPIRE for tests: a server and an agent that attests local processes by user id (`unix:uid:N`), on Unix sockets
 * and loopback. Give each program under test a user id of its own, and an entry is its alone.
 */
import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isArray, isObject, listAt, objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { programPath } from './components.ts';
import { runCommand, startProcess, waitUntil, type RunningProcess } from './processes.ts';
import {
  startSpireServer,
  type Entry,
  type SpireServer,
  type SpireServerOptions,
} from './spire-server.ts';
import { createWorkFolder } from './work-folder.ts';

/**
 * What `spire-agent api fetch jwt` says; `trustDomains` are the SPIFFE IDs of those it gave the bundles of. `failed` is
 * every other failure than that the agent knows no identity for the user: it may be away.
 */
export type Fetched =
  | {
      readonly kind: 'token';
      readonly token: string;
      readonly spiffeId: string;
      readonly trustDomains: readonly string[];
    }
  | { readonly kind: 'refused' | 'failed'; readonly output: string };

export interface Spire {
  readonly server: SpireServer;
  /** Path of the Workload API's Unix socket, open to every user. */
  readonly socketPath: string;
  /** The value of SPIFFE_ENDPOINT_SOCKET. */
  readonly endpoint: string;
  /** SPIFFE ID of the agent, the parent of its entries. */
  readonly agentId: string;
  /** Of the agent that runs now. */
  agentPid(): number;
  /** @returns the entry's id. The agent knows it within about a second. */
  createEntry(entry: Entry): Promise<string>;
  deleteEntry(id: string): Promise<void>;
  /** Asks the Workload API for a token as a user. @param uid other than one's own: needs root. */
  fetchJwt(uid: number, audience: string): Promise<Fetched>;
  /** Kills the agent for the time of `work`, however that ends: its socket refuses connections. Then it has its identity again. */
  withoutAgent(work: () => Promise<unknown>): Promise<void>;
  stop(): Promise<void>;
}

export interface SpireOptions extends SpireServerOptions {
  /** The agent's section `sds`: names of its secrets for Envoy (default: SPIRE's own). */
  readonly sds?: Readonly<Record<string, string>>;
}

/** Starts both and returns when the Workload API answers: two or three seconds. */
export async function startSpire(options: SpireOptions = {}): Promise<Spire> {
  const server = await startSpireServer(options);
  const work = await createWorkFolder('spire-agent').catch(async (error: unknown) => {
    await server.stop();
    throw error;
  });
  let agent: RunningProcess | undefined;
  const stop = async (): Promise<void> => {
    await agent?.stop();
    await Promise.all([server.stop(), work.remove()]);
  };
  try {
    const site = await prepareAgent(server, work.path, options.sds);
    agent = await runAgent(site, ['-joinToken', site.joinToken]);
    const { agentId, socketPath } = site;
    return {
      server,
      socketPath,
      endpoint: `unix://${socketPath}`,
      agentId,
      agentPid: () => agent?.pid ?? 0,
      createEntry: (entry) => server.createEntry({ parentId: agentId, ...entry }),
      deleteEntry: (id) => server.deleteEntry(id),
      fetchJwt: (uid, audience) => fetchJwt(site, uid, audience),
      async withoutAgent(work) {
        await agent?.stop(0);
        try {
          await work();
        } finally {
          agent = await runAgent(site, []);
        }
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

interface AgentSite {
  readonly folder: string;
  readonly socketPath: string;
  readonly config: string;
  /** A copy that other users may run: the cache may lie in a home folder that they may not enter. */
  readonly program: string;
  readonly joinToken: string;
  readonly agentId: string;
}

async function prepareAgent(
  server: SpireServer,
  folder: string,
  sds: SpireOptions['sds'],
): Promise<AgentSite> {
  const socketPath = join(folder, 'workload.sock');
  const config = join(folder, 'agent.json');
  const program = join(folder, 'spire-agent');
  const data = join(folder, 'data');
  await mkdir(data, { mode: 0o700 });
  await copyFile(programPath('spire-agent'), program);
  const bundle = join(folder, 'bundle.json');
  await writeFile(bundle, await server.showBundle());
  const settings = { data, bundle, socketPath, sds };
  await writeFile(config, JSON.stringify(agentConfig(server, settings)));
  const generated = await server.command(['token', 'generate', '-ttl', '600']);
  const joinToken = stringAt(generated, 'value');
  if (joinToken === undefined) throw new Error('the SPIRE server gave no join token');
  const agentId = `spiffe://${server.trustDomain}/spire/agent/join_token/${joinToken}`;
  return { folder, socketPath, config, program, joinToken, agentId };
}

function agentConfig(
  server: SpireServer,
  paths: {
    readonly data: string;
    readonly bundle: string;
    readonly socketPath: string;
    readonly sds: SpireOptions['sds'];
  },
): JsonObject {
  return {
    agent: {
      data_dir: paths.data,
      log_level: 'INFO',
      server_address: '127.0.0.1',
      server_port: server.port,
      socket_path: paths.socketPath,
      trust_domain: server.trustDomain,
      trust_bundle_path: paths.bundle,
      trust_bundle_format: 'spiffe',
      ...(paths.sds === undefined ? {} : { sds: paths.sds }),
      // It asks for new entries and bundles this often, instead of every 5 s.
      experimental: { sync_interval: '500ms' },
    },
    plugins: {
      NodeAttestor: [{ join_token: { plugin_data: {} } }],
      KeyManager: [{ disk: { plugin_data: { directory: paths.data } } }],
      WorkloadAttestor: [{ unix: { plugin_data: {} } }],
    },
  };
}

async function runAgent(site: AgentSite, args: readonly string[]): Promise<RunningProcess> {
  const agent = startProcess({
    name: 'spire-agent',
    command: site.program,
    args: ['run', '-config', site.config, ...args],
    folder: site.folder,
  });
  const health = ['healthcheck', '-socketPath', site.socketPath];
  const isHealthy = async (): Promise<boolean> =>
    (await runCommand(site.program, health)).code === 0;
  try {
    await waitUntil('the SPIRE agent is healthy', isHealthy, {
      deadlineMs: 30_000,
      processes: [agent],
    });
  } catch (error) {
    await agent.stop(0);
    throw error;
  }
  return agent;
}

async function fetchJwt(site: AgentSite, uid: number, audience: string): Promise<Fetched> {
  const args = ['api', 'fetch', 'jwt', '-audience', audience, '-output', 'json'];
  const { code, stdout, stderr } = await runCommand(
    site.program,
    [...args, '-socketPath', site.socketPath],
    uid === process.getuid?.() ? {} : { uid },
  );
  if (code === 0) return readFetched(stdout);
  const output = stdout + stderr;
  return { kind: output.includes('no identity issued') ? 'refused' : 'failed', output };
}

/** The output is a list of two messages of the Workload API: JWTSVIDResponse and JWTBundlesResponse. */
function readFetched(stdout: string): Fetched {
  const messages: unknown = JSON.parse(stdout);
  const [svids, bundles] = (isArray(messages) ? messages : []).map((each) =>
    isObject(each) ? each : {},
  );
  const [first] = listAt(svids, 'svids').filter(isObject);
  const token = stringAt(first, 'svid');
  const spiffeId = stringAt(first, 'spiffe_id');
  if (token === undefined || spiffeId === undefined) return { kind: 'refused', output: stdout };
  return {
    kind: 'token',
    token,
    spiffeId,
    trustDomains: Object.keys(objectAt(bundles, 'bundles')),
  };
}
