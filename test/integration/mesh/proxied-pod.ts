/** A pod with the Envoy of the template `envoy`, as the shipped templates make it, at work on this machine. */
import { expect } from 'vitest';
import { stringify } from 'yaml';
import { readSettings } from '../../../sidecar/config/settings.ts';
import { injectTexts } from '../../../webhook/manifests/inject-texts.ts';
import { engineFor } from '../../fakes/engine.ts';
import { startEnvoy } from '../harness/envoy.ts';
import { freePort } from '../harness/free-port.ts';
import type { Spire } from '../harness/spire.ts';
import { startHelper } from './helper-process.ts';

export interface ProxiedPodSpec {
  readonly name: string;
  readonly annotations: Readonly<Record<string, string>>;
  readonly serviceAccount: string;
  /** Where the helper's files go. */
  readonly folder: string;
  readonly spire: Spire;
}

/** With the helper that its rules need. Returns once Envoy has its certificate. */
export async function startProxiedPod(spec: ProxiedPodSpec): Promise<{ stop(): Promise<unknown> }> {
  const pod = injected(spec);
  const { name, folder, spire } = spec;
  const helper =
    pod.settings === undefined
      ? undefined
      : await startHelper({
          name,
          runtime: 'node',
          folder,
          workloadApi: spire.endpoint,
          ...readSettings(pod.settings, 'helper.yaml'),
          port: await freePort(),
        });
  const places: Readonly<Record<string, string>> = {
    'port_value: 9010': `port_value: ${helper?.port ?? 0}`,
    'port_value: 9012': `port_value: ${await freePort()}`,
    'port_value: 9013': `port_value: ${await freePort()}`,
    '/spiffe-workload-api/spire-agent.sock': spire.socketPath,
  };
  let text = pod.envoy;
  for (const [there, here] of Object.entries(places)) text = text.replaceAll(there, here);
  const envoy = await startEnvoy(text, { args: ['--concurrency', '1'] });
  return { stop: () => Promise.all([envoy.stop(), helper?.stop()]) };
}

/** What `svidecar inject` makes of it. */
function injected({ name, annotations, serviceAccount }: ProxiedPodSpec): {
  readonly envoy: string;
  readonly settings: string | undefined;
} {
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'shop', annotations },
    spec: { serviceAccountName: serviceAccount, containers: [{ name: 'app', image: 'app' }] },
  };
  const options = { engine: engineFor(), namespace: 'shop' };
  const files = [{ name: 'pod.yaml', text: stringify(pod) }];
  const { configMaps, problems } = injectTexts(files, options);
  expect(problems).toEqual([]);
  const text = (file: string): string | undefined =>
    configMaps.map(({ data }) => data[file]).find((each) => each !== undefined);
  return { envoy: text('envoy.yaml') ?? '', settings: text('helper.yaml') };
}
