/** A real spire-server for tests: sqlite, on loopback, commanded over its Unix socket by its own command line. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isArray, isObject, objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { programPath } from './components.ts';
import { freePort, runCommand, startProcess, waitUntil, type RunningProcess } from './processes.ts';
import { createWorkFolder } from './work-folder.ts';

export interface SpireServerOptions {
  /** Default `example.org`. */
  readonly trustDomain?: string;
  /** Algorithm family of the JWT keys: `ec-p256` (default, ES256), `ec-p384`, `rsa-2048` or `rsa-4096`. */
  readonly jwtKeyType?: string;
  /** Life of JWT-SVIDs, seconds, unless an entry says otherwise (default 300). */
  readonly jwtTtlS?: number;
}

export interface Entry {
  readonly spiffeId: string;
  /** Such as `unix:uid:10001`; a workload must match all of them. */
  readonly selectors: readonly string[];
  /** SPIFFE ID of the node; default: the agent that `startSpire` started. */
  readonly parentId?: string;
  /** Life of its JWT-SVIDs, seconds. */
  readonly jwtTtlS?: number;
  /** Life of its X.509-SVIDs, seconds. */
  readonly x509TtlS?: number;
  /** In its X.509-SVIDs, the first also as the common name. */
  readonly dnsNames?: readonly string[];
  /** SPIFFE IDs of trust domains, such as `spiffe://other.org`. */
  readonly federatesWith?: readonly string[];
  readonly hint?: string;
  /** Whether its X.509-SVID may ask the server's API for everything. */
  readonly isAdmin?: boolean;
}

/** A JWT signing key of the server, by the key id that tokens carry. */
interface JwtAuthorities {
  readonly active?: string;
  readonly prepared?: string;
  readonly old?: string;
}

export interface SpireServer {
  readonly trustDomain: string;
  /** `127.0.0.1` port that agents connect to. */
  readonly port: number;
  /** Unix socket of its administration API. */
  readonly socketPath: string;
  /** Runs a `spire-server` command with JSON output. @throws {Error} with its output, unless it succeeds. */
  command(args: readonly string[], input?: string): Promise<JsonObject>;
  /** @returns the entry's id. */
  createEntry(entry: Entry & { readonly parentId: string }): Promise<string>;
  deleteEntry(id: string): Promise<void>;
  /** The trust bundle as a SPIFFE bundle document (a JWK Set). */
  showBundle(): Promise<string>;
  /** Trusts another domain. @param bundle what `showBundle` of its server gave. */
  setBundle(trustDomain: string, bundle: string): Promise<void>;
  /** No longer trusts it: the domain also leaves all entries. */
  deleteBundle(trustDomain: string): Promise<void>;
  /** A token signed by this server for anyone, without attestation. */
  mintJwt(spiffeId: string, audience: string, ttlS?: number): Promise<string>;
  jwtAuthorities(): Promise<JwtAuthorities>;
  /** Adds a new JWT key to the bundle; nothing is signed with it yet. @returns its key id. */
  prepareJwtKey(): Promise<string>;
  /** Signs with the prepared key from now on. */
  activateJwtKey(keyId: string): Promise<void>;
  /** Marks a former key, so that agents drop what it signed. */
  taintJwtKey(keyId: string): Promise<void>;
  /** Takes a tainted key out of the bundle. */
  revokeJwtKey(keyId: string): Promise<void>;
  /** Ends it at once, as a crash does; `startAgain` has it back with all that it had. */
  kill(): Promise<void>;
  startAgain(): Promise<void>;
  /** File of its database. */
  readonly database: string;
  stop(): Promise<void>;
}

type ServerCommand = SpireServer['command'];

