/**
 * The network of a test's pods: a network namespace each, joined by a bridge in one of its own. Nothing of it is seen on the
 * machine, and it is gone with the processes that hold it. Needs root.
 */
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import {
  runCommand,
  startProcess,
  waitUntil,
  type CommandResult,
  type ProcessSpec,
  type RunningProcess,
} from './processes.ts';
import { createWorkFolder, type WorkFolder } from './work-folder.ts';

const subnet = '10.77.0';
const prefixLength = 24;
/** Of the bridge; pods come after it. */
const firstHost = 1;

export interface NetworkPod {
  readonly address: string;
  /** Starts a program in the pod; with it end all that it has started. */
  start(spec: ProcessSpec): RunningProcess;
  /** Runs one there to its end, as root. */
  run(command: string, args: readonly string[]): Promise<CommandResult>;
  /** A connection that a program in the pod makes, as user 0. @throws {Error} where nobody listens */
  connect(host: string, port: number): Promise<Socket>;
}

export interface PodNetwork {
  /** @param inward ports on the pod's loopback, and the TCP port of this machine's loopback that answers there */
  addPod(name: string, inward?: Readonly<Record<number, number>>): Promise<NetworkPod>;
  stop(): Promise<void>;
}

export async function createPodNetwork(): Promise<PodNetwork> {
  const work = await createWorkFolder('pods');
  const holders: RunningProcess[] = [];
  const relays: Server[] = [];
  let lastHost = firstHost;
  const stop = async (): Promise<void> => {
    for (const relay of relays) relay.close();
    await Promise.all(holders.map((each) => each.stop(0)));
    await work.remove();
  };
  try {
    const bridge = await hold({ work, name: 'bridge', inward: [] });
    holders.push(bridge);
    await shell(bridge.pid, [
      'ip link set lo up',
      'ip link add br0 type bridge',
      `ip addr add ${subnet}.${firstHost}/${prefixLength} dev br0`,
      'ip link set br0 up',
    ]);
    return {
      stop,
      async addPod(name, inward = {}) {
        const paths = Object.entries(inward).map(([port, target]) => {
          const path = join(work.path, `${name}-${port}.sock`);
          relays.push(relayTo(path, target));
          return `${port}=${path}`;
        });
        lastHost += 1;
        const address = `${subnet}.${lastHost}`;
        const holder = await hold({ work, name, inward: paths });
        holders.push(holder);
        await attach(bridge.pid, holder.pid, address);
        return podOf(holder, address, join(work.path, `${name}.sock`));
      },
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The process that a network namespace lives as long as. */
async function hold(told: {
  readonly work: WorkFolder;
  readonly name: string;
  readonly inward: readonly string[];
}): Promise<RunningProcess> {
  const { work, name, inward } = told;
  const socket = join(work.path, `${name}.sock`);
  const door = join(import.meta.dirname, 'network-door.ts');
  const holder = startProcess({
    name,
    command: 'unshare',
    args: ['--net', '--', process.execPath, door, socket, ...inward],
    folder: work.path,
  });
  const isOpen = (): Promise<boolean> => Promise.resolve(existsSync(socket));
  await waitUntil(`the network of ${name} is there`, isOpen, { processes: [holder] });
  return holder;
}

async function attach(bridge: number, pod: number, address: string): Promise<void> {
  const link = `pod${pod}`;
  await shell(bridge, [
    `ip link add ${link} type veth peer name eth0 netns ${pod}`,
    `ip link set ${link} master br0 up`,
  ]);
  await shell(pod, [
    'ip link set lo up',
    'ip link set eth0 up',
    `ip addr add ${address}/${prefixLength} dev eth0`,
    `ip route add default via ${subnet}.${firstHost}`,
  ]);
}

async function shell(pid: number, lines: readonly string[]): Promise<void> {
  const { code, stderr } = await inside(pid, 'sh', ['-ec', lines.join('\n')]);
  if (code !== 0) throw new Error(`cannot make the network: ${stderr}`);
}

function inside(pid: number, command: string, args: readonly string[]): Promise<CommandResult> {
  return runCommand('nsenter', [`--target=${pid}`, '--net', '--', command, ...args]);
}

function podOf(holder: RunningProcess, address: string, door: string): NetworkPod {
  return {
    address,
    run: (...call) => inside(holder.pid, ...call),
    start: ({ uid, command, args, ...spec }) => {
      const user = uid === undefined ? [] : [`--reuid=${uid}`, `--regid=${uid}`, '--clear-groups'];
      return startProcess({
        ...spec,
        command: 'nsenter',
        args: [
          `--target=${holder.pid}`,
          '--net',
          '--',
          // A program's children end with it: the first process of a process namespace takes all others along.
          'unshare',
          '--pid',
          '--fork',
          '--kill-child=SIGKILL',
          '--',
          'setpriv',
          '--pdeathsig=KILL',
          ...user,
          '--',
          command,
          ...args,
        ],
      });
    },
    async connect(host, port) {
      const socket = createConnection(door);
      await once(socket, 'connect');
      socket.write(`${host} ${port}\n`);
      const answer = await Promise.race([
        once(socket, 'data').then(([data]) => String(data)),
        once(socket, 'close').then(() => ''),
      ]);
      socket.pause();
      if (answer === '') throw new Error(`nobody listens on ${host}:${port}`);
      return socket;
    },
  };
}

function relayTo(path: string, port: number): Server {
  const server = createServer((client) => {
    const target = createConnection({ host: '127.0.0.1', port });
    client.on('error', () => target.destroy());
    target.on('error', () => client.destroy());
    client.pipe(target).pipe(client);
  });
  return server.listen(path);
}
