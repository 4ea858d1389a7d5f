/** Interim: gives the files back as they came, until the patcher has landed in this file. */
import type { EnvoyAdditions, EnvoyPatch, EnvoySource } from './contract.ts';

export function patchEnvoy(source: EnvoySource, additions: EnvoyAdditions): EnvoyPatch {
  const changes = additions.clusters.slice(0, 0).map(() => ({ file: '', line: 0, message: '' }));
  return { files: source.files, warnings: [], insertions: {}, changes };
}
