/** The webhook's own decision for every object of some manifests, with the ConfigMaps among them at hand. */
import { isObject, objectAt, sameJson, stringAt, textsAt, type JsonObject } from '#kernel/json.ts';
import { envoyCheck, keysReader, type ReadConfigMap } from '../admission/check-envoy.ts';
import { contextsByRevision, type ContextFor } from '../admission/decide-by-revision.ts';
import { decide, nameOf, type Decision, type DecisionContext } from '../admission/decide.ts';
import type { ReadHeld } from '../admission/taken-names.ts';
import { isManaged, type SourceConfigMap } from '../desired/desired.ts';
import type { Engine } from '../injection/inject.ts';
import { namespaceIn } from '../objects/namespace-in.ts';
import { locate, type Located } from '../request/locate.ts';
import { revisionsNamed } from '../request/revision.ts';
import type { ManifestDocument, ManifestObject } from './manifest.ts';
import { failureOf } from './input-problem.ts';

/** One workload, and what was decided about it. */
export interface DecidedWorkload {
  readonly document: ManifestDocument;
  readonly object: ManifestObject;
  readonly located: Located;
  readonly decision: Decision;
}

export interface DecideOptions {
  readonly engine: Engine;
  /** Of objects that name none. */
  readonly namespace: string;
  /** Called before each document that is decided upon: its number, from 1, and how many there are. */
  readonly onDocument?: ((number: number, of: number) => void) | undefined;
}

/** `namespace/name` → ConfigMap. */
export type ConfigMaps = ReadonlyMap<string, InputConfigMap>;

interface InputConfigMap extends SourceConfigMap {
  /** Whether it carries our label. */
  readonly isManaged: boolean;
}

/** The ConfigMaps among the objects; a later one of the same name counts, as it does for kubectl. */
export function configMapsIn(
  documents: readonly ManifestDocument[],
  namespace: string,
): ConfigMaps {
  const found = new Map<string, InputConfigMap>();
  for (const { value } of documents.flatMap(({ objects }) => objects)) {
    const configMap = sourceOf(value, namespace);
    if (configMap === undefined) continue;
    const resourceVersion = String(found.size);
    found.set(`${configMap.namespace}/${configMap.name}`, { ...configMap, resourceVersion });
  }
  return found;
}

/** Undefined for anything but a ConfigMap with a name. */
export function sourceOf(object: JsonObject, namespace: string): InputConfigMap | undefined {
  if (object['kind'] !== 'ConfigMap' || object['apiVersion'] !== 'v1') return undefined;
  const metadata = objectAt(object, 'metadata');
  const name = stringAt(metadata, 'name');
  if (name === undefined) return undefined;
  const binaryData = textsAt(object, 'binaryData');
  return {
    namespace: namespaceIn(metadata) ?? namespace,
    name,
    // Known to the cluster only.
    uid: '',
    resourceVersion: '',
    data: textsAt(object, 'data'),
    ...(Object.keys(binaryData).length === 0 ? {} : { binaryData }),
    isManaged: isManaged(objectAt(metadata, 'labels')),
  };
}

/** What objects among the inputs say that decisions about others depend on. */
export interface Surroundings {
  readonly configMaps: ConfigMaps;
  /** Which revision namespaces name, where they do. */
  readonly revisions: ReadonlyMap<string, string>;
}

/** @param documents all, or those that may have such objects */
export function surroundingsIn(
  documents: readonly ManifestDocument[],
  namespace: string,
): Surroundings {
  const values = documents.flatMap(({ objects }) => objects.map(({ value }) => value));
  return {
    configMaps: configMapsIn(documents, namespace),
    revisions: revisionsNamed(values.filter(isNamespace)),
  };
}

function isNamespace({ kind, apiVersion }: JsonObject): boolean {
  return kind === 'Namespace' && apiVersion === 'v1';
}

