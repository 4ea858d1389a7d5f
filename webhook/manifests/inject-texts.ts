/**
 * Manifests as text in, injected manifests as text out: no files, no process. The ConfigMaps that the cluster would
 * hold are appended as further documents.
 */
import { AppError } from '#kernel/errors.ts';
import type { DesiredConfigMap, DesiredEnvoyFilter } from '../desired/desired.ts';
import { envoyFilterKind } from '../istio/istio-plan.ts';
import { append, withoutAppended } from './appended-documents.ts';
import {
  configMapsIn,
  contextsFor,
  decider,
  surroundingsIn,
  type ConfigMaps,
  lineOf,
  type DecideOptions,
  type DecidedWorkload,
} from './decide-all.ts';
import { editDocument, joinTexts, type EditedDocument, type ObjectEdit } from './edit-stream.ts';
import { foreignIn, type Foreign } from './foreign-objects.ts';
import {
  openDocument,
  splitManifest,
  type ManifestDocument,
  type ManifestObject,
  type RawDocument,
  type SourceText,
} from './manifest.ts';
import { problemAt, type InputProblem } from './input-problem.ts';
import { appendedAmong, toldOfStale } from './stale-config-maps.ts';
import {
  amongTexts,
  envoyFiltersIn,
  toldOfFilters,
  type EnvoyFilters,
} from './told-envoy-filters.ts';
import { wantedConfigMaps, type Wanted } from './wanted-config-maps.ts';

export interface InjectedTexts {
  /** One stream of documents: the inputs, edited, then the ConfigMaps. What was refused is left out. */
  readonly text: string;
  readonly outcomes: readonly DecidedWorkload[];
  /** Objects that ask for injection but are of a kind that is not changed here. */
  readonly foreign: readonly Foreign[];
  readonly documents: readonly EditedDocument[];
  readonly configMaps: readonly DesiredConfigMap[];
  readonly envoyFilters: {
    readonly wanted: readonly DesiredEnvoyFilter[];
    /** Those among the inputs. */
    readonly there: EnvoyFilters;
  };
  readonly problems: readonly InputProblem[];
}

/**
 * Expected failures are problems in the result; only a bug of ours throws. Cost: O(n), two parses a workload; one
 * document at a time is held parsed.
 */
export function injectTexts(sources: readonly SourceText[], options: DecideOptions): InjectedTexts {
  const files = sources.map(({ name, text }) =>
    splitManifest({ name, text: withoutAppended(text) }),
  );
  const raw = files.flat();
  const { namespace } = options;
  const surroundings = surroundingsIn(likely(raw, /ConfigMap|Namespace/), namespace);
  const { configMaps } = surroundings;
  const contextFor = contextsFor(surroundings, options);
  const decideIn = decider(contextFor, options);
  const foreign: Foreign[] = [];
  const outcomes: DecidedWorkload[] = [];
  const next = counter(raw.length, options);
  const edited = files.map((file) =>
    file.map((each) => {
      next();
      const { document, open } = openDocument(each);
      const own = decideIn(document);
      outcomes.push(...own);
      foreign.push(...foreignIn(document, { contextFor, namespace }));
      return editDocument(document, editsFor(own), open);
    }),
  );
  const documents = edited.flat();
  const printed = new Set(
    documents.filter(({ text }) => text !== undefined).map(({ document }) => document),
  );
  const done = outcomes.filter((outcome) => isDone(outcome, printed));
  const wanted = wantedConfigMaps(done, { configMaps, printed, options });
  const texts = edited.map((file) => file.map(({ text }) => text ?? '').join(''));
  return {
    text: append(joinTexts(texts), wanted.objects),
    ...toldOf(done, wanted, { sources, raw, configMaps, namespace }),
    foreign,
    documents,
    configMaps: wanted.configMaps,
    problems: [...refusals(outcomes), ...documents.flatMap(({ problems }) => problems)],
  };
}

/** Tells of each document that is begun. */
function counter(count: number, { onDocument }: DecideOptions): () => void {
  let begun = 0;
  return () => {
    begun += 1;
    onDocument?.(begun, count);
  };
}

/** What was decided of a document that cannot be edited never happens: its problem is told instead. */
function isDone(
  { decision, document }: DecidedWorkload,
  printed: ReadonlySet<ManifestDocument>,
): boolean {
  return decision.kind === 'refused' || decision.kind === 'skipped' || printed.has(document);
}

interface Inputs {
  readonly sources: readonly SourceText[];
  /** Without what an earlier `inject` appended. */
  readonly raw: readonly RawDocument[];
  readonly configMaps: ConfigMaps;
  readonly namespace: string;
}

/** The outcomes with what is to be said of objects of ours among the inputs. */
function toldOf(
  outcomes: readonly DecidedWorkload[],
  wanted: Wanted,
  { sources, raw, configMaps, namespace }: Inputs,
): Pick<InjectedTexts, 'envoyFilters' | 'outcomes'> {
  const added = appendedAmong(sources);
  const appended = envoyFiltersIn(added, namespace);
  const others = envoyFiltersIn(likely(raw, new RegExp(envoyFilterKind.kind)), namespace);
  const standing = { appended: configMapsIn(added, namespace), others: configMaps };
  const told = toldOfStale(outcomes, wanted.configMaps, standing);
  return {
    outcomes: toldOfFilters(told, wanted.envoyFilters, amongTexts(others, appended)),
    envoyFilters: { wanted: wanted.envoyFilters, there: new Map([...appended, ...others]) },
  };
}

/** Decisions need the ConfigMaps and Namespaces of all documents; only those that may be one are read ahead. */
function likely(documents: readonly RawDocument[], kinds: RegExp): readonly ManifestDocument[] {
  return documents.filter(({ text }) => kinds.test(text)).map((raw) => openDocument(raw).document);
}

function editsFor(outcomes: readonly DecidedWorkload[]): ReadonlyMap<ManifestObject, ObjectEdit> {
  return new Map(
    outcomes.flatMap((outcome): readonly [ManifestObject, ObjectEdit][] => {
      const edit = editFor(outcome);
      return edit === undefined ? [] : [[outcome.object, edit]];
    }),
  );
}

function editFor({ decision }: DecidedWorkload): ObjectEdit | undefined {
  if (decision.kind === 'refused') return { kind: 'leave-out' };
  return 'operations' in decision
    ? { kind: 'operations', operations: decision.operations }
    : undefined;
}

/** Refused workloads, as problems with their place. */
export function refusals(outcomes: readonly DecidedWorkload[]): readonly InputProblem[] {
  return outcomes.flatMap((outcome) => {
    const { decision, document } = outcome;
    if (decision.kind !== 'refused') return [];
    const { code, message, facts } = decision;
    const error = new AppError(code, message, { facts });
    return [problemAt({ source: document.source, line: lineOf(outcome) }, error)];
  });
}
