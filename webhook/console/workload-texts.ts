/** What injection makes of one stored object, as pairs of texts: its own, those of its Envoy, and its helper's settings. */
import { messageOf } from '#kernel/errors.ts';
import { nameOf, subjectsOf, type LiveFacts } from '../checks/facts.ts';
import { settingsFile } from '../../sidecar/config/helper-contract.ts';
import type { Engine } from '../injection/inject.ts';
import { filterManifestOf, yamlOf } from '../manifests/appended-documents.ts';
import { configMapPairs } from '../manifests/diff-texts.ts';
import { injectTexts, type InjectedTexts } from '../manifests/inject-texts.ts';
import { readManifest, type SourceText } from '../manifests/manifest.ts';
import type { LabelledTexts } from '../manifests/unified-diff.ts';
import { uninjectTexts } from '../manifests/uninject-texts.ts';
import type { TextPair } from './console-model.ts';
import { withoutSecrets } from './hide-secrets.ts';
import { shownEnvoy } from './shown-envoy.ts';
import { shownFiles } from './shown-files.ts';
import { shownObject, shownSettings } from './shown-object.ts';

interface Site {
  readonly live: LiveFacts;
  readonly engine: Engine;
  /** `Deployment shop/frontend`. */
  readonly title: string;
}

/**
 * @param isStale whether a restart would change it
 * @returns nothing for an object that asks for nothing, or that no text could be made of
 */
export function workloadTexts(site: Site, isStale: boolean): readonly TextPair[] {
  const stored = yamlOf(site.live.object);
  const without = withoutInjection(stored, site);
  const made = injected(without.text, site);
  const today = objectText(made.documents[0]?.text ?? '');
  const isInjected = without.text !== stored;
  const isDone = made.outcomes.some(({ decision }) => decision.kind === 'injected');
  if (!isInjected && !isDone) return refusedPair(site, stored, made);
  return [
    ...(isStale ? [restartPair(site, stored)] : []),
    {
      title: site.title,
      kind: 'object',
      before: objectText(without.text),
      after: isInjected ? objectText(stored) : today,
      beforeName: `${site.title} without svidecar`,
      afterName: `${site.title} ${isInjected ? 'as stored' : 'as it would be'}`,
      ...(without.problem === undefined ? {} : { problem: withoutSecrets(without.problem) }),
    },
    ...filterPairs(made, site),
    ...filePairs(made, site),
  ];
}

function restartPair(site: Site, stored: string): TextPair {
  const { title } = site;
  return {
    title: `${title}: what a restart changes`,
    kind: 'object',
    before: objectText(stored),
    after: objectText(injected(stored, site).documents[0]?.text ?? ''),
    beforeName: `${title} as stored`,
    afterName: `${title} by the configuration of today`,
  };
}

/** Of one that is refused there is only what it is now. */
function refusedPair({ title }: Site, stored: string, made: InjectedTexts): readonly TextPair[] {
  const [refusal] = made.problems;
  if (refusal === undefined) return [];
  const text = objectText(stored);
  return [
    {
      title,
      kind: 'object',
      before: text,
      after: text,
      beforeName: `${title} as stored`,
      afterName: `${title} as stored`,
      problem: withoutSecrets(refusal.error.message),
    },
  ];
}

interface Uninjected {
  readonly text: string;
  readonly problem?: string;
}

function withoutInjection(stored: string, { live }: Site): Uninjected {
  const { text, problems } = uninjectTexts([{ name: live.name, text: stored }], live.namespace);
  const [problem] = problems;
  // What cannot be taken back is shown as it is, and why.
  return problem === undefined ? { text } : { text: stored, problem: messageOf(problem.error) };
}

function injected(text: string, { live, engine }: Site): InjectedTexts {
  const sources = [
    { name: live.name, text },
    ...live.configMaps.map((each) => ({ name: live.name, text: yamlOf(each) })),
    ...namespaceText(live),
  ];
  return injectTexts(sources, { engine, namespace: live.namespace });
}

/** Its labels may choose another revision than the one whose configuration is at hand. */
function namespaceText({
  name,
  namespace,
  namespaceLabels: labels,
}: LiveFacts): readonly SourceText[] {
  if (labels.kind !== 'known') return [];
  const metadata = { name: namespace, labels: labels.value };
  return [{ name, text: yamlOf({ apiVersion: 'v1', kind: 'Namespace', metadata }) }];
}

/** One object of a text, as it is shown; empty where there is none. */
function objectText(text: string): string {
  const [object] = readManifest({ name: '', text }).flatMap(({ objects }) => objects);
  return object === undefined ? '' : yamlOf(shownObject(object.value));
}

/** The settings, and the files that Envoy reads: what else its ConfigMap holds is nobody's business here. */
function filePairs(made: InjectedTexts, { engine, live }: Site): readonly TextPair[] {
  const mainFiles = new Set(
    made.outcomes.flatMap(({ decision }) =>
      decision.kind === 'injected' ? [decision.status.envoy?.file] : [],
    ),
  );
  return configMapPairs(made, { engine, namespace: live.namespace }).flatMap((pair) => {
    const file = fileOf(pair);
    // Of the others, those that Envoy reads are the ones that are patched; copies stay as they are.
    const isShown = mainFiles.has(file) || pair.before !== pair.after;
    return isShown ? [filePair(pair, file)] : [];
  });
}

/** Labels end in the file's name. */
function fileOf({ labels }: LabelledTexts): string {
  return labels.after.split(' ').at(-1) ?? '';
}

function filePair({ before, after, labels }: LabelledTexts, file: string): TextPair {
  const isMade = labels.before === '/dev/null';
  const isSettings = isMade && file === settingsFile;
  return {
    title: file,
    kind: isSettings ? 'settings' : 'envoy',
    ...shownFiles(
      { before, after },
      isSettings
        ? { dialect: 'yaml', hide: shownSettings }
        : { dialect: 'envoy', hide: shownEnvoy },
    ),
    beforeName: isMade ? 'nothing' : labels.before,
    afterName: labels.after,
  };
}

function filterPairs(made: InjectedTexts, { live }: Site): readonly TextPair[] {
  const there = new Map(
    subjectsOf(live.envoyFilters).map(({ object }) => [nameOf(object), object]),
  );
  return made.envoyFilters.wanted.map((filter): TextPair => {
    const before = there.get(filter.name);
    const title = `EnvoyFilter ${filter.namespace}/${filter.name}`;
    return {
      title,
      kind: 'envoy_filter',
      before: before === undefined ? '' : yamlOf(shownObject(before)),
      after: yamlOf(shownObject(filterManifestOf(filter, filter.namespace))),
      beforeName: before === undefined ? 'nothing' : `${title} as stored`,
      afterName: title,
    };
  });
}