/** Objects without a pod template are left out. */
export function decideAll(
  documents: readonly ManifestDocument[],
  options: DecideOptions,
): readonly DecidedWorkload[] {
  const contextFor = contextsFor(surroundingsIn(documents, options.namespace), options);
  const decideIn = decider(contextFor, options);
  return documents.flatMap((document, at) => {
    options.onDocument?.(at + 1, documents.length);
    return decideIn(document);
  });
}

/** {@link decideAll} for one document at a time. */
export function decider(
  contextFor: ContextFor,
  { namespace }: DecideOptions,
): (document: ManifestDocument) => readonly DecidedWorkload[] {
  return (document) =>
    document.objects.flatMap((object): readonly DecidedWorkload[] => {
      const located = locate(object.value, namespace);
      if (located === undefined) return [];
      const context = contextFor(located.template, located.namespace);
      return [{ document, object, located, decision: decisionOn(located, object, context) }];
    });
}

/** Anything thrown counts as this object's failure. */
function decisionOn(located: Located, object: ManifestObject, context: DecisionContext): Decision {
  try {
    return decide(object.value, context);
  } catch (thrown) {
    const { code, facts, message } = failureOf(thrown, nameOf(located));
    const step = { id: 'refused', level: 'warning', message } as const;
    return { kind: 'refused', code, facts, why: message, message, steps: [step] };
  }
}

/** What the webhook would know that is asked about an object. */
export function contextsFor(
  { configMaps, revisions }: Surroundings,
  { engine, namespace }: DecideOptions,
): ContextFor {
  const context = {
    engine,
    checkEnvoy: envoyCheck(reading(configMaps), engine.memory.copies, 'words'),
    configMapKeys: keysReader(reading(configMaps)),
    heldConfigMap: heldAmong(configMaps),
    ignoredNamespaces: new Set(engine.config.ignoredNamespaces),
    namespace,
  };
  return contextsByRevision(context, revisions);
}

/** As the controller's store would report it. */
export function heldAmong(configMaps: ConfigMaps): ReadHeld {
  return (namespace, name) => {
    const there = configMaps.get(`${namespace}/${name}`);
    if (there === undefined) return undefined;
    const { isManaged, data, binaryData } = there;
    return { isManaged, holds: (wanted) => binaryData === undefined && sameJson(data, wanted) };
  };
}

function reading(configMaps: ConfigMaps): ReadConfigMap {
  return (namespace, name) => configMaps.get(`${namespace}/${name}`);
}

/** The line that a refusal is about: that of the annotation to change, where it is in the object's text. */
export function lineOf({
  document,
  object,
  decision,
}: Pick<DecidedWorkload, 'document' | 'object'> & {
  readonly decision: DecidedWorkload['decision'] | { readonly kind: 'skipped' };
}): number {
  return decision.kind === 'refused'
    ? lineOfKey(decision.facts.key, document, object)
    : object.line;
}

/** The line of a key in the object's text; the object's own where the text does not have it. */
export function lineOfKey(
  key: string | undefined,
  document: Pick<ManifestDocument, 'text'>,
  object: Pick<ManifestObject, 'line' | 'offset' | 'end'>,
): number {
  const own = document.text.slice(object.offset, object.end);
  const at = key === undefined ? -1 : offsetOfKey(own, key);
  return at === -1 ? object.line : object.line + own.slice(0, at).split('\n').length - 1;
}

/** Not that of a longer key that begins with it: `svidecar.dev/audience` is not `svidecar.dev/audience-by-host`. */
function offsetOfKey(text: string, key: string): number {
  let at = text.indexOf(key);
  while (at !== -1 && /[\w.-]/.test(text.charAt(at + key.length))) at = text.indexOf(key, at + 1);
  return at;
}

/** `namespace` as written in the object itself. */
export function ownNamespace(object: JsonObject): string | undefined {
  const metadata = object['metadata'];
  return isObject(metadata) ? namespaceIn(metadata) : undefined;
}
