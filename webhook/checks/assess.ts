/** The admission engine's own decision about each workload: the checks do not judge annotations themselves. */
import jsonPatch from 'fast-json-patch';
import { envoyCheck, keysReader } from '../admission/check-envoy.ts';
import { decide, type Decision, type DecisionContext } from '../admission/decide.ts';
import { contextsByRevision, type ContextFor } from '../admission/decide-by-revision.ts';
import { asksForNothing } from '../request/read-annotations.ts';
import { isOurs, namespaceLabel, statusKey } from '../request/metadata-keys.ts';
import { chosenRevision, noRevision, revisionIn, revisionsNamed } from '../request/revision.ts';
import { installedRevisions } from './installed-revisions.ts';
import { locate, type Located } from '../request/locate.ts';
import { resemblesOurs } from '../request/stray-keys.ts';
import { pointer, type Operation } from '../editing/operation.ts';
import { uninject } from '../injection/inject.ts';
import { revisionInStatus, statusOf, type Status } from '../injection/status.ts';
import { AppError } from '#kernel/errors.ts';
import { isObject, listAt, objectAt, stringAt, textsAt, type JsonObject } from '#kernel/json.ts';
import {
  metadataOf,
  nameOf,
  namespaceOf,
  subjectsOf,
  whereOf,
  type ClusterFacts,
  type Subject,
  type Where,
} from './facts.ts';

export interface Assessed {
  readonly subject: Subject;
  readonly where: Where;
  readonly located: Located;
  readonly decision: Decision;
  /** Whether its pod template asks for templates. */
  readonly asks: boolean;
  /** Whether its pod template carries our status. */
  readonly isInjected: boolean;
  /** Who is to inject it, and who did; undefined where no hooks are known. */
  readonly injector: Injector | undefined;
  /** The pod's spec as it is once everything asked for is in it. */
  readonly spec: JsonObject;
  /** The pod's spec without what was injected, and as an injection of today makes it; undefined where nothing was, or it is refused. */
  readonly anew: () => MadeAnew | undefined;
}

/** Revisions by name; empty for the installation without one. */
export interface Injector {
  /** As the labels choose; it need not be installed. Undefined where nobody is the default. */
  readonly chosen: string | undefined;
  /** Undefined where it is not injected. */
  readonly actual: string | undefined;
  /** Whether the configuration at hand is that of the chosen one. */
  readonly isJudged: boolean;
}

export interface MadeAnew {
  readonly original: JsonObject;
  readonly spec: JsonObject;
}

/** Workloads and pods, in this order. */
export function askersIn({ objects }: Pick<ClusterFacts, 'objects'>): readonly Subject[] {
  return [...subjectsOf(objects.workloads), ...subjectsOf(objects.pods)];
}

/** Objects without a pod template are left out. */
export function assess(facts: ClusterFacts, subjects: readonly Subject[]): readonly Assessed[] {
  const read = configMapReader(facts);
  const context = {
    engine: facts.engine,
    checkEnvoy: envoyCheck(read, facts.engine.memory.copies, 'words'),
    configMapKeys: keysReader(read),
    // Told by a check of its own, for what is there by now.
    heldConfigMap: (): undefined => undefined,
    ignoredNamespaces: new Set([...facts.engine.config.ignoredNamespaces, facts.ownNamespace]),
    namespace: facts.namespace,
  };
  const injectorOf = injectorsBy(facts);
  const contextFor = contextsOf(facts, context);
  return subjects.flatMap((subject): readonly Assessed[] => {
    const located = locate(subject.object, facts.namespace);
    if (located === undefined) return [];
    const injector = injectorOf(located);
    const own = contextFor(located.template, located.namespace);
    const decision = byAnother(located, injector) ?? decide(unowned(subject.object), own);
    return [
      {
        subject,
        where: whereOf(subject, located.namespace),
        located,
        decision,
        asks: !asksForNothing(located.template),
        isInjected: statusTextOf(located) !== undefined,
        injector,
        spec: specAfter(located, decision),
        anew: () => madeAnew(subject.object, located, own),
      },
    ];
  });
}

/** In a cluster {@link byAnother} has told others apart: there the names of ConfigMaps are the injector's, as the status says. */
function contextsOf({ origin, objects }: ClusterFacts, context: DecisionContext): ContextFor {
  if (origin === 'cluster') return () => context;
  return contextsByRevision(context, revisionsOfNamespaces(objects));
}

function revisionsOfNamespaces({
  namespaces,
}: ClusterFacts['objects']): ReadonlyMap<string, string> {
  return revisionsNamed(subjectsOf(namespaces).map(({ object }) => object));
}

/** What another revision injected is as that one made it: its configuration is not known here. */
function byAnother(located: Located, injector: Injector | undefined): Decision | undefined {
  if (injector === undefined || injector.isJudged || injector.actual === undefined)
    return undefined;
  const status = readableStatus(located.template);
  return status === undefined
    ? { kind: 'skipped', reason: 'other_revision', steps: [] }
    : { kind: 'unchanged', status, operations: [], steps: [] };
}

