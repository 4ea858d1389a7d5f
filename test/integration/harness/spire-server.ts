/** A real spire-server for tests: sqlite, on loopback, commanded over its Unix socket by its own command line. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isArray, isObject, objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { programPath } from './components.ts';
import { freePort } from './free-port.ts';
import { runCommand, startProcess, waitUntil, type RunningProcess } from './processes.ts';
import { createWorkFolder } from './work-folder.ts';

export interface SpireServerOptions {
  /** Default `example.org`. */
  readonly trustDomain?: string;
  /** Algorithm family of the JWT keys: `ec-p256` (default, ES256), `ec-p384`, `rsa-2048` or `rsa-4096`. */
  readonly jwtKeyType?: string;
  /** Life of JWT-SVIDs, seconds, unless an entry says otherwise (default 300). */
  readonly jwtTtlS?: number;
  /** How it publishes its bundle to other trust domains (default: it does not). */
  readonly bundleEndpoint?: BundleEndpoint;
  /** Relationships of its configuration file: the API does not list them. */
  readonly federatesWith?: readonly ConfiguredRelationship[];
  /** PEM: who signs the certificates of `https_web` endpoints that it reads. */
  readonly webRoots?: string;
}

/** `https_web` needs a certificate of another authority, for `127.0.0.1`. */
export type BundleEndpoint =
  | { readonly profile: 'https_spiffe' }
  | { readonly profile: 'https_web'; readonly certificatePem: string; readonly keyPem: string };

interface ConfiguredRelationship {
  readonly trustDomain: string;
  readonly url: string;
  /** Absent: `https_web`. */
  readonly endpointSpiffeId?: string;
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
  /** URL at which other servers get its bundle; empty without an endpoint. */
  readonly bundleUrl: string;
  /** Its process dies at once; what it has stored stays. */
  kill(): Promise<void>;
  /** After `kill`; returns when it is healthy. */
  startAgain(): Promise<void>;
  /** File of its database. */
  readonly database: string;
  /** It answers nobody until `resume`; connections stay. */
  pause(): Promise<void>;
  resume(): void;
  /** Runs a `spire-server` command with JSON output. @throws {Error} with its output, unless it succeeds. */
  command(args: readonly string[], input?: string): Promise<JsonObject>;
  /** @returns the entry's id. */
  createEntry(entry: Entry & { readonly parentId: string }): Promise<string>;
  deleteEntry(id: string): Promise<void>;
  /** Everything but the id becomes what is given. */
  updateEntry(id: string, entry: Entry & { readonly parentId: string }): Promise<void>;
  /** Fetches the other domain's bundle from its `https_spiffe` endpoint from now on. */
  federateWith(other: SpireServer): Promise<void>;
  /** Fetches the bundle of a domain that it federates with now: SPIRE itself asks every 15 s at most. */
  refreshBundle(trustDomain: string): Promise<void>;
  /** Fetches no more of it; the bundle stays. */
  endFederation(trustDomain: string): Promise<void>;
  /** A trust bundle as a SPIFFE bundle document (a JWK Set). @param trustDomain default: its own */
  showBundle(trustDomain?: string): Promise<string>;
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
  stop(): Promise<void>;
}

type ServerCommand = SpireServer['command'];

