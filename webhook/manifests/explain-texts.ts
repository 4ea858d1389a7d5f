/** Why workloads are, or are not, injected: for manifests as texts, and for one object of a cluster. */
import type { ErrorCode, ErrorFacts } from '#kernel/errors.ts';
import { stringAt } from '#kernel/json.ts';
import type { Decision } from '../admission/decide.ts';
import type { LiveFacts } from '../checks/facts.ts';
import type { Engine } from '../injection/inject.ts';
import type { TraceStep } from '../injection/trace.ts';
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
import {
  amongTexts,
  envoyFiltersIn,
  inCluster,
  toldOfFilters,
  type Tell,
} from './told-envoy-filters.ts';
import { asRevision, namedRevisionStep, revisionStep } from './told-revision.ts';
import { wantedConfigMaps } from './wanted-config-maps.ts';

/** What would be decided about an object that the cluster's webhook does not see: nothing is done. */
interface UnseenDecision {
  readonly kind: 'skipped';
  readonly reason: 'namespace_not_labelled' | 'namespace_pods_only' | 'revision_unknown';
  /** Why, and then the steps that would be taken. */
  readonly steps: readonly TraceStep[];
}

export interface ExplainedWorkload extends Omit<DecidedWorkload, 'decision'> {
  readonly decision: Decision | UnseenDecision;
}

export interface Explained {
  readonly outcomes: readonly ExplainedWorkload[];
  /** Objects that ask for injection but are of a kind that is not changed here. */
  readonly foreign: readonly Foreign[];
  /** As read, with the faults of those that cannot be. */
  readonly documents: readonly ManifestDocument[];
}

export function explainTexts(sources: readonly SourceText[], options: DecideOptions): Explained {
  const documents = sources.flatMap(({ name, text }) =>
    readManifest({ name, text: withoutAppended(text) }),
  );
  const added = appendedAmong(sources);
  const { namespace } = options;
  const tell = amongTexts(envoyFiltersIn(documents, namespace), envoyFiltersIn(added, namespace));
  const appended = configMapsIn(added, namespace);
  const outcomes = decideWhole(documents, options, { appended, tell });
  return {
    outcomes: outcomes.map((outcome) => namedIn(outcome, options.engine)),
    foreign: foreignAmong(documents, options),
    documents,
  };
}

export function explainLive(live: LiveFacts, given: Engine): Explained {
  const { name, namespace, object, configMaps } = live;
  const engine = asRevision(given, live);
  const documents = [object, ...configMaps].flatMap((value) =>
    readManifest({ name, text: JSON.stringify(value) }),
  );
  const tell = inCluster(live.envoyFilters);
  const outcomes = decideWhole(documents, { engine, namespace }, { appended: new Map(), tell });
  const own = outcomes.filter(({ document }) => document === documents[0]);
  const foreign = foreignAmong(documents, { engine, namespace });
  const standing = standingOf(live, 'Pod');
  return {
    outcomes: own.map((outcome) => seenBy(seenFrom(outcome, live), live)),
    foreign: foreign.map((one) => ({
      ...one,
      steps: standing === undefined ? one.steps : [standing, ...one.steps],
    })),
    documents: [],
  };
}

/** The namespace's label decides whether the webhook sees the object at all. */
function seenFrom(outcome: DecidedWorkload, live: LiveFacts): ExplainedWorkload {
  const { decision, located } = outcome;
  // Where nothing was asked for, the namespace's label does not matter.
  if (decision.kind === 'skipped' && decision.reason === 'not_requested') return outcome;
  const standing = standingOf(live, located.kind);
  if (standing === undefined) return outcome;
  const steps = [standing, ...decision.steps];
  const { id } = standing;
  const isUnseen =
    (id === 'namespace_not_labelled' && isChange(decision)) ||
    // The pods of a refused workload are refused as well.
    (id === 'namespace_pods_only' && decision.kind === 'injected');
  return isUnseen
    ? { ...outcome, decision: { kind: 'skipped', reason: id, steps } }
    : { ...outcome, decision: { ...decision, steps } };
}

