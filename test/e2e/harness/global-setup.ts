/**
 * One cluster for all files of a run: started once, with SPIRE and the images. SVIDECAR_CLUSTER names one that is there
 * already, prepared in the same way, and stays.
 */
import type { TestProject } from 'vitest/node';
import { missingForCluster, ownCluster } from './cluster.ts';
import { prepareCluster } from './prepare-cluster.ts';

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
    await prepareCluster(cluster);
  } catch (error) {
    await cluster.remove();
    throw error;
  }
  project.provide('cluster', { name: cluster.name });
  return () => cluster.remove();
}
