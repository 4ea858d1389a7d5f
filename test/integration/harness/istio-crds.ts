/** Istio's kind EnvoyFilter alone, without istiod. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ApiServer } from './api-server.ts';
import { programPath } from './components.ts';

export const envoyFilterCrd = 'envoyfilters.networking.istio.io';

const file = 'manifests/charts/base/files/crd-all.gen.yaml';

/** The one kind that svidecar writes. */
export async function installEnvoyFilterCrd(api: ApiServer): Promise<void> {
  const text = await readFile(join(programPath('istio-files'), file), 'utf8');
  const crd = text.split(/^---$/m).find((each) => each.includes(`name: ${envoyFilterCrd}`)) ?? '';
  const { code, stderr } = await api.kubectl(['create', '-f', '-'], { input: crd });
  if (code !== 0) throw new Error(`CustomResourceDefinition ${envoyFilterCrd}: ${stderr}`);
  const established = ['wait', '--for=condition=Established', '--timeout=30s'];
  await api.kubectl([...established, `crd/${envoyFilterCrd}`]);
}
