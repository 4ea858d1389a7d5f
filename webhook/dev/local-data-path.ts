/**
 * The data path on one machine: the pods of two workloads as processes on loopback. Each gets a real helper with the
 * settings that injection gave it, a Workload API socket of its own, and an Envoy with the configuration that the
 * patcher wrote.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AppError, messageOf } from '#kernel/errors.ts';
import { readSettings, renderSettings } from '../../sidecar/config/settings.ts';
import { exchange } from './http-exchange.ts';
import { moveEnvoy } from './local-envoy.ts';
import { freePorts, Programs } from './processes.ts';

/** One injected workload. */
export interface LocalPod {
  readonly name: string;
  readonly spiffeId: string;
  /** The helper's settings as YAML, from its ConfigMap. */
  readonly settings: string;
  /** Text of its patched Envoy configuration. */
  readonly envoy: string;
  /** The cluster in it for forwarded requests: to the other pod's Envoy, or to the app. */
  readonly onward: string;
}

export interface DataPathOptions {
  readonly caller: LocalPod;
  readonly callee: LocalPod;
  readonly trustDomain: string;
  /** `sidecar/main.ts` and `sidecar/stand-ins/main.ts`. */
  readonly helperProgram: string;
  readonly standInProgram: string;
  /** Envoy's binary; absent: a small client plays its part. */
  readonly envoy: string | undefined;
}

export interface LocalDataPath {
  /** `http://127.0.0.1:PORT` of the caller's outbound listener, and of the callee's inbound one. */
  readonly outbound: string;
  readonly inbound: string;
  readonly caller: WatchedPod;
  readonly callee: WatchedPod;
  /** Requests that came to the app so far, and Authorization headers on the last of them. */
  readonly app: () => SeenByApp;
  stop(): Promise<void>;
}

/** Where a pod tells what it has counted. */
export interface WatchedPod {
  readonly name: string;
  /** `http://127.0.0.1:PORT` of its helper's health port. */
  readonly health: string;
  /** Socket of Envoy's admin page; absent for the stand-in. */
  readonly admin?: string;
}

interface SeenByApp {
  readonly requests: number;
  readonly credentials: number;
}

interface PodPorts {
  readonly listener: number;
  readonly helper: number;
  readonly health: number;
}

/** @throws {AppError} USAGE when a part does not start, with its output, or no temporary folder can be made */
export async function startDataPath(options: DataPathOptions): Promise<LocalDataPath> {
  const [app = 0, ...ports] = await freePorts(7);
  const folder = await temporaryFolder();
  const programs = new Programs();
  const caller = podPorts(ports.slice(0, 3));
  const callee = podPorts(ports.slice(3));
  const { server, seen } = await startApp(app);
  const stop = async (): Promise<void> => {
    await programs.stop();
    server.close();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await startWorkloadApi(options, { folder, programs });
    const site = { options, programs, folder };
    await Promise.all([
      startPod(options.callee, { ...site, ports: callee, onward: app }),
      startPod(options.caller, { ...site, ports: caller, onward: callee.listener }),
    ]);
  } catch (error) {
    await stop();
    throw error;
  }
  const watched = (pod: LocalPod, ports: PodPorts): WatchedPod => ({
    name: pod.name,
    health: urlOf(ports.health),
    ...(options.envoy === undefined ? {} : { admin: adminOf(folder, pod) }),
  });
  return {
    outbound: urlOf(caller.listener),
    inbound: urlOf(callee.listener),
    caller: watched(options.caller, caller),
    callee: watched(options.callee, callee),
    app: seen,
    stop,
  };
}

async function temporaryFolder(): Promise<string> {
  try {
    return await mkdtemp(join(tmpdir(), 'svidecar-dev-'));
  } catch (thrown) {
    throw new AppError(
      'USAGE',
      `cannot make a temporary folder (${messageOf(thrown)}): set TMPDIR to a folder that you may write to`,
    );
  }
}

function adminOf(folder: string, pod: LocalPod): string {
  return join(folder, `${pod.name}.admin`);
}

function urlOf(port: number): string {
  return `http://127.0.0.1:${port}`;
}

function podPorts([listener = 0, helper = 0, health = 0]: readonly number[]): PodPorts {
  return { listener, helper, health };
}

