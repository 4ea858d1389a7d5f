/** One workload, looked at closer: what `explain` and `diff` say of it, its pods, its events, and its helpers. */
import { AppError, messageOf } from '#kernel/errors.ts';
import type { JsonObject } from '#kernel/json.ts';
import { metadataOf, nameOf } from '../checks/facts.ts';
import type { LiveFacts } from '../checks/facts.ts';
import type {
  ConsoleStep,
  EventView,
  HelperAnswers,
  HelperHolds,
  HelperView,
  WorkloadRow,
  WorkloadView,
} from '../console/console-model.ts';
import type { Told } from '../console/console-reports.ts';
import type { CoverageBoard } from '../console/coverage-board.ts';
import type { CommandTarget } from '../console/action-commands.ts';
import { isInVain } from '../console/coverage-status.ts';
import { helperAnswers } from '../console/helper-answers.ts';
import { withoutSecrets } from '../console/hide-secrets.ts';
import { eventViews, offeredActions, podView, undoOf } from '../console/workload-story.ts';
import { workloadTexts } from '../console/workload-texts.ts';
import type { Engine } from '../injection/inject.ts';
import { ApiRefusal } from '../kube/kubernetes-api.ts';
import type { ConnectedApi } from '../kube/connection.ts';
import { readPodText } from '../kube/pod-page.ts';
import { pathOf, readList, readOne } from '../kube/read-list.ts';
import { explainLive, type Explained } from '../manifests/explain-texts.ts';
import { verdictWords } from '../manifests/verdict-words.ts';
import { kindNamed } from '../objects/kinds.ts';
import { readLive } from '../survey/live-object.ts';
import { hasHelper, helperPortOf, readHelpersOf } from '../survey/read-helpers.ts';

export interface AskParts {
  readonly api: ConnectedApi;
  readonly board: CoverageBoard;
  /** For commands that are shown. */
  readonly target: CommandTarget;
  readonly engine: () => Engine | undefined;
  /** Milliseconds since the Unix epoch. */
  readonly nowMs: () => number;
}

/** Pods of one workload that are shown, and asked. */
const maxPods = 200;
const maxHelpers = 50;
/** Questions for events, each about one object. */
const maxEventLists = 12;
/** Milliseconds for a view. */
const viewMs = 30_000;
/** Of a helper's metrics: a page has some 20 kB. */
const maxMetricsBytes = 262_144;
const metricsMs = 5_000;

/** @throws {AppError} OBJECT_NOT_FOUND once it is gone, CLUSTER_UNREACHABLE, CLUSTER_FORBIDDEN */
export async function askWorkload(id: string, parts: AskParts): Promise<WorkloadView> {
  const row = rowOf(id, parts);
  const engine = parts.engine();
  if (engine === undefined)
    throw new AppError('CLUSTER_UNREACHABLE', 'the configuration has not been read yet; try again');
  const signal = AbortSignal.timeout(viewMs);
  const [live, pods, events] = await Promise.all([
    liveOf(row, parts, signal),
    podsOf(row, parts, signal),
    eventsOf(row, parts, signal),
  ]);
  const explained = explainLive(live, engine);
  const title = `${row.kind} ${row.namespace}/${row.name}`;
  return {
    row,
    nowS: parts.nowMs() / 1_000,
    ...storyOf(explained, row),
    texts: workloadTexts({ live, engine, title }, row.status === 'stale'),
    pods: pods.map(podView),
    events,
    undo: undoOf(row, parts.target),
    actions: offeredActions(row, parts.board.hooks),
  };
}

/** What its helpers have in hand, and have answered. @throws {AppError} as {@link askWorkload} */
export async function askHelpers(id: string, parts: AskParts): Promise<readonly HelperView[]> {
  const row = rowOf(id, parts);
  const signal = AbortSignal.timeout(viewMs);
  const pods = (await podsOf(row, parts, signal)).filter(hasHelper).slice(0, maxHelpers);
  const subjects = pods.map((object) => ({ object }));
  const held = await readHelpersOf(subjects, { api: parts.api, signal });
  return Promise.all(
    pods.map(async (pod): Promise<HelperView> => {
      const answer = held.get(`${row.namespace}/${nameOf(pod)}`);
      return {
        pod: nameOf(pod),
        held: holdsOf(answer),
        answers: await answersOf(pod, row.namespace, parts),
      };
    }),
  );
}

function rowOf(id: string, { board }: AskParts): WorkloadRow {
  const row = board.row(id);
  if (row !== undefined) return row;
  throw new AppError('OBJECT_NOT_FOUND', `${id} is not there any more, or may not be read`);
}

function storyOf(
  { outcomes, foreign }: Explained,
  row: WorkloadRow,
): Pick<WorkloadView, 'verdict' | 'steps'> {
  const [outcome] = outcomes;
  if (outcome === undefined) {
    const steps = foreign.flatMap((each) => each.steps).map(stepView);
    return { verdict: { words: 'is not changed here' }, steps };
  }
  const { decision } = outcome;
  const words = isInVain(row) ? 'is not injected' : withoutSecrets(verdictWords(decision).words);
  return {
    verdict: decision.kind === 'refused' ? { words, code: decision.code } : { words },
    steps: decision.steps.map(stepView),
  };
}

