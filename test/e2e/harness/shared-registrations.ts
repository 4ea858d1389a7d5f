/** What pages that are followed on the shared cluster expect of it, and leave behind. */
import { join } from 'node:path';
import { repository, type Cluster } from './cluster.ts';

const server = ['exec', '-n', 'spire', 'spire-server-0', '--', '/opt/spire/bin/spire-server'];
const admin = 'spiffe://example.org/ns/svidecar/sa/svidecar/registrations';
const helpers = 'svidecar-auth-helper';

/** As on a new cluster: the page has svidecar register the helpers, and makes it an administrator of SPIRE's server for that. */
export async function withoutRegistrations(cluster: Cluster): Promise<void> {
  await cluster.kubectl(['delete', 'clusterspiffeid', helpers, '--ignore-not-found']);
  await deleteEntries(cluster, ['-spiffeID', admin]);
}

/** The helpers of the other files' pods are registered by an object. */
export async function withRegistrations(cluster: Cluster): Promise<void> {
  await cluster.kubectl(['apply', '-k', join(repository, 'manifests/spire/registration')]);
}

/** As on a new cluster: whoever follows a page makes a namespace's entries, and SPIRE takes none twice. */
export async function withoutEntriesByHand(cluster: Cluster, namespace: string): Promise<void> {
  const selected = ['-selector', `k8s:ns:${namespace}`, '-matchSelectorsOn', 'superset'];
  await deleteEntries(cluster, selected);
}

/** @param shown what `entry show` is told */
async function deleteEntries(cluster: Cluster, shown: readonly string[]): Promise<void> {
  const entries = await cluster.kubectl([...server, 'entry', 'show', ...shown]);
  for (const [, id = ''] of entries.matchAll(/^Entry ID +: (\S+)$/gm))
    await cluster.kubectl([...server, 'entry', 'delete', '-entryID', id]);
}
