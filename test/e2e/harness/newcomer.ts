/**
 * Somebody who has only files: a shell in the cluster's network, which has no way out, with a home of its own that holds
 * nothing but Node, kubectl and helm. This repository is hidden from it.
 */
import { copyFileSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { programPath } from '../../../scripts/pins.ts';
import { runCommand } from '../../integration/harness/processes.ts';
import { repository, type Cluster } from './cluster.ts';
import { complaint, runSteps, type Step } from './console-blocks.ts';

export interface Said {
  readonly code: number;
  /** Of both streams. */
  readonly output: string;
}

export class Newcomer {
  readonly #home: string;
  readonly #within: readonly string[];

  private constructor(home: string, within: readonly string[]) {
    this.#home = home;
    this.#within = within;
  }

  /** @param home does not exist yet */
  static async arrive(cluster: Cluster, home: string): Promise<Newcomer> {
    const bin = join(home, 'bin');
    for (const folder of [bin, join(home, '.kube')]) mkdirSync(folder, { recursive: true });
    copyFileSync(process.execPath, join(bin, 'node'));
    for (const name of ['kubectl', 'helm']) symlinkSync(programPath(name), join(bin, name));
    const npm = await runCommand('sh', ['-c', 'command -v npm']);
    const packages = join(home, 'packages');
    writeFileSync(join(home, '.npmrc'), `prefix=${packages}\n`);
    const config = 'cp "$KUBECONFIG" "$0"';
    await cluster.inNetwork(['sh', '-c', config, join(home, '.kube/config')]);
    const path = [join(packages, 'bin'), bin, '/usr/bin', '/bin', dirname(npm.stdout.trim())];
    const script = join(repository, 'scripts/cluster');
    const hide = 'mount -t tmpfs none "$0" && exec "$@"';
    const hidden = ['unshare', '--mount', '--propagation', 'private', 'sh', '-c', hide, repository];
    const own = ['env', '-i', '-C', home, `HOME=${home}`, `PATH=${path.join(':')}`];
    const network = [script, '--name', cluster.name, 'exec', '--'];
    return new Newcomer(home, [...network, ...hidden, ...own]);
  }

  /** One command line, in bash. @param folder in which */
  async does(folder: string, line: string): Promise<Said> {
    const [command = '', ...args] = this.#within;
    const bash = ['bash', '-o', 'pipefail', '-c', `cd "$0" || exit; exec 2>&1; ${line}`, folder];
    const { code, stdout, stderr } = await runCommand(command, [...args, ...bash], {
      deadlineMs: 180_000,
    });
    return { code, output: stdout + stderr };
  }

  /** The commands of a page, in one bash. Gives what went wrong. */
  async follows(folder: string, steps: readonly Step[]): Promise<readonly string[]> {
    const go: Step = { section: '', command: `cd '${folder}'`, shown: [] };
    const options = { cwd: this.#home, env: process.env, within: this.#within };
    const outcomes = await runSteps([go, ...steps], options);
    return outcomes.map(complaint).filter((text) => text !== undefined);
  }
}