/** Which of several installations sees it, where labels say so. */
function seenBy(outcome: ExplainedWorkload, live: LiveFacts): ExplainedWorkload {
  const { decision } = outcome;
  const step = revisionStep(live);
  if (step === undefined || decision.kind === 'skipped') return outcome;
  const steps = [step, ...decision.steps];
  return step.id === 'revision_unknown'
    ? { ...outcome, decision: { kind: 'skipped', reason: step.id, steps } }
    : { ...outcome, decision: { ...decision, steps } };
}

function namedIn(outcome: DecidedWorkload, engine: Engine): ExplainedWorkload {
  const { decision } = outcome;
  const step = 'status' in decision ? namedRevisionStep(decision.status, engine) : undefined;
  if (step === undefined) return outcome;
  return { ...outcome, decision: { ...decision, steps: [step, ...decision.steps] } };
}

function isChange({ kind }: Decision): boolean {
  return kind === 'injected' || kind === 'uninjected' || kind === 'refused';
}

/** The decisions, and whether the ConfigMaps and EnvoyFilters behind them hold what they should. */
function decideWhole(
  documents: readonly ManifestDocument[],
  options: DecideOptions,
  { appended, tell }: { readonly appended: ConfigMaps; readonly tell: Tell },
): readonly DecidedWorkload[] {
  const outcomes = decideAll(documents, options);
  const others = configMapsIn(documents, options.namespace);
  const facts = { configMaps: others, printed: new Set(documents), options };
  const { configMaps, envoyFilters } = wantedConfigMaps(outcomes, facts);
  const told = toldOfStale(outcomes, configMaps, { appended, others });
  return toldOfFilters(told, envoyFilters, tell);
}

type NamespaceStep = TraceStep & {
  readonly id: 'namespace_not_labelled' | 'namespace_pods_only' | 'namespace_unread';
};

/** Undefined where the webhook sees objects of this kind. */
function standingOf(
  { namespace, namespaceLabels: labels }: LiveFacts,
  kind: string,
): NamespaceStep | undefined {
  if (labels.kind !== 'known') {
    const message = `whether the webhook sees namespace ${namespace} is not known: ${labels.reason}`;
    return { id: 'namespace_unread', level: 'warning', message };
  }
  const label = stringAt(labels.value, namespaceLabel);
  if (label === 'enabled' || (label === 'pod' && kind === 'Pod')) return undefined;
  if (label === 'pod') {
    const message = `namespace ${namespace} has the label ${namespaceLabel}: pod, so the ${kind} stays as it is, and its pods are changed when they are created:`;
    return { id: 'namespace_pods_only', level: 'info', message };
  }
  const has =
    label === undefined
      ? `no label ${namespaceLabel}: enabled`
      : `the label ${namespaceLabel}: ${label}, not "enabled" or "pod"`;
  const message = `namespace ${namespace} has ${has}, so the webhook sees nothing of it: kubectl label namespace ${namespace} ${namespaceLabel}=enabled --overwrite; then these steps would follow:`;
  return { id: 'namespace_not_labelled', level: 'warning', message };
}

/** One object's explanation, as `svidecar explain -o json` prints it. */
export interface ExplainRecord {
  readonly file: string;
  readonly line: number;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly decision: Decision['kind'];
  /** Why nothing is done. */
  readonly reason?: string;
  /** Of a refusal. */
  readonly code?: ErrorCode;
  readonly message?: string;
  readonly facts?: ErrorFacts;
  readonly templates?: readonly string[];
  readonly steps: readonly TraceStep[];
}

/** For programs. */
export function explainRecords(explained: readonly Explained[]): readonly ExplainRecord[] {
  return [
    ...explained.flatMap(({ outcomes }) => outcomes.map(record)),
    ...explained.flatMap(({ foreign }) => foreign.map(foreignRecord)),
  ];
}

function foreignRecord({ document, object, kind, namespace, name, steps }: Foreign): ExplainRecord {
  const place = { file: document.source.name, line: object.line, kind, namespace, name };
  return { ...place, decision: 'skipped', reason: 'kind_not_changed', steps };
}

function record(outcome: ExplainedWorkload): ExplainRecord {
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