/** Starts it and returns when it is healthy: about a second. */
export async function startSpireServer(options: SpireServerOptions = {}): Promise<SpireServer> {
  const { trustDomain = 'example.org' } = options;
  const work = await createWorkFolder('spire-server');
  let running: RunningProcess | undefined;
  const stop = async (): Promise<void> => {
    await running?.stop();
    await work.remove();
  };
  try {
    const port = await freePort();
    const bundlePort = await freePort();
    const socketPath = join(work.path, 'api.sock');
    const site = { ...options, trustDomain, port, bundlePort, folder: work.path };
    await writeFiles(site);
    running = await runServer(site);
    const command: ServerCommand = (...call) => runServerCommand(socketPath, ...call);
    const isPublic = options.bundleEndpoint !== undefined;
    return {
      trustDomain,
      port,
      socketPath,
      command,
      stop,
      ...operations(command, socketPath),
      bundleUrl: isPublic ? `https://127.0.0.1:${bundlePort}` : '',
      kill: async () => running?.stop(0),
      database: databaseOf(work.path),
      async startAgain() {
        running = await runServer(site);
      },
      pause: async () => running?.pause(),
      resume: () => running?.resume(),
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

interface ServerSite extends SpireServerOptions {
  readonly trustDomain: string;
  readonly port: number;
  readonly bundlePort: number;
  readonly folder: string;
}

async function writeFiles(site: ServerSite): Promise<void> {
  const { folder, bundleEndpoint, webRoots } = site;
  await mkdir(join(folder, 'data'), { mode: 0o700 });
  await writeFile(join(folder, 'server.json'), JSON.stringify(serverConfig(site)));
  if (webRoots !== undefined) await writeFile(join(folder, 'web-roots.pem'), webRoots);
  if (bundleEndpoint?.profile === 'https_web') {
    await writeFile(join(folder, 'endpoint.pem'), bundleEndpoint.certificatePem);
    await writeFile(join(folder, 'endpoint.key'), bundleEndpoint.keyPem);
  }
}

async function runServer({ folder, webRoots }: ServerSite): Promise<RunningProcess> {
  const program = programPath('spire-server');
  const server = startProcess({
    name: 'spire-server',
    command: program,
    args: ['run', '-config', join(folder, 'server.json')],
    folder,
    ...(webRoots !== undefined && { env: { SSL_CERT_FILE: join(folder, 'web-roots.pem') } }),
  });
  try {
    const health = ['healthcheck', '-socketPath', join(folder, 'api.sock')];
    const isHealthy = async (): Promise<boolean> => (await runCommand(program, health)).code === 0;
    const processes = [server];
    await waitUntil('the SPIRE server is healthy', isHealthy, { deadlineMs: 30_000, processes });
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
function serverConfig(site: ServerSite): JsonObject {
  const { folder } = site;
  const data = join(folder, 'data');
  const database = { database_type: 'sqlite3', connection_string: databaseOf(folder) };
  return {
    server: {
      bind_address: '127.0.0.1',
      bind_port: site.port,
      socket_path: join(folder, 'api.sock'),
      trust_domain: site.trustDomain,
      data_dir: data,
      log_level: 'INFO',
      default_jwt_svid_ttl: `${site.jwtTtlS ?? 300}s`,
      jwt_key_type: site.jwtKeyType ?? 'ec-p256',
      federation: federationConfig(site),
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

function federationConfig(site: ServerSite): JsonObject {
  const { bundleEndpoint, bundlePort, folder, federatesWith = [] } = site;
  const certificate = {
    cert_file_path: join(folder, 'endpoint.pem'),
    key_file_path: join(folder, 'endpoint.key'),
    // Without it the server exits.
    file_sync_interval: '1h',
  };
  const relationships = federatesWith.map(({ trustDomain, url, endpointSpiffeId }) => ({
    [trustDomain]: {
      bundle_endpoint_url: url,
      bundle_endpoint_profile: [
        endpointSpiffeId === undefined
          ? { https_web: {} }
          : { https_spiffe: { endpoint_spiffe_id: endpointSpiffeId } },
      ],
    },
  }));
  const profile =
    bundleEndpoint?.profile === 'https_web'
      ? { https_web: { serving_cert_file: certificate } }
      : { https_spiffe: {} };
  const published = { address: '127.0.0.1', port: bundlePort, refresh_hint: '10s', profile };
  return {
    ...(bundleEndpoint !== undefined && { bundle_endpoint: published }),
    ...(relationships.length > 0 && { federates_with: relationships }),
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

type ServerOperations = Omit<
  SpireServer,
  | 'trustDomain'
  | 'port'
  | 'socketPath'
  | 'bundleUrl'
  | 'command'
  | 'kill'
  | 'startAgain'
  | 'database'
  | 'pause'
  | 'resume'
  | 'stop'
>;

function operations(command: ServerCommand, socketPath: string): ServerOperations {
  const keyCommand = (verb: string, keyId: string): Promise<JsonObject> =>
    command(['localauthority', 'jwt', verb, '-authorityID', keyId]);
  return {
    createEntry: async (entry) => idOf(await command(['entry', 'create', ...entryFlags(entry)])),
    async deleteEntry(id) {
      await command(['entry', 'delete', '-entryID', id]);
    },
    async updateEntry(id, entry) {
      idOf(await command(['entry', 'update', '-entryID', id, ...entryFlags(entry)]));
    },
    async federateWith(other) {
      // By the first bundle the endpoint is known.
      await this.setBundle(other.trustDomain, await other.showBundle());
      await command(['federation', 'create', ...relationshipFlags(other)]);
    },
    async refreshBundle(trustDomain) {
      await command(['federation', 'refresh', '-id', `spiffe://${trustDomain}`]);
    },
    async endFederation(trustDomain) {
      await command(['federation', 'delete', '-id', `spiffe://${trustDomain}`]);
    },
    async showBundle(trustDomain) {
      const which =
        trustDomain === undefined ? ['show'] : ['list', '-id', `spiffe://${trustDomain}`];
      const args = ['bundle', ...which, '-format', 'spiffe', '-socketPath', socketPath];
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

function relationshipFlags({ trustDomain, bundleUrl }: SpireServer): string[] {
  return [
    '-trustDomain',
    trustDomain,
    '-bundleEndpointURL',
    bundleUrl,
    '-bundleEndpointProfile',
    'https_spiffe',
    '-endpointSpiffeID',
    `spiffe://${trustDomain}/spire/server`,
  ];
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

/** The id of the one entry that `entry create` or `entry update` answers about. */
function idOf(answer: JsonObject): string {
  const results = answer['results'];
  const first = isArray(results) ? results[0] : undefined;
  const result = isObject(first) ? first : {};
  const id = stringAt(objectAt(result, 'entry'), 'id');
  // The command succeeds also where SPIRE did not do it.
  if (id === undefined || objectAt(result, 'status')['code'] !== 0)
    throw new Error(`no entry was written: ${JSON.stringify(answer)}`);
  return id;
}
