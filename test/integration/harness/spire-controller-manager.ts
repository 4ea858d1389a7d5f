/** A real spire-controller-manager between a real API server and a real SPIRE server, with its own CRDs. */
import { readdirSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ApiServer } from './api-server.ts';
import { programPath } from './components.ts';
import { freePort } from './free-port.ts';
import { startProcess, waitUntil, type RunningProcess } from './processes.ts';
import type { SpireServer } from './spire-server.ts';
import { createWorkFolder } from './work-folder.ts';

const crds = join(import.meta.dirname, '../../../manifests/spire/controller-manager/crds');

/** With what it is to be connected. */
interface Between {
  readonly api: ApiServer;
  readonly spire: SpireServer;
}

export interface SpireControllerManager {
  stop(): Promise<void>;
}

/** The CRDs alone, for what only writes objects. */
export async function installSpireCrds(api: ApiServer): Promise<void> {
  const files = readdirSync(crds).flatMap((file) => ['-f', join(crds, file)]);
  const { code, stderr } = await api.kubectl(['create', ...files]);
  if (code !== 0) throw new Error(stderr);
  const established = ['wait', '--for=condition=Established', '--timeout=30s', ...files];
  await api.kubectl(established);
}

/**
 * Needs the CRDs.
 * @param entryIDPrefix its entries have ids of their own by it, so that it leaves those of others alone; without one it deletes them
 */
export async function startSpireControllerManager(
  between: Between,
  entryIDPrefix = 'scm.',
): Promise<SpireControllerManager> {
  const { api, spire } = between;
  const work = await createWorkFolder('spire-controller-manager');
  let manager: RunningProcess | undefined;
  const stop = async (): Promise<void> => {
    await manager?.stop(0);
    await work.remove();
  };
  try {
    const metrics = await freePort();
    const health = await freePort();
    const config = join(work.path, 'config.json');
    const settings = { ...configuration(spire, { metrics, health }), entryIDPrefix };
    await writeFile(config, JSON.stringify(settings));
    manager = startProcess({
      name: 'spire-controller-manager',
      command: programPath('spire-controller-manager'),
      args: ['-config', config, '-kubeconfig', api.kubeconfig],
      folder: work.path,
      env: { ENABLE_WEBHOOKS: 'false' },
    });
    const isReady = (): Promise<boolean> =>
      fetch(`http://127.0.0.1:${health}/readyz`).then(
        ({ ok }) => ok,
        () => false,
      );
    await waitUntil('spire-controller-manager is ready', isReady, {
      deadlineMs: 30_000,
      processes: [manager],
    });
    return { stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** @see ControllerManagerConfig */
function configuration(
  { trustDomain, socketPath }: SpireServer,
  ports: { readonly metrics: number; readonly health: number },
): object {
  return {
    apiVersion: 'spire.spiffe.io/v1alpha1',
    kind: 'ControllerManagerConfig',
    clusterName: 'svidecar',
    clusterDomain: 'cluster.local',
    trustDomain,
    spireServerSocketPath: socketPath,
    // Nanoseconds between looks at all entries.
    gcInterval: 1_000_000_000,
    metrics: { bindAddress: `127.0.0.1:${ports.metrics}` },
    health: { healthProbeBindAddress: `127.0.0.1:${ports.health}` },
  };
}
