/** Kinds of Istio's alone, without istiod. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ApiServer } from './api-server.ts';
import { programPath } from './components.ts';

export const envoyFilterCrd = 'envoyfilters.networking.istio.io';

const file = 'manifests/charts/base/files/crd-all.gen.yaml';

/** The one kind that svidecar writes. */
export function installEnvoyFilterCrd(api: ApiServer): Promise<void> {
  return installIstioCrds(api, [envoyFilterCrd]);
}

/** @param names of CustomResourceDefinitions, such as `serviceentries.networking.istio.io`; a YAML stream */
export function istioCrds(names: readonly string[]): string {
  const all = readFileSync(join(programPath('istio-files'), file), 'utf8').split(/^---$/m);
  return names
    .map((name) => all.find((each) => each.includes(`name: ${name}\n`)) ?? '')
    .join('---\n');
}

/** @param names as of `istioCrds` */
export async function installIstioCrds(api: ApiServer, names: readonly string[]): Promise<void> {
  const { code, stderr } = await api.kubectl(['create', '-f', '-'], { input: istioCrds(names) });
  if (code !== 0) throw new Error(`CustomResourceDefinitions ${names.join(', ')}: ${stderr}`);
  const established = ['wait', '--for=condition=Established', '--timeout=30s'];
  await api.kubectl([...established, ...names.map((name) => `crd/${name}`)]);
}
