/** What injection changes: in each workload, each EnvoyFilter and each Envoy file. */
import { own } from '#kernel/members.ts';
import { sourceAnnotation, type DesiredConfigMap } from '../desired/desired.ts';
import { configMapsIn, type DecideOptions } from './decide-all.ts';
import { filterPairs } from './diff-filters.ts';
import type { InjectedTexts } from './inject-texts.ts';
import { unifiedDiff, type LabelledTexts } from './unified-diff.ts';

/** Unified diffs: the workloads in their order, then their EnvoyFilters, then what their ConfigMaps hold. */
export function differencesOf(injection: InjectedTexts, options: DecideOptions): string {
  return unified(differingTexts(injection, options)).join('');
}

/** The same as pairs of texts. */
export function differingTexts(
  injection: InjectedTexts,
  options: DecideOptions,
): readonly LabelledTexts[] {
  return [
    ...workloadPairs(injection),
    ...filterPairs(injection),
    ...configMapPairs(injection, options),
  ];
}

function unified(pairs: readonly LabelledTexts[]): readonly string[] {
  return pairs.map(({ labels, ...texts }) => unifiedDiff(texts, labels));
}

function workloadPairs({ documents, outcomes }: InjectedTexts): readonly LabelledTexts[] {
  return documents.flatMap(({ document, text }) => {
    if (text === undefined || text === document.text) return [];
    const names = outcomes
      .filter((outcome) => outcome.document === document && 'operations' in outcome.decision)
      .map(({ located }) => `${located.kind} ${located.namespace}/${located.name}`);
    const what = `${document.source.name} ${names.join(', ')}`;
    const labels = { before: what, after: `${what} (injected)`, firstLine: document.firstLine };
    return [{ before: document.text, after: text, labels }];
  });
}

/** The contents of the ConfigMaps of injected workloads, compared with their sources, as unified diffs. */
export function configMapDiffs(
  injection: InjectedTexts,
  options: DecideOptions,
): readonly string[] {
  return unified(configMapPairs(injection, options));
}

/** Those files, each with its source; not those that an EnvoyFilter holds once more. */
export function configMapPairs(
  { configMaps, envoyFilters, outcomes, documents }: InjectedTexts,
  { namespace }: DecideOptions,
): readonly LabelledTexts[] {
  const used = new Set(
    outcomes.flatMap(({ decision, located }) =>
      decision.kind === 'injected'
        ? [decision.status.helper?.configMap, decision.status.envoy?.derived].map(
            (name) => `${located.namespace}/${name ?? ''}`,
          )
        : [],
    ),
  );
  const sources = configMapsIn(
    documents.map(({ document }) => document),
    namespace,
  );
  // Its ConfigMap holds the same once more.
  const asFilter = new Set(envoyFilters.wanted.map(({ namespace: of, name }) => `${of}/${name}`));
  return configMaps
    .filter(
      ({ namespace: of, name }) => used.has(`${of}/${name}`) && !asFilter.has(`${of}/${name}`),
    )
    .flatMap((configMap) => {
      const source = configMap.annotations[sourceAnnotation];
      const data = sources.get(`${configMap.namespace}/${source ?? ''}`)?.data ?? {};
      return filePairs(configMap, source, data);
    });
}

function filePairs(
  configMap: DesiredConfigMap,
  source: string | undefined,
  data: Readonly<Record<string, string>>,
): readonly LabelledTexts[] {
  const { namespace, name } = configMap;
  return Object.entries(configMap.data).map(([file, after]) => {
    const before = source === undefined ? '/dev/null' : `ConfigMap ${namespace}/${source} ${file}`;
    const labels = { before, after: `ConfigMap ${namespace}/${name} ${file}` };
    return { before: own(data, file) ?? '', after, labels };
  });
}
