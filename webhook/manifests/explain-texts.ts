/** Why workloads are, or are not, injected: of manifests as texts, and of one object of a cluster. */
import { stringAt } from '#kernel/json.ts';
import type { LiveFacts } from '../checks/facts.ts';
import type { Engine } from '../injection/inject.ts';
import { namespaceLabel } from '../request/metadata-keys.ts';
import { withoutAppended } from './appended-documents.ts';
import {
  configMapsIn,
  decideAll,
  lineOf,
  type ConfigMaps,
  type DecideOptions,
  type DecidedWorkload,
} from './decide-all.ts';
import { foreignAmong, type Foreign } from './foreign-objects.ts';
import { readManifest, type ManifestDocument, type SourceText } from './manifest.ts';
import { appendedAmong, toldOfStale } from './stale-config-maps.ts';
import { wantedConfigMaps } from './wanted-config-maps.ts';

export interface Explained {
  readonly outcomes: readonly DecidedWorkload[];
  /** What asks for injection and is of no kind that is changed here. */
  readonly foreign: readonly Foreign[];
  /** As read, with the faults of those that cannot be. */
  readonly documents: readonly ManifestDocument[];
  /** What matters around a live object, such as its namespace's label. */
  readonly notes: readonly string[];
}

export function explainTexts(sources: readonly SourceText[], options: DecideOptions): Explained {
  const documents = sources.flatMap(({ name, text }) =>
    readManifest({ name, text: withoutAppended(text) }),
  );
  const outcomes = decideWhole(documents, options, appendedAmong(sources, options.namespace));
  return { outcomes, foreign: foreignAmong(documents, options), documents, notes: [] };
}

export function explainLive(live: LiveFacts, engine: Engine): Explained {
  const { name, namespace, object, configMaps } = live;
  const documents = [object, ...configMaps].flatMap((value) =>
    readManifest({ name, text: JSON.stringify(value) }),
  );
  const outcomes = decideWhole(documents, { engine, namespace }, new Map());
  const own = outcomes.filter(({ document }) => document === documents[0]);
  const foreign = foreignAmong(documents, { engine, namespace });
  // Where nothing was asked for, the namespace's label is no news.
  const isAsked = own.some(
    ({ decision }) => decision.kind !== 'skipped' || decision.reason !== 'not_requested',
  );
  const notes = isAsked || foreign.length > 0 ? namespaceNotes(live) : [];
  return { outcomes: own, foreign, documents: [], notes };
}

/** The decisions, and whether the ConfigMaps behind them hold what they should. */
function decideWhole(
  documents: readonly ManifestDocument[],
  options: DecideOptions,
  appended: ConfigMaps,
): readonly DecidedWorkload[] {
  const outcomes = decideAll(documents, options);
  const others = configMapsIn(documents, options.namespace);
  const facts = { configMaps: others, printed: new Set(documents), options };
  const { configMaps } = wantedConfigMaps(outcomes, facts);
  return toldOfStale(outcomes, configMaps, { appended, others });
}

/** The label decides whether the webhook sees the object at all. */
function namespaceNotes({ namespace, namespaceLabels: labels }: LiveFacts): readonly string[] {
  if (labels.kind !== 'known') {
    return [`whether the webhook sees namespace ${namespace} is not known: ${labels.reason}`];
  }
  const label = stringAt(labels.value, namespaceLabel);
  if (label === 'enabled' || label === 'pod') return [];
  const has =
    label === undefined
      ? `no label ${namespaceLabel}: enabled`
      : `the label ${namespaceLabel}: ${label}, not "enabled" or "pod"`;
  return [
    `namespace ${namespace} has ${has}, so the webhook sees nothing of it: kubectl label namespace ${namespace} ${namespaceLabel}=enabled`,
  ];
}

/** For programs. */
export function explainRecords(explained: readonly Explained[]): readonly object[] {
  return [
    ...explained.flatMap(({ outcomes }) => outcomes.map(record)),
    ...explained.flatMap(({ foreign }) => foreign.map(foreignRecord)),
  ];
}

function foreignRecord({ document, object, kind, namespace, name, steps }: Foreign): object {
  const place = { file: document.source.name, line: object.line, kind, namespace, name };
  return { ...place, decision: 'skipped', reason: 'kind_not_changed', steps };
}

function record(outcome: DecidedWorkload): object {
  const { document, decision, located } = outcome;
  const { kind, name, namespace } = located;
  return {
    file: document.source.name,
    line: lineOf(outcome),
    kind,
    namespace,
    name,
    decision: decision.kind,
    ...(decision.kind === 'skipped' ? { reason: decision.reason } : {}),
    ...(decision.kind === 'refused'
      ? { code: decision.code, message: decision.message, facts: decision.facts }
      : {}),
    ...('status' in decision ? { templates: decision.status.templates } : {}),
    steps: decision.steps,
  };
}
