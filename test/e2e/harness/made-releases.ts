/** The releases of a test, each made by the `scripts/release` of the commit that it is of. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { helperVersion } from '../../../sidecar/helper/version.ts';
import { olderVersion } from '../../integration/harness/older-version.ts';
import { runCommand } from '../../integration/harness/processes.ts';
import { repository, type Cluster } from './cluster.ts';

/** On a quiet machine it takes half a minute. */
const releaseMs = 240_000;

export interface MadeRelease {
  readonly version: string;
  readonly folder: string;
}

/** @param key a private key for ssh-keygen */
export async function olderRelease(folder: string, key: string): Promise<MadeRelease> {
  const older = olderVersion();
  return release({ tree: older.folder, version: older.version, folder, key });
}

/** Of what is committed. */
export async function newerRelease(folder: string, key: string): Promise<MadeRelease> {
  // Beside the packages, of which the clone gets hard links.
  mkdirSync(join(repository, 'dist'), { recursive: true });
  const work = mkdtempSync(join(repository, 'dist/release-of-'));
  const tree = join(work, 'clone');
  try {
    await succeed('git', ['clone', '--quiet', '--local', repository, tree]);
    await succeed('cp', ['-al', join(repository, 'node_modules'), join(tree, 'node_modules')]);
    return await release({ tree, version: helperVersion, folder, key });
  } finally {
    rmSync(work, { recursive: true });
  }
}

/** Other files of a run use the images of this tree, which are those of the release where all is committed. */
export async function loadImagesOfTree(cluster: Cluster, folder: string): Promise<void> {
  const status = await runCommand('git', ['-C', repository, 'status', '--porcelain']);
  if (status.stdout === '') return;
  const archive = join(folder, 'images-of-tree.tar');
  const names = ['helper', 'webhook', 'demo'];
  await succeed(join(repository, 'scripts/image'), [...names, '--out', archive]);
  await cluster.run(['load', archive]);
}

interface Order extends MadeRelease {
  readonly tree: string;
  readonly key: string;
}

async function release({ tree, version, folder, key }: Order): Promise<MadeRelease> {
  await succeed(join(tree, 'scripts/release'), [version, '--out', folder, '--key', key]);
  return { version, folder };
}

async function succeed(command: string, args: readonly string[]): Promise<void> {
  const { code, stdout, stderr } = await runCommand(command, args, { deadlineMs: releaseMs });
  if (code !== 0)
    throw new Error(`${command} ${args.join(' ')}: exit code ${code}\n${stdout}${stderr}`);
}
