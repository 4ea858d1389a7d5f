/** The helper as a process of its own user: its bundle on a runtime of choice, or the executable. */
import {
  chmodSync,
  closeSync,
  copyFileSync,
  existsSync,
  fsyncSync,
  openSync,
  writeFileSync,
} from 'node:fs';
import { constants } from 'node:fs';
import { join } from 'node:path';
import { besideHelper } from '../../../scripts/bundle.ts';
import { memoryEnvironment } from '../../../scripts/memory-environment.ts';
import { renderSettings, type HelperSettingsInput } from '../../../sidecar/config/settings.ts';
import { freePort } from '../harness/free-port.ts';
import { runCommand, startProcess, waitUntil } from '../harness/processes.ts';
import { binaryOf, type HelperRuntime, type Runtime } from '../runtimes.ts';

export interface HelperSpec {
  /** Names its files and its log. */
  readonly name: string;
  readonly runtime: HelperRuntime;
  /** A folder that its user may enter. */
  readonly folder: string;
  /** Absent: our own user. */
  readonly uid?: number | undefined;
  /** SPIFFE_ENDPOINT_SOCKET; absent: rules that only ban need none. */
  readonly workloadApi?: string | undefined;
  readonly rules: HelperSettingsInput['rules'];
  readonly dataPath?: HelperSettingsInput['dataPath'];
  /** Of the service; absent: a free one. */
  readonly port?: number;
  /** Milliseconds between two looks whether it listens, for who measures the start. */
  readonly everyMs?: number;
  /** Environment besides that of each helper. */
  readonly env?: Readonly<Record<string, string>>;
}

export interface HelperProcess {
  readonly port: number;
  readonly pid: number;
  /** Milliseconds from its start until the service listened. */
  readonly listenedMs: number;
  log(): string;
  /** Of the health and metrics port. */
  page(path: string): Promise<{ readonly status: number; readonly body: string }>;
  /** The value of a sample, by its full name with labels; 0 when it is not there. */
  metric(sample: string): Promise<number>;
  configure(rules: HelperSettingsInput['rules']): void;
  /** @param graceMs from SIGTERM to SIGKILL; 0 kills at once. */
  stop(graceMs?: number): Promise<void>;
}

/** Bundles once for each folder. @returns the bundle's path. */
export async function bundleInto(folder: string): Promise<string> {
  const out = join(folder, 'helper.cjs');
  if (existsSync(out)) return out;
  const built = await runCommand(process.execPath, ['scripts/bundle-helper.ts', out]);
  if (built.code !== 0) throw new Error(built.stderr);
  for (const file of [out, ...besideHelper.map((beside) => join(folder, beside))])
    chmodSync(file, 0o644);
  return out;
}

/** Made once a folder, and by one: what is being run cannot be written. */
const executables = new Map<string, Promise<string>>();

async function executableIn(folder: string): Promise<string> {
  // Nothing lies beside it.
  const out = join(folder, 'executable/auth-helper');
  const { code, stderr } = await runCommand(process.execPath, [
    'scripts/bundle-helper.ts',
    '--executable',
    out,
  ]);
  if (code !== 0) throw new Error(stderr);
  // What is not on disk yet counts as the private memory of who runs it.
  const written = openSync(out, 'r');
  fsyncSync(written);
  closeSync(written);
  chmodSync(join(folder, 'executable'), 0o755);
  chmodSync(out, 0o755);
  return out;
}

async function programIn(
  folder: string,
  runtime: HelperRuntime,
): Promise<readonly [string, ...string[]]> {
  if (runtime !== 'executable') return [runtimeIn(folder, runtime), await bundleInto(folder)];
  const made = executables.get(folder) ?? executableIn(folder);
  executables.set(folder, made);
  return [await made];
}

/** Starts it and returns once it listens; whether it has an identity is another matter. */
export async function startHelper(spec: HelperSpec): Promise<HelperProcess> {
  const { name, runtime, folder, uid } = spec;
  const [command, ...words] = await programIn(folder, runtime);
  const port = spec.port ?? (await freePort());
  const health = await freePort();
  const file = join(folder, `${name}.yaml`);
  const configure = (rules: HelperSpec['rules']): void => {
    const listen = { host: '127.0.0.1', port };
    const { dataPath = 'ext-authz' } = spec;
    const settings = { version: 1 as const, listen, health: { host: '127.0.0.1', port: health } };
    writeFileSync(file, renderSettings({ ...settings, dataPath, rules }), { mode: 0o644 });
  };
  configure(spec.rules);
  const started = performance.now();
  const running = startProcess({
    name,
    command,
    args: [...words, '-config', file],
    folder,
    env: {
      ...memoryEnvironment,
      ...(spec.workloadApi === undefined ? {} : { SPIFFE_ENDPOINT_SOCKET: spec.workloadApi }),
      POD_NAMESPACE: 'shop',
      SERVICE_ACCOUNT: name,
      ...spec.env,
    },
    ...(uid === undefined ? {} : { uid }),
  });
  const page: HelperProcess['page'] = async (path) => {
    if (!running.isRunning()) throw new Error(`${name} has ended\n${running.logTail()}`);
    const answer = await fetch(`http://127.0.0.1:${health}${path}`);
    return { status: answer.status, body: await answer.text() };
  };
  const isAlive = async (): Promise<boolean> => (await page('/livez')).status === 200;
  const { everyMs = 50 } = spec;
  await waitUntil(`${name} listens`, isAlive, { everyMs, processes: [running] });
  return {
    port,
    pid: running.pid,
    listenedMs: performance.now() - started,
    log: () => running.logTail(),
    page,
    metric: async (sample) => {
      const lines = (await page('/metrics')).body.split('\n');
      return Number(lines.find((line) => line.startsWith(`${sample} `))?.slice(sample.length) ?? 0);
    },
    configure,
    stop: (graceMs) => running.stop(graceMs),
  };
}

/** A copy that other users may run: the packages may lie in a home folder that they may not enter. */
export function runtimeIn(folder: string, runtime: Runtime): string {
  const copy = join(folder, runtime);
  if (!existsSync(copy)) copyFileSync(binaryOf(runtime), copy, constants.COPYFILE_FICLONE);
  chmodSync(copy, 0o755);
  return copy;
}