function stepView({ id, level, message, key }: ConsoleStep): ConsoleStep {
  const step = { id, level, message: withoutSecrets(message) };
  return key === undefined ? step : { ...step, key };
}

/** What is known by its pods alone is explained by one of them. */
async function liveOf(
  { id, kind, namespace, name }: WorkloadRow,
  { api, board }: AskParts,
  signal: AbortSignal,
): Promise<LiveFacts> {
  const options = { api, namespace, isNamespaceGiven: true, signal };
  const sample = board.workload(id) === undefined ? board.pods.sampleOf(id) : undefined;
  const live = await readLive(
    sample === undefined ? `${resourceOf(kind)}/${name}` : `pods/${sample.name}`,
    options,
  );
  if (sample === undefined) return live;
  // A pod is judged by what it asks for, not by who made it.
  const { ownerReferences, ...metadata } = metadataOf(live.object);
  return { ...live, object: { ...live.object, metadata } };
}

function resourceOf(kind: string): string {
  const type = kindNamed(kind);
  if (type === undefined) return kind.toLowerCase();
  return type.group === '' ? type.resource : `${type.resource}.${type.group}`;
}

/** Those with our keys: of a workload that asks for nothing there are none. */
async function podsOf(
  { id, namespace }: WorkloadRow,
  { api, board }: AskParts,
  signal: AbortSignal,
): Promise<readonly JsonObject[]> {
  const names = board.pods
    .list(id)
    .map(({ name }) => name)
    .sort()
    .slice(0, maxPods);
  const source = { apiVersion: 'v1', resource: 'pods' };
  const read = await Promise.all(
    names.map((name) =>
      readOne(api, pathOf(source, namespace, name), signal).catch((thrown: unknown) => {
        if (thrown instanceof ApiRefusal) return undefined;
        throw thrown;
      }),
    ),
  );
  return read.flatMap((pod) =>
    pod === undefined ? [] : [{ ...pod, apiVersion: 'v1', kind: 'Pod' }],
  );
}

/** Those of the workload, and of its first pods. */
async function eventsOf(
  row: WorkloadRow,
  { api, board }: AskParts,
  signal: AbortSignal,
): Promise<Told<readonly EventView[]>> {
  const pods = board.pods.list(row.id).map(({ name }) => ({ kind: 'Pod', name }));
  const about = [row, ...pods.filter(({ name }) => row.kind !== 'Pod' || name !== row.name)];
  const lists = await Promise.all(
    about.slice(0, maxEventLists).map(({ kind, name }) => {
      const selector = `involvedObject.kind=${kind},involvedObject.name=${name}`;
      const query = `fieldSelector=${encodeURIComponent(selector)}`;
      const source = { apiVersion: 'v1', kind: 'Event', resource: 'events', query };
      return readList(api, source, { namespace: row.namespace, signal });
    }),
  );
  const unknown = lists.find((each) => each.kind === 'unknown');
  if (unknown !== undefined) return { kind: 'unknown', reason: unknown.reason };
  const events = lists.flatMap((each) => (each.kind === 'known' ? each.objects : []));
  return { kind: 'known', value: eventViews(events) };
}

type Answer =
  Awaited<ReturnType<typeof readHelpersOf>> extends ReadonlyMap<string, infer Value>
    ? Value
    : never;

function holdsOf(answer: Answer | undefined): Told<HelperHolds> {
  if (answer === undefined) return { kind: 'not_asked', reason: 'it was not asked' };
  if (answer.kind !== 'known') return { kind: answer.kind, reason: withoutSecrets(answer.reason) };
  const { tokens, trustDomains, keysProblem } = answer.value;
  return {
    kind: 'known',
    value: {
      tokens: tokens.map(({ problem, ...token }) =>
        problem === undefined ? token : { ...token, problem: withoutSecrets(problem) },
      ),
      ...(trustDomains === undefined ? {} : { trustDomains }),
      ...(keysProblem === undefined ? {} : { keysProblem: withoutSecrets(keysProblem) }),
    },
  };
}

async function answersOf(
  pod: JsonObject,
  namespace: string,
  { api }: AskParts,
): Promise<Told<readonly HelperAnswers[]>> {
  const page = { namespace, pod: nameOf(pod), port: helperPortOf(pod), path: '/metrics' };
  const bounds = { maxBytes: maxMetricsBytes, signal: AbortSignal.timeout(metricsMs) };
  try {
    return { kind: 'known', value: helperAnswers(await readPodText(api, page, bounds)) };
  } catch (thrown) {
    const isForbidden = thrown instanceof ApiRefusal && thrown.status === 403;
    return isForbidden
      ? {
          kind: 'not_asked',
          reason: 'not allowed to ask: it takes the verbs "get" and "create" on pods/portforward',
        }
      : { kind: 'unknown', reason: `cannot be asked: ${messageOf(thrown)}` };
  }
}
