/** The texts that injection makes, as they are shown. */
import type { InjectedTexts } from '../manifests/inject-texts.ts';
import { yamlOf } from '../manifests/appended-documents.ts';
import type { LabelledTexts } from '../manifests/unified-diff.ts';
import type { ComparedTexts, MadeObject } from './workbench-model.ts';

/** Called by what comes out; equal texts are left out. */
export function comparedOf(pairs: readonly LabelledTexts[]): readonly ComparedTexts[] {
  return pairs
    .filter(({ before, after }) => before !== after)
    .map(({ before, after, labels }) => ({
      label: labels.after.replace(/ \(injected\)$/, ''),
      before,
      after,
    }));
}

/** ConfigMaps and EnvoyFilters of the injected workloads. */
export function madeBy({ configMaps, envoyFilters }: InjectedTexts): readonly MadeObject[] {
  return [
    ...configMaps.map(({ namespace, name, data }): MadeObject => ({
      kind: 'ConfigMap',
      namespace,
      name,
      files: Object.entries(data).map(([file, text]) => ({ name: file, text })),
    })),
    ...envoyFilters.wanted.map(({ namespace, name, spec }): MadeObject => ({
      kind: 'EnvoyFilter',
      namespace,
      name,
      files: [{ name: 'spec', text: yamlOf(spec) }],
    })),
  ];
}
