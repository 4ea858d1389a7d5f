/** The `svidecar` command: the only place of the webhook that reads arguments, environment and clock. */
import { existsSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { isatty } from 'node:tty';
import { builtPage } from './cli/built-page.ts';
import { progressColumns } from './cli/progress-line.ts';
import { runCli } from './cli/program.ts';
import type { WorkloadApiAnswer } from './checks/facts.ts';
import { decodeText } from './files/decode-text.ts';
import { readToEnd } from './files/read-to-end.ts';
import type { Installation, Terminal } from './cli/terminal.ts';

const root = join(import.meta.dirname, '..');

// A plain copy: the YAML parser asks for a variable at every token, and the real object asks the operating system.
process.env = { ...process.env };

/** File descriptor of standard input. */
const stdin = 0;

const terminal: Terminal = {
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
  hasColor: process.stdout.isTTY && process.stdout.hasColors() && !process.env['NO_COLOR'],
  isInteractive: process.stdout.isTTY,
  progressColumns: progressColumns(process.stderr, process.env),
  isPiped: !isatty(stdin),
  readStdin: () => decodeText(readToEnd(stdin, 'stdin'), 'stdin'),
  untilInterrupted,
  now: () => Date.now(),
};

function untilInterrupted(): AbortSignal {
  const interruption = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      interruption.abort();
    });
  }
  return interruption.signal;
}

function readInstallation(): Installation {
  // Our own package.json, written by us.
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    version: string;
  };
  return {
    version,
    templates: join(root, 'templates'),
    demo: join(root, 'manifests/demo'),
    helperProgram: programAt('sidecar/main'),
    standInProgram: programAt('sidecar/stand-ins/main'),
    ...kubeconfigs(),
    envoy: findEnvoy(),
    ...components(),
    runHelper,
    askWorkloadApi,
    page: (name) => builtPage(root, name),
  };
}

/** A source in a clone, a bundle in a package. */
function programAt(path: string): string {
  const [source = '', ...bundles] = ['ts', 'cjs', 'mjs'].map((end) => join(root, `${path}.${end}`));
  return bundles.find((file) => existsSync(file)) ?? source;
}

function kubeconfigs(): Pick<Installation, 'kubeconfigs'> {
  const named = (process.env['KUBECONFIG'] ?? '').split(delimiter).filter((path) => path !== '');
  return named.length === 0 ? {} : { kubeconfigs: named };
}

/** Loaded when called: a webhook carries no helper. */
async function runHelper(argv: readonly string[]): Promise<number> {
  const helper = await import('../sidecar/helper/run-helper.ts');
  const { helperVersion } = await import('../sidecar/helper/version.ts');
  const stopped = new Promise<string>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.once(signal, () => {
        resolve(signal);
      });
    }
  });
  const { out: write, err: writeError } = terminal;
  return helper.runHelper({
    argv,
    env: process.env,
    version: helperVersion,
    write,
    writeError,
    stopped,
    onStray: (listener) => {
      process.on('uncaughtException', listener);
      process.on('unhandledRejection', listener);
    },
  });
}

/** Loaded when called, as the helper. */
async function askWorkloadApi(address: string): Promise<WorkloadApiAnswer> {
  const { askOnce } = await import('../sidecar/workload-api/ask-once.ts');
  return { address, ...(await askOnce(address)) };
}

function components(): Pick<Installation, 'components'> {
  const script = join(root, 'scripts/components');
  return existsSync(script) ? { components: { script, findEnvoy } } : {};
}

/** Where scripts/components puts it, then PATH. */
function findEnvoy(): string | undefined {
  const { SVIDECAR_COMPONENTS, XDG_CACHE_HOME, HOME = '', PATH = '' } = process.env;
  const cache =
    SVIDECAR_COMPONENTS ?? join(XDG_CACHE_HOME ?? join(HOME, '.cache'), 'svidecar/components');
  const folders = [join(cache, 'bin'), ...PATH.split(':')];
  return folders.map((folder) => join(folder, 'envoy')).find((path) => existsSync(path));
}

// A reader that has seen enough, such as head, is not a failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? 0 : 3);
});

process.exitCode = await runCli(process.argv.slice(2), {
  terminal,
  installation: readInstallation(),
});
