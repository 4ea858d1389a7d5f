/** Decisions as the webhook takes them, and their patches carried out; for tests. */
import fastJsonPatch from 'fast-json-patch';
import { isArray, isObject, type Json, type JsonObject } from '#kernel/json.ts';
import { decide, type Decision, type DecisionContext } from '../../webhook/admission/decide.ts';
import type { Operation } from '../../webhook/editing/operation.ts';
import { find } from '../../webhook/injection/keyed.ts';
import { engineFor } from './engine.ts';

const engine = engineFor();

/** Decides with the built-in templates and all defaults, where `changes` says nothing else. */
export function decideOn(object: JsonObject, changes: Partial<DecisionContext> = {}): Decision {
  return decide(object, {
    engine,
    checkEnvoy: () => undefined,
    configMapKeys: () => undefined,
    heldConfigMap: () => undefined,
    ignoredNamespaces: new Set(['kube-system']),
    namespace: 'shop',
    ...changes,
  });
}

export function operationsOf(decision: Decision): readonly Operation[] {
  return decision.kind === 'injected' || decision.kind === 'uninjected' ? decision.operations : [];
}

/** The object with the decision's operations carried out by fast-json-patch; the input stays as it was. */
export function carriedOut(object: JsonObject, decision: Decision): JsonObject {
  // The library's types know neither readonly lists nor JSON; it checks every operation itself.
  const operations = structuredClone(operationsOf(decision)) as fastJsonPatch.Operation[];
  const document: unknown = fastJsonPatch.applyPatch(
    structuredClone(object),
    operations,
    true,
  ).newDocument;
  if (!isObject(document)) throw new TypeError('a patch made the object vanish');
  return document;
}

/** The object after one pass. @throws {Error} when it is refused */
export function injected(object: JsonObject, changes: Partial<DecisionContext> = {}): JsonObject {
  const decision = decideOn(object, changes);
  if (decision.kind === 'refused') throw new Error(decision.message);
  return carriedOut(object, decision);
}

/** Step ids of a decision, in order. */
export function stepsOf(decision: Decision): readonly string[] {
  return decision.steps.map((step) => step.id);
}

/** The value at a keyed path such as `/spec/containers/name=app/env`. */
export function valueAt(object: JsonObject, path: string): Json | undefined {
  return find(object, path)?.value;
}

/** Names of the items of a list, by keyed path of the list. */
export function namesAt(object: JsonObject, path: string): readonly Json[] {
  const list = valueAt(object, path);
  return isArray(list) ? list.map((item) => (isObject(item) ? (item['name'] ?? null) : null)) : [];
}

/** The same object with annotations of its pod template set, or taken away by undefined. */
export function withAnnotations(
  object: JsonObject,
  changes: Readonly<Record<string, string | undefined>>,
): JsonObject {
  const copy = structuredClone(object);
  const spec = copy['spec'];
  const template = isObject(spec) && isObject(spec['template']) ? spec['template'] : copy;
  const metadata = isObject(template['metadata']) ? template['metadata'] : {};
  const annotations = Object.entries({ ...(metadata['annotations'] as JsonObject), ...changes });
  Object.assign(metadata, {
    annotations: Object.fromEntries(annotations.filter(([, value]) => value !== undefined)),
  });
  return copy;
}
