/** Real Envoy for tests: configurations checked by it, and Envoys that run. */
import { readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { parse } from 'yaml';
import { isObject, listAt, objectAt, type Json, type JsonObject } from '#kernel/json.ts';
import { programPath } from './components.ts';
import { freePort } from './free-port.ts';
import {
  runCommand,
  startProcess,
  waitUntil,
  type CommandResult,
  type RunningProcess,
} from './processes.ts';
import { createWorkFolder, type WorkFolder } from './work-folder.ts';

/** The files of one folder, as a ConfigMap would mount them. */
export interface EnvoyFiles {
  /** File name → text. */
  readonly files: Readonly<Record<string, string>>;
  /** Which of them Envoy is started with (default `envoy.yaml`). */
  readonly main?: string;
  /** The folder that the texts name, such as `/etc/envoy`; where it occurs it is replaced by the real one. */
  readonly mountedAt?: string;
}

export interface EnvoyVerdict {
  readonly ok: boolean;
  /** What Envoy printed: on a refusal, why. */
  readonly output: string;
}

export interface RunningEnvoy {
  /** `http://127.0.0.1:PORT` of its admin interface. */
  readonly adminUrl: string;
  readonly pid: number;
  readonly logFile: string;
  /** The answer of the admin interface, such as to `/stats?format=json` or `/config_dump`. */
  admin(path: string): Promise<string>;
  stop(): Promise<void>;
}

const defaultMain = 'envoy.yaml';

/** Runs a number of tasks at a time and keeps the others waiting. */
function gate(width: number): <T>(task: () => Promise<T>) => Promise<T> {
  let free = width;
  const waiting: (() => void)[] = [];
  return async (task) => {
    if (free > 0) free -= 1;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    try {
      return await task();
    } finally {
      const next = waiting.shift();
      if (next === undefined) free += 1;
      else next();
    }
  };
}

/** One Envoy a core of a small machine: a hundred configurations may be handed over at once. */
const inTurn = gate(2);

/**
 * Asks Envoy whether it would start with a configuration (`--mode validate`; unknown fields are refused). Takes 0.1 s
 * of CPU, opens no port. Envoy itself doesn't read LDS and CDS files then, so the listeners, clusters and secrets of
 * the other files (documents with a list `resources`) are checked a second time as static resources of the main one.
 */
export function validateEnvoy(config: string | EnvoyFiles): Promise<EnvoyVerdict> {
  return inTurn(async () => {
    const work = await createWorkFolder('envoy');
    try {
      const main = await writeConfig(config, work);
      const first = await validateFile(main);
      if (!first.ok || typeof config === 'string') return first;
      const merged = await mergeResources(main, config);
      if (merged === undefined) return first;
      const path = join(work.path, 'merged.json');
      await writeFile(path, JSON.stringify(merged));
      return await validateFile(path);
    } finally {
      await work.remove();
    }
  });
}

/** @returns the path of the main file. */
async function writeConfig(config: string | EnvoyFiles, work: WorkFolder): Promise<string> {
  const {
    files,
    main = defaultMain,
    mountedAt,
  }: EnvoyFiles = typeof config === 'string' ? { files: { [defaultMain]: config } } : config;
  if (files[main] === undefined)
    throw new TypeError(`there is no file ${main} among the given ones`);
  for (const [name, text] of Object.entries(files)) {
    const placed = mountedAt === undefined ? text : text.replaceAll(mountedAt, work.path);
    await writeFile(join(work.path, name), placed);
  }
  return join(work.path, main);
}

async function validateFile(path: string): Promise<EnvoyVerdict> {
  const args = ['--mode', 'validate', '--log-level', 'warning', '--config-path', path];
  const result: CommandResult = await runCommand(programPath('envoy'), args);
  return { ok: result.code === 0, output: `${result.stdout}${result.stderr}` };
}

const staticListOf: Readonly<Record<string, string>> = {
  'type.googleapis.com/envoy.config.listener.v3.Listener': 'listeners',
  'type.googleapis.com/envoy.config.cluster.v3.Cluster': 'clusters',
  'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret': 'secrets',
};

async function readDocument(path: string): Promise<JsonObject> {
  const document: unknown = parse(await readFile(path, 'utf8'));
  return isObject(document) ? document : {};
}

/** The main document with the resources of all the other files added to its static ones; undefined without any. */
async function mergeResources(
  mainPath: string,
  config: EnvoyFiles,
): Promise<JsonObject | undefined> {
  const paths = Object.keys(config.files).map((name) => join(dirname(mainPath), name));
  const others = await Promise.all(paths.filter((path) => path !== mainPath).map(readDocument));
  const resources = others.flatMap((other) => listAt(other, 'resources')).filter(isObject);
  if (resources.length === 0) return undefined;
  const main = await readDocument(mainPath);
  const lists: Record<string, Json | undefined> = { ...objectAt(main, 'static_resources') };
  for (const { '@type': type, ...fields } of resources) {
    const list = typeof type === 'string' ? staticListOf[type] : undefined;
    if (list === undefined) throw new TypeError(`cannot check ${JSON.stringify(type)} by itself`);
    lists[list] = [...listAt(lists, list), fields];
  }
  return { ...main, static_resources: lists };
}

/**
 * Starts an Envoy and returns when it is live: static listeners listen and the first LDS and CDS files are read. Fields
 * unknown to Envoy are refused in those, too. Its admin interface is added, whether the configuration has one or not.
 * @param options.args more arguments, such as `--concurrency 1` as two elements.
 * @throws {Error} when it doesn't start within 30 s, with the end of its log.
 */
export async function startEnvoy(
  config: string | EnvoyFiles,
  options: { readonly args?: readonly string[]; readonly uid?: number } = {},
): Promise<RunningEnvoy> {
  const work = await createWorkFolder('envoy');
  const processes: RunningProcess[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all(processes.map((each) => each.stop()));
    await work.remove();
  };
  try {
    const main = await writeConfig(config, work);
    const port = await freePort();
    const adminUrl = `http://127.0.0.1:${port}`;
    const envoy = startProcess({
      name: 'envoy',
      command: programPath('envoy'),
      args: [...envoyArgs(main, port), ...(options.args ?? [])],
      folder: work.path,
      ...(options.uid !== undefined && { uid: options.uid }),
    });
    processes.push(envoy);
    const isLive = async (): Promise<boolean> => (await fetch(`${adminUrl}/ready`)).ok;
    await waitUntil('Envoy is live', isLive, { deadlineMs: 30_000, processes });
    const admin = async (path: string): Promise<string> => (await fetch(adminUrl + path)).text();
    return { adminUrl, pid: envoy.pid, logFile: envoy.logFile, admin, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function envoyArgs(main: string, adminPort: number): string[] {
  const address = { socket_address: { address: '127.0.0.1', port_value: adminPort } };
  return [
    '--config-path',
    main,
    // Laid over the file, so that any configuration gets a known admin interface.
    '--config-yaml',
    JSON.stringify({ admin: { address } }),
    // Several Envoys on one machine: no shared memory under a common number.
    '--disable-hot-restart',
    '--reject-unknown-dynamic-fields',
    '--log-level',
    'info',
  ];
}
