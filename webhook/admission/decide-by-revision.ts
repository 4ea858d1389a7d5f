/** Which of several installations decides about an object where no API server has chosen one by its hooks: among manifests. */
import { LRUCache } from 'lru-cache';
import { objectAt, type JsonObject } from '#kernel/json.ts';
import { engineOfRevision } from '../injection/engine-of-revision.ts';
import type { Engine } from '../injection/inject.ts';
import { noRevision, revisionFault, revisionIn } from '../request/revision.ts';
import type { DecisionContext } from './decide.ts';

/** What is known when it is decided about a pod template in a namespace. */
export type ContextFor = (template: JsonObject, namespace: string) => DecisionContext;

/** Manifests have one or two; an engine has caches of its own. */
const engines = 8;

/**
 * An engine with a name decides about its own alone, as its webhook does. One without a name was given no choice, and decides
 * about each object as the revision that the object's labels name.
 * @param ofNamespaces what the labels of namespaces name, where they are known
 */
export function contextsByRevision(
  context: DecisionContext,
  ofNamespaces: ReadonlyMap<string, string>,
): ContextFor {
  const { engine } = context;
  const own = engine.revision ?? noRevision;
  const others = new LRUCache<string, Engine>({ max: engines });
  const engineOf = (revision: string): Engine => {
    if (revision === own) return engine;
    const there = others.get(revision) ?? engineOfRevision(engine, revision);
    others.set(revision, there);
    return there;
  };
  return (template, namespace) => {
    const ofNamespace = ofNamespaces.get(namespace);
    const named = revisionIn(objectAt(template, 'metadata')) ?? ofNamespace;
    const isOthers =
      named !== undefined && own === noRevision && revisionFault(named) === undefined;
    const name = isOthers ? named : own;
    return {
      ...context,
      engine: engineOf(name),
      revision: { name, isReplaced: false, ofNamespace },
    };
  };
}
