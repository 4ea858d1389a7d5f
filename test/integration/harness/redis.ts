/** Real Redis and Valkey servers for tests: on loopback, in memory only, commanded over a Unix socket of their own. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createAuthority } from './authority.ts';
import { programPath } from './components.ts';
import { freePort } from './free-port.ts';
import { runCommand, startProcess, waitUntil, type RunningProcess } from './processes.ts';
import { createWorkFolder } from './work-folder.ts';

export interface RedisOptions {
  /** Default `redis-server`. */
  readonly program?: 'redis-server' | 'valkey-server';
  /** TLS only, with certificates that `RedisServer.tls` names, and clients must show theirs. */
  readonly tls?: boolean;
  /** Of the user `default`. */
  readonly password?: string;
  /** Lines of an ACL file without their first word, such as `reader on >secret ~ban:* +get`. */
  readonly users?: readonly string[];
  /** Further arguments, such as `--maxmemory 1mb`. */
  readonly args?: readonly string[];
}

/** As the settings of a store name them, and a certificate for other clients. */
export interface RedisTlsFiles {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

export interface RedisServer {
  /** On `127.0.0.1`. */
  readonly port: number;
  /** As settings name it: `redis:`, or `rediss:` for one with TLS. */
  readonly url: string;
  readonly socketPath: string;
  /** A file may be written there. */
  readonly folder: string;
  /** Undefined for a server without TLS. */
  readonly tls: RedisTlsFiles | undefined;
  readonly pid: () => number;
  /** Runs one command as `default`; the answer as redis-cli prints it. @throws {Error} with the server's error */
  command(...words: readonly string[]): Promise<string>;
  /** It answers nobody until `resume`; connections stay. */
  pause(): Promise<void>;
  resume(): void;
  /** It dies at once, and with it all that it held. */
  kill(): Promise<void>;
  /** After `kill`: the same server, empty; returns when it answers. */
  startAgain(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts it and returns when it answers: about 0.1 s. */
export async function startRedis(options: RedisOptions = {}): Promise<RedisServer> {
  const work = await createWorkFolder('redis');
  const port = await freePort();
  const tls = options.tls === true ? await writeCertificates(work.path) : undefined;
  const socketPath = join(work.path, 'redis.sock');
  const users = [
    `user default on ${options.password === undefined ? 'nopass' : `>${options.password}`} ~* &* +@all`,
    ...(options.users ?? []).map((user) => `user ${user}`),
  ];
  await writeFile(join(work.path, 'users.acl'), `${users.join('\n')}\n`);
  const program = programPath(options.program ?? 'redis-server');
  const args = argumentsOf({ port, folder: work.path, tls, more: options.args ?? [] });
  const start = async (): Promise<RunningProcess> => {
    const started = startProcess({ name: 'redis', command: program, args, folder: work.path });
    const answers = async (): Promise<boolean> => (await command('PING')) === 'PONG';
    await waitUntil('redis answers', answers, { processes: [started] });
    return started;
  };
  const command: RedisServer['command'] = (...words) =>
    ask(['-s', socketPath, ...words], options.password);
  let running: RunningProcess;
  try {
    running = await start();
  } catch (thrown) {
    await work.remove();
    throw thrown;
  }
  return {
    port,
    url: `${tls === undefined ? 'redis' : 'rediss'}://127.0.0.1:${port}`,
    socketPath,
    folder: work.path,
    tls,
    pid: () => running.pid,
    command,
    pause: () => running.pause(),
    resume: () => {
      running.resume();
    },
    kill: () => running.stop(0),
    startAgain: async () => {
      running = await start();
    },
    stop: async () => {
      await running.stop(0);
      await work.remove();
    },
  };
}

/** @param args of redis-cli. @throws {Error} with the server's error */
export async function ask(args: readonly string[], password = ''): Promise<string> {
  const env = { REDISCLI_AUTH: password };
  const { code, stdout, stderr } = await runCommand('redis-cli', ['-e', ...args], {
    deadlineMs: 10_000,
    ...(password === '' ? {} : { env }),
  });
  if (code !== 0) throw new Error(`redis-cli ${args.join(' ')}: ${stderr}${stdout}`);
  return stdout.trimEnd();
}

interface Place {
  readonly port: number;
  readonly folder: string;
  readonly tls: RedisTlsFiles | undefined;
  readonly more: readonly string[];
}

function argumentsOf({ port, folder, tls, more }: Place): readonly string[] {
  const settings: readonly (readonly [string, string])[] = [
    ['bind', '127.0.0.1'],
    ['save', ''],
    ['appendonly', 'no'],
    ['dir', folder],
    // A replica need not wait for others before it gets its data.
    ['repl-diskless-sync-delay', '0'],
    ['unixsocket', join(folder, 'redis.sock')],
    ['aclfile', join(folder, 'users.acl')],
    ['port', tls === undefined ? `${port}` : '0'],
  ];
  const forTls: typeof settings =
    tls === undefined
      ? []
      : [
          ['tls-port', `${port}`],
          ['tls-ca-cert-file', tls.ca],
          ['tls-cert-file', join(folder, 'server.crt')],
          ['tls-key-file', join(folder, 'server.key')],
        ];
  const all = settings.concat(forTls);
  return all.flatMap(([name, value]) => [`--${name}`, value]).concat(more);
}

async function writeCertificates(folder: string): Promise<RedisTlsFiles> {
  const authority = await createAuthority('redis');
  const at = (name: string): string => join(folder, name);
  await writeFile(at('ca.crt'), authority.caPem);
  for (const name of ['server', 'client']) {
    const issued = await authority.issue({ commonName: name, hosts: ['127.0.0.1', 'redis.test'] });
    await writeFile(at(`${name}.crt`), issued.certificatePem);
    await writeFile(at(`${name}.key`), issued.keyPem);
  }
  return { ca: at('ca.crt'), cert: at('client.crt'), key: at('client.key') };
}
