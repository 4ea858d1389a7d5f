/** Interim: gives the files back as they came, until the patcher has landed in this file. */
import type { EnvoyAdditions, EnvoyPatch, EnvoySource } from './contract.ts';

export function patchEnvoy(source: EnvoySource, additions: EnvoyAdditions): EnvoyPatch {
  void additions;
  return { files: source.files, warnings: [], insertions: {}, changes: [] };
}
