/** Installations and what they injected, for tests of whatever tells several apart. */
import { readFileSync } from 'node:fs';
import { parseAllDocuments } from 'yaml';
import { isObject, listAt, objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { EngineMemory } from '../../webhook/injection/engine-memory.ts';
import type { Engine } from '../../webhook/injection/inject.ts';
import { hooksOfRevision } from '../../webhook/request/revision-hooks.ts';
import { nameFor } from '../../webhook/request/revision.ts';
import { injected } from './admission.ts';
import { engineFor } from './engine.ts';
import { deployment, injectBackend } from './workloads.ts';

export const revisionKey = 'svidecar.dev/revision';

/** The hooks of the manifests, as they are in the repository. */
const usualHooks: readonly JsonObject[] = parseAllDocuments(
  readFileSync('manifests/kustomize/base/webhooks.yaml', 'utf8'),
)
  .map((document) => document.toJS() as unknown)
  .filter(isObject);

/** Those of an installation. @param revision empty for the one without a name */
export function hooksBy(revision: string): readonly JsonObject[] {
  if (revision === '') return usualHooks;
  return usualHooks.map((configuration) => {
    const metadata = objectAt(configuration, 'metadata');
    const name = nameFor(stringAt(metadata, 'name') ?? '', revision);
    const hooks = listAt(configuration, 'webhooks').filter(isObject);
    return {
      ...configuration,
      metadata: { name, labels: { [revisionKey]: revision } },
      webhooks: hooks.flatMap((hook) =>
        hooksOfRevision(hook, revision).map((each) => calling(each, nameFor('svidecar', revision))),
      ),
    };
  });
}

function calling(hook: JsonObject, name: string): JsonObject {
  return { ...hook, clientConfig: { service: { namespace: 'svidecar', name, path: '/mutate' } } };
}

/** @param revision empty for the installation without a name */
export function engineOf(revision: string): Engine {
  const engine = engineFor();
  if (revision === '') return engine;
  return { ...engine, revision, memory: new EngineMemory(engine.library, revision) };
}

/** A Deployment `shop/frontend` as a revision injected it. @param names the label of its pod template */
export function injectedBy(revision: string | undefined, names?: string): JsonObject {
  const plain = deployment(injectBackend);
  const spec = objectAt(plain, 'spec');
  const template = objectAt(spec, 'template');
  const metadata = objectAt(template, 'metadata');
  const labels = {
    ...objectAt(metadata, 'labels'),
    ...(names === undefined ? {} : { [revisionKey]: names }),
  };
  const object = {
    ...plain,
    spec: { ...spec, template: { ...template, metadata: { ...metadata, labels } } },
  };
  return revision === undefined ? object : injected(object, { engine: engineOf(revision) });
}
