/** A cluster of `scripts/cluster`, used as people use it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { inject, describe } from 'vitest';
import { runCommand, type CommandResult } from '../../integration/harness/processes.ts';

export const repository = join(import.meta.dirname, '../../..');
const script = join(repository, 'scripts/cluster');

/** Images that the shared cluster has, besides what it runs itself. */
export const sharedImages = [
  'spire-server',
  'spire-agent',
  'spire-controller-manager',
  'spiffe-csi-driver',
  'csi-registrar',
  'helper',
  'webhook',
  'demo',
  'envoy',
];

/** Those that docs/istio.md has besides. */
export const istioImages = ['pilot-discovery', 'pilot-agent'];

/** From a command to its end: an image archive of several hundred MB takes the longest. */
const commandDeadlineMs = 300_000;

export interface Cluster {
  readonly name: string;
  /** `scripts/cluster --name NAME …`, whatever its exit code is. */
  run(args: readonly string[], input?: string): Promise<CommandResult>;
  /** kubectl as administrator; gives its standard output. @throws {Error} with its standard error, when it fails. */
  kubectl(args: readonly string[], input?: string): Promise<string>;
  /** A program of this machine in the cluster's network, with its names. */
  inNetwork(command: readonly string[]): Promise<CommandResult>;
}

function clusterNamed(name: string): Cluster {
  const run = (args: readonly string[], input?: string): Promise<CommandResult> =>
    runCommand(script, ['--name', name, ...args], {
      deadlineMs: commandDeadlineMs,
      ...(input !== undefined && { input }),
    });
  return {
    name,
    run,
    async kubectl(args, input) {
      const { code, stdout, stderr } = await run(['kubectl', ...args], input);
      if (code !== 0) throw new Error(`kubectl ${args.join(' ')}: exit code ${code}\n${stderr}`);
      return stdout;
    },
    inNetwork: (command) => run(['exec', '--', ...command]),
  };
}

/** What this machine lacks for a cluster, or undefined. */
export async function missingForCluster(): Promise<string | undefined> {
  const { code, stderr } = await runCommand(script, ['check']);
  return code === 0 ? undefined : stderr.trim().replaceAll('\n', '; ');
}

export interface OwnCluster extends Cluster {
  /** Takes it down. */
  remove(): Promise<void>;
}

/** Blocks until its standard input closes, which the kernel does for us whatever our end is; then takes the cluster down. */
const sweep = 'read -r _; exec "$1" --name "$2" down';

/** A cluster that is gone afterwards, even when this process is killed. It is not up yet. */
export function ownCluster(purpose: string): OwnCluster {
  const cluster = clusterNamed(`${purpose}-${process.pid}`);
  const sweeper = spawn('sh', ['-c', sweep, 'sweep', script, cluster.name], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  const swept = once(sweeper, 'exit');
  sweeper.unref();
  return {
    ...cluster,
    async remove() {
      sweeper.ref();
      sweeper.stdin.end();
      await swept;
    },
  };
}

declare module 'vitest' {
  interface ProvidedContext {
    /** The cluster that all files of a run share, or why there is none. */
    cluster: { readonly name: string } | { readonly missing: string };
  }
}

/**
 * `describe` for tests on the cluster that all files of the run share: SPIRE is installed and ready, the images of
 * `sharedImages` are loaded. Where the machine can't carry a cluster they are skipped with the reason in the title, or fail when
 * SVIDECAR_NO_SKIP is set.
 */
export function describeOnCluster(title: string, tests: (cluster: Cluster) => void): void {
  const provided = inject('cluster');
  if ('name' in provided) {
    describe(title, () => {
      tests(clusterNamed(provided.name));
    });
    return;
  }
  if (process.env['SVIDECAR_NO_SKIP'] !== undefined) throw new Error(provided.missing);
  describe.skip(`${title} (${provided.missing})`, () => {
    tests(clusterNamed('none'));
  });
}