/** The app behind the callee's Envoy: says which credentials reached it, never what they are. */
async function startApp(port: number): Promise<{ server: Server; seen: () => SeenByApp }> {
  let seen: SeenByApp = { requests: 0, credentials: 0 };
  // Idle connections end when Envoy ends them: what it sends on one that the app is just closing would be lost, with 503.
  const server = createServer({ keepAliveTimeout: 0 }, (request, response) => {
    const { length } = request.headersDistinct['authorization'] ?? [];
    seen = { requests: seen.requests + 1, credentials: length };
    response.end(
      `The account's balance is 42.\nThe app got ${request.method ?? ''} ${request.url ?? ''} with ${length} Authorization header(s).\n`,
    );
  });
  await new Promise<void>((resolve) => {
    server.listen(port, '127.0.0.1', resolve);
  });
  return { server, seen: () => seen };
}

interface Site {
  readonly folder: string;
  readonly programs: Programs;
}

async function startWorkloadApi(
  options: DataPathOptions,
  { folder, programs }: Site,
): Promise<void> {
  const sockets = [options.caller, options.callee].flatMap((pod) => [
    '--socket',
    `${socketOf(folder, pod)}=${pod.spiffeId}`,
  ]);
  const args = ['workload-api', '--trust-domain', options.trustDomain, ...sockets];
  await programs.start(
    {
      name: 'the Workload API',
      command: process.execPath,
      args: [options.standInProgram, ...args],
    },
    (output) => output.includes('ready'),
  );
}

function socketOf(folder: string, pod: LocalPod): string {
  return join(folder, `${pod.name}.sock`);
}

interface PodSite extends Site {
  readonly options: DataPathOptions;
  readonly ports: PodPorts;
  /** Port that the pod's Envoy sends allowed requests to. */
  readonly onward: number;
}

async function startPod(pod: LocalPod, site: PodSite): Promise<void> {
  const { options, programs, folder, ports } = site;
  const file = join(folder, `${pod.name}.helper.yaml`);
  const settings = readSettings(pod.settings, `the settings of ${pod.name}`);
  const listen = { host: '127.0.0.1', port: ports.helper };
  const health = { host: '127.0.0.1', port: ports.health };
  await writeFile(file, renderSettings({ ...settings, listen, health }));
  const env = { SPIFFE_ENDPOINT_SOCKET: `unix://${socketOf(folder, pod)}` };
  const args = [options.helperProgram, '-config', file];
  await programs.start(
    { name: `the helper of ${pod.name}`, command: process.execPath, args, env },
    () => isStarted(ports.health),
  );
  await (options.envoy === undefined
    ? startStandIn(pod, site)
    : startEnvoy(pod, site, options.envoy));
}

function isStarted(port: number): Promise<boolean> {
  return exchange(`${urlOf(port)}/startup`).then(
    ({ status }) => status === 200,
    () => false,
  );
}

async function startEnvoy(pod: LocalPod, site: PodSite, command: string): Promise<void> {
  const { ports, onward, folder } = site;
  const clusters = {
    'ext-authz': ports.helper,
    'auth-helper': ports.helper,
    [pod.onward]: onward,
  };
  const file = join(folder, `${pod.name}.envoy.yaml`);
  const admin = adminOf(folder, pod);
  await writeFile(file, moveEnvoy(pod.envoy, { listener: ports.listener, clusters, admin }));
  const args = ['-c', file, '--disable-hot-restart', '--concurrency', '1', '--log-level', 'error'];
  await site.programs.start({ name: `the Envoy of ${pod.name}`, command, args }, () =>
    accepts(ports.listener),
  );
}

async function startStandIn(pod: LocalPod, site: PodSite): Promise<void> {
  const { ports, onward, options } = site;
  const [rule] = readSettings(pod.settings, `the settings of ${pod.name}`).rules;
  const args = ['envoy', '--port', String(ports.listener), '--helper', `127.0.0.1:${ports.helper}`];
  const rest = ['--rule', rule?.name ?? '', '--upstream', `127.0.0.1:${onward}`];
  await site.programs.start(
    {
      name: `the stand-in for the Envoy of ${pod.name}`,
      command: process.execPath,
      args: [options.standInProgram, ...args, ...rest],
    },
    (output) => output.includes('ready'),
  );
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => {
      resolve(false);
    });
  });
}