/** Starts it and returns when it is healthy: about a second. */
export async function startSpireServer(options: SpireServerOptions = {}): Promise<SpireServer> {
  const { trustDomain = 'example.org' } = options;
  const work = await createWorkFolder('spire-server');
  const processes: RunningProcess[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all(processes.map((each) => each.stop()));
    await work.remove();
  };
  try {
    const port = await freePort();
    const socketPath = join(work.path, 'api.sock');
    const config = join(work.path, 'server.json');
    await mkdir(join(work.path, 'data'), { mode: 0o700 });
    await writeFile(
      config,
      JSON.stringify(serverConfig(work.path, { ...options, trustDomain, port })),
    );
    const site = { folder: work.path, config, socketPath };
    processes.push(await runServer(site));
    const command: ServerCommand = (...call) => runServerCommand(socketPath, ...call);
    return {
      trustDomain,
      port,
      socketPath,
      command,
      ...operations(command, socketPath),
      kill: async () => processes.at(-1)?.stop(0),
      startAgain: async () => {
        processes.push(await runServer(site));
      },
      database: databaseOf(work.path),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function runServer({
  folder,
  config,
  socketPath,
}: {
  readonly folder: string;
  readonly config: string;
  readonly socketPath: string;
}): Promise<RunningProcess> {
  const program = programPath('spire-server');
  const args = ['run', '-config', config];
  const server = startProcess({ name: 'spire-server', command: program, args, folder });
  const health = ['healthcheck', '-socketPath', socketPath];
  const isHealthy = async (): Promise<boolean> => (await runCommand(program, health)).code === 0;
  try {
    await waitUntil('the SPIRE server is healthy', isHealthy, {
      deadlineMs: 30_000,
      processes: [server],
    });
  } catch (error) {
    await server.stop(0);
    throw error;
  }
  return server;
}

function databaseOf(folder: string): string {
  return join(folder, 'data', 'datastore.sqlite3');
}

/** SPIRE reads HCL, and JSON is HCL. */
function serverConfig(
  folder: string,
  options: SpireServerOptions & { readonly trustDomain: string; readonly port: number },
): JsonObject {
  const data = join(folder, 'data');
  const database = { database_type: 'sqlite3', connection_string: databaseOf(folder) };
  return {
    server: {
      bind_address: '127.0.0.1',
      bind_port: options.port,
      socket_path: join(folder, 'api.sock'),
      trust_domain: options.trustDomain,
      data_dir: data,
      log_level: 'INFO',
      default_jwt_svid_ttl: `${options.jwtTtlS ?? 300}s`,
      jwt_key_type: options.jwtKeyType ?? 'ec-p256',
      // A new entry is known to the agents' next question after this, instead of 5 s.
      experimental: { cache_reload_interval: '500ms' },
    },
    plugins: {
      DataStore: [{ sql: { plugin_data: database } }],
      KeyManager: [{ disk: { plugin_data: { keys_path: join(data, 'keys.json') } } }],
      NodeAttestor: [{ join_token: { plugin_data: {} } }],
    },
  };
}

async function runServerCommand(
  socketPath: string,
  args: readonly string[],
  input = '',
): Promise<JsonObject> {
  const all = [...args, '-output', 'json', '-socketPath', socketPath];
  const { code, stdout, stderr } = await runCommand(programPath('spire-server'), all, { input });
  if (code !== 0) throw new Error(`spire-server ${args.join(' ')}: ${stdout}${stderr}`);
  const answer: unknown = stdout.trim() === '' ? {} : JSON.parse(stdout);
  if (!isObject(answer)) throw new Error(`spire-server ${args.join(' ')} answered ${stdout}`);
  return answer;
}

function operations(
  command: ServerCommand,
  socketPath: string,
): Omit<
  SpireServer,
  'trustDomain' | 'port' | 'socketPath' | 'command' | 'kill' | 'startAgain' | 'database' | 'stop'
> {
  const keyCommand = (verb: string, keyId: string): Promise<JsonObject> =>
    command(['localauthority', 'jwt', verb, '-authorityID', keyId]);
  return {
    createEntry: async (entry) => idOf(await command(['entry', 'create', ...entryFlags(entry)])),
    async deleteEntry(id) {
      await command(['entry', 'delete', '-entryID', id]);
    },
    async showBundle() {
      const args = ['bundle', 'show', '-format', 'spiffe', '-socketPath', socketPath];
      return (await runCommand(programPath('spire-server'), args)).stdout;
    },
    async setBundle(trustDomain, bundle) {
      await command(
        ['bundle', 'set', '-format', 'spiffe', '-id', `spiffe://${trustDomain}`],
        bundle,
      );
    },
    async deleteBundle(trustDomain) {
      await command(['bundle', 'delete', '-mode', 'dissociate', '-id', `spiffe://${trustDomain}`]);
    },
    async mintJwt(spiffeId, audience, ttlS = 300) {
      const wanted = ['-spiffeID', spiffeId, '-audience', audience, '-ttl', `${ttlS}s`];
      const answer = await command(['jwt', 'mint', ...wanted]);
      return stringAt(objectAt(answer, 'svid'), 'token') ?? '';
    },
    async jwtAuthorities() {
      const answer = await command(['localauthority', 'jwt', 'show']);
      const id = (state: string): string | undefined =>
        stringAt(objectAt(answer, state), 'authority_id');
      const active = id('active');
      const prepared = id('prepared');
      const old = id('old');
      return { ...(active && { active }), ...(prepared && { prepared }), ...(old && { old }) };
    },
    async prepareJwtKey() {
      const answer = await command(['localauthority', 'jwt', 'prepare']);
      return stringAt(objectAt(answer, 'prepared_authority'), 'authority_id') ?? '';
    },
    async activateJwtKey(keyId) {
      await keyCommand('activate', keyId);
    },
    async taintJwtKey(keyId) {
      await keyCommand('taint', keyId);
    },
    async revokeJwtKey(keyId) {
      await keyCommand('revoke', keyId);
    },
  };
}

function entryFlags(entry: Entry & { readonly parentId: string }): string[] {
  const { selectors, federatesWith = [], dnsNames = [], jwtTtlS, x509TtlS, hint } = entry;
  return [
    `-spiffeID=${entry.spiffeId}`,
    `-parentID=${entry.parentId}`,
    ...selectors.map((selector) => `-selector=${selector}`),
    ...federatesWith.map((id) => `-federatesWith=${id}`),
    ...dnsNames.map((name) => `-dns=${name}`),
    ...(jwtTtlS === undefined ? [] : [`-jwtSVIDTTL=${jwtTtlS}`]),
    ...(x509TtlS === undefined ? [] : [`-x509SVIDTTL=${x509TtlS}`]),
    ...(hint === undefined ? [] : [`-hint=${hint}`]),
    ...(entry.isAdmin === true ? ['-admin'] : []),
  ];
}

/** The id of the one entry that `entry create` answers about. */
function idOf(answer: JsonObject): string {
  const results = answer['results'];
  const first = isArray(results) ? results[0] : undefined;
  const id = stringAt(objectAt(isObject(first) ? first : {}, 'entry'), 'id');
  if (id === undefined) throw new Error(`no entry was created: ${JSON.stringify(answer)}`);
  return id;
}
