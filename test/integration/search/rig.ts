/** What generated configurations are tried with: an app, a Workload API, one helper for each data path, real Envoys. */
import { join } from 'node:path';
import { decodeJwt } from 'jose';
import { readSettings } from '../../../sidecar/config/settings.ts';
import { createAuthority } from '../../../sidecar/stand-ins/jwt-authority.ts';
import { startEmbeddedWorkloadApi } from '../../../sidecar/stand-ins/workload-api.ts';
import { dataPaths, type DataPathName } from '../data-paths/pods.ts';
import { startEnvoy } from '../harness/envoy.ts';
import { freePort } from '../harness/free-port.ts';
import { waitUntil } from '../harness/processes.ts';
import { createWorkFolder } from '../harness/work-folder.ts';
import { startHelper, type HelperProcess } from '../mesh/helper-process.ts';
import { injectPod, type InjectedPod } from '../mesh/injected-pod.ts';
import { startApp, type App } from './world.ts';

/** The file that Envoy reads, and where all of them are mounted. */
export const mainFile = 'envoy.yaml';
export const folder = '/etc/envoy';

export interface Ports {
  readonly app: number;
  readonly listeners: readonly number[];
}

export interface Generated {
  /** File name → text. */
  readonly files: Readonly<Record<string, string>>;
  /** What is unusual in it, for people. */
  readonly features: readonly string[];
  /** Ports of its listeners. */
  readonly listeners: readonly number[];
}

export interface Rig {
  readonly app: App;
  readonly ports: Ports;
  /** A token of a friend's, for an audience. */
  mint(audience: string): Promise<string>;
  /** As at admission. @returns why it was refused, or the patched pod */
  inject(generated: Generated, dataPath: DataPathName): InjectedPod | string;
  /** Runs `act` while Envoy runs with these files. */
  whileRunning<T>(pod: InjectedPod, dataPath: DataPathName, act: () => Promise<T>): Promise<T>;
  stop(): Promise<void>;
}

/** @param plain a configuration that nothing is unusual about, for the helpers' settings: they are the same for all */
export async function startRig(
  annotations: Readonly<Record<string, string>>,
  plain: (ports: Ports) => Generated,
): Promise<Rig> {
  const work = await createWorkFolder('search');
  const authority = await createAuthority({ trustDomain: 'example.org' });
  const workloadApi = await startEmbeddedWorkloadApi({
    authority,
    socketPath: join(work.path, 'agent.sock'),
    identities: [{ spiffeId: 'spiffe://example.org/ns/shop/sa/default' }],
  });
  const app = await startApp();
  const ports = { app: app.port, listeners: [await freePort(), await freePort()] };
  const inject: Rig['inject'] = ({ files }, dataPath) =>
    injectPod({
      name: 'search',
      annotations: { ...annotations, 'svidecar.dev/data-path': dataPath },
      files,
    });
  const start = async (dataPath: DataPathName): Promise<HelperProcess> => {
    const pod = inject(plain(ports), dataPath);
    if (typeof pod === 'string') throw new Error(pod);
    const { rules } = readSettings(pod.settings, 'search');
    const helper = await startHelper({
      name: `search-${dataPath}`,
      runtime: 'node',
      folder: work.path,
      rules,
      dataPath,
      workloadApi: workloadApi.address,
    });
    const isReady = async (): Promise<boolean> => (await helper.page('/readyz')).status === 200;
    await waitUntil('the helper is ready', isReady);
    return helper;
  };
  const helpers = new Map<DataPathName, HelperProcess>();
  for (const dataPath of dataPaths) helpers.set(dataPath, await start(dataPath));
  return {
    app,
    ports,
    mint: (audience) =>
      authority.mint({
        spiffeId: 'spiffe://example.org/friend',
        audiences: [audience],
        ttlS: 300,
      }),
    inject,
    whileRunning: async (pod, dataPath, act) => {
      const files = moved(pod.files, helpers.get(dataPath)?.port ?? 0);
      const envoy = await startEnvoy(
        { files, main: mainFile, mountedAt: folder },
        { args: ['--concurrency', '1'] },
      );
      try {
        return await act();
      } finally {
        await envoy.stop();
      }
    },
    stop: async () => {
      await Promise.all([...helpers.values()].map((helper) => helper.stop()));
      await workloadApi.close();
      app.close();
      await work.remove();
    },
  };
}

/** Our helper under the port that it took on this machine. */
function moved(
  files: Readonly<Record<string, string>>,
  port: number,
): Readonly<Record<string, string>> {
  const ours = /("port_value": ?|port_value: ?)9010\b/g;
  return Object.fromEntries(
    Object.entries(files).map(([name, text]) => [name, text.replaceAll(ours, `$1${port}`)]),
  );
}

/** The audience of the token in an Authorization header, unverified; undefined without a token. */
export function audienceOf(authorization: string | undefined): string | undefined {
  const [, token] = /^Bearer (\S+)$/.exec(authorization ?? '') ?? [];
  return token === undefined ? undefined : [decodeJwt(token).aud].flat().join();
}