/** By the hooks that are installed, and the namespaces' labels. */
function injectorsBy({
  objects,
  engine,
}: ClusterFacts): (located: Located) => Injector | undefined {
  const { all, byDefault } = installedRevisions(subjectsOf(objects.hooks));
  if (all.length === 0) return () => undefined;
  const named = revisionsOfNamespaces(objects);
  return (located) => {
    const label = revisionIn(objectAt(located.template, 'metadata'));
    const chosen = chosenRevision(label, named.get(located.namespace));
    const status = statusTextOf(located);
    const whose = chosen === noRevision ? byDefault : chosen;
    return {
      chosen: whose,
      actual: status === undefined ? undefined : revisionInStatus(status),
      isJudged: whose === (engine.revision ?? noRevision),
    };
  };
}

/** Whether an object, or its pod template, has one of our keys. */
export function concernsUs(object: JsonObject): boolean {
  const located = locate(object, '');
  const places = [metadataOf(object), objectAt(located?.template, 'metadata')];
  return places.some((metadata) =>
    [
      ...Object.keys(objectAt(metadata, 'annotations')),
      ...Object.keys(objectAt(metadata, 'labels')),
    ].some((key) => isOurs(key) || resemblesOurs(key)),
  );
}

/** ConfigMaps that an object's pods mount, and those that its Envoy configuration is made from. */
export function mountedConfigMaps(object: JsonObject): ReadonlySet<string> {
  const located = locate(object, '');
  if (located === undefined) return new Set();
  const names = listAt(objectAt(located.template, 'spec'), 'volumes')
    .filter(isObject)
    .flatMap((volume) => [
      volume,
      ...listAt(objectAt(volume, 'projected'), 'sources').filter(isObject),
    ])
    .map((source) => stringAt(objectAt(source, 'configMap'), 'name'));
  const { helper, envoy } = readableStatus(located.template) ?? {};
  const all = [...names, helper?.configMap, envoy?.source, envoy?.derived];
  return new Set(all.filter((name) => name !== undefined));
}

/** Undefined for a damaged one as well: the admission engine reports that. */
export function readableStatus(template: JsonObject): Status | undefined {
  try {
    return statusOf(template);
  } catch (error) {
    if (error instanceof AppError) return undefined;
    throw error;
  }
}

/** Text of our status annotation on the pod template. */
export function statusTextOf({ template }: Located): string | undefined {
  return stringAt(objectAt(objectAt(template, 'metadata'), 'annotations'), statusKey);
}

/** A pod is judged by what it asks for, not by who made it. */
function unowned(object: JsonObject): JsonObject {
  if (object['kind'] !== 'Pod') return object;
  const { ownerReferences, ...metadata } = metadataOf(object);
  return { ...object, metadata };
}

function specAfter(located: Located, decision: Decision): JsonObject {
  const spec = objectAt(located.template, 'spec');
  const operations = 'operations' in decision ? decision.operations : [];
  if (operations.length === 0) return spec;
  let root: JsonObject = located.template;
  for (const key of located.path.toReversed()) root = { [key]: root };
  const template = located.path.reduce(objectAt, patched(root, operations));
  return objectAt(template, 'spec');
}

/** A copy with the operations carried out. */
function patched(document: JsonObject, operations: readonly Operation[]): JsonObject {
  // The library's types know neither readonly lists nor JSON; it copies the document before it changes it.
  const patch = operations as jsonPatch.Operation[];
  const { newDocument }: { newDocument: unknown } = jsonPatch.applyPatch(
    document,
    patch,
    false,
    false,
  );
  return isObject(newDocument) ? newDocument : {};
}

function madeAnew(
  object: JsonObject,
  located: Located,
  context: DecisionContext,
): MadeAnew | undefined {
  const status = readableStatus(located.template);
  if (status === undefined) return undefined;
  const prefix = pointer(...located.path);
  const operations = uninject(located.template, status).map((each) => ({
    ...each,
    path: prefix + each.path,
  }));
  const original = unowned(patched(object, operations));
  const decision = decide(original, context);
  const stripped = locate(original, context.namespace);
  if (stripped === undefined || decision.kind !== 'injected') return undefined;
  return {
    original: objectAt(stripped.template, 'spec'),
    spec: specAfter(stripped, decision),
  };
}

function configMapReader(facts: ClusterFacts): Parameters<typeof envoyCheck>[0] {
  const views = new Map<string, NonNullable<ReturnType<Parameters<typeof envoyCheck>[0]>>>();
  for (const { object } of subjectsOf(facts.objects.configMaps)) {
    const key = `${namespaceOf(object, facts)}/${nameOf(object)}`;
    views.set(key, {
      resourceVersion: String(views.size),
      data: textsAt(object, 'data'),
      binaryData: textsAt(object, 'binaryData'),
    });
  }
  return (namespace, name) => views.get(`${namespace}/${name}`);
}

/** Value of the namespace's label, by name; a namespace that was not read is not in the map. */
export function namespaceLabels(
  namespaces: readonly Subject[],
): ReadonlyMap<string, string | undefined> {
  return new Map(
    namespaces.map(({ object }) => [
      nameOf(object),
      stringAt(objectAt(metadataOf(object), 'labels'), namespaceLabel),
    ]),
  );
}
