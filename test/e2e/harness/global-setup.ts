/**
 * One cluster for all files of a run: started once, with SPIRE and the images. SVIDECAR_CLUSTER names one that is there
 * already, prepared in the same way, and stays.
 */
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { runCommand } from '../../integration/harness/processes.ts';
import { createWorkFolder } from '../../integration/harness/work-folder.ts';
import {
  istioImages,
  missingForCluster,
  ownCluster,
  repository,
  sharedImages,
  type Cluster,
} from './cluster.ts';

/** SPIRE is ready in 10 s on an idle machine. */
const installMs = 300_000;
/** A dozen programs, some of 100 MB and more, are bundled or read, and written. */
const imagesMs = 300_000;

export default async function setup(
  project: TestProject,
): Promise<(() => Promise<void>) | undefined> {
  const missing = await missingForCluster();
  if (missing !== undefined) {
    project.provide('cluster', { missing });
    return undefined;
  }
  const name = process.env['SVIDECAR_CLUSTER'];
  if (name !== undefined) {
    project.provide('cluster', { name });
    return undefined;
  }
  const cluster = ownCluster('e2e');
  try {
    await prepare(cluster);
  } catch (error) {
    await cluster.remove();
    throw error;
  }
  project.provide('cluster', { name: cluster.name });
  return () => cluster.remove();
}

async function prepare(cluster: Cluster): Promise<void> {
  const work = await createWorkFolder('e2e');
  try {
    const archive = join(work.path, 'images.tar');
    // The archive is written while the cluster starts: two cores, and each waits for the disk now and then.
    await Promise.all([
      succeed('scripts/cluster up', cluster.run(['up'])),
      succeed(
        'scripts/image',
        runCommand(
          join(repository, 'scripts/image'),
          [...sharedImages, ...istioImages, '--out', archive],
          {
            deadlineMs: imagesMs,
          },
        ),
      ),
    ]);
    await succeed('scripts/cluster load', cluster.run(['load', archive]));
  } finally {
    await work.remove();
  }
  const kubectl = `${join(repository, 'scripts/cluster')} --name ${cluster.name} kubectl`;
  await succeed(
    'scripts/install spire',
    runCommand(join(repository, 'scripts/install'), ['spire'], {
      env: { KUBECTL: kubectl },
      deadlineMs: installMs,
    }),
  );
}

async function succeed(what: string, command: ReturnType<Cluster['run']>): Promise<void> {
  const { code, stdout, stderr } = await command;
  if (code !== 0) throw new Error(`${what}: exit code ${code}\n${stdout}${stderr}`);
}
