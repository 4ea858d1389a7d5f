/** Objects of kinds that svidecar does not change, whose pods it injects in the cluster all the same: no policy is printed for them. */
import { objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { namespaceIn } from '../objects/namespace-in.ts';
import { foreignTemplates } from '../request/foreign-pod-templates.ts';
import { locate } from '../request/locate.ts';
import { templatesKey } from '../request/metadata-keys.ts';
import type { ManifestDocument } from './manifest.ts';

/** Sentences. @param asked the template that a policy is needed for */
export function withoutPolicyByKind(
  documents: readonly ManifestDocument[],
  defaultNamespace: string,
  asked: string,
): readonly string[] {
  return documents
    .flatMap(({ objects }) => objects.map(({ value }) => value))
    .filter((object) => locate(object, defaultNamespace) === undefined && asksFor(object, asked))
    .map((object) => {
      const metadata = objectAt(object, 'metadata');
      const namespace = namespaceIn(metadata) ?? defaultNamespace;
      const name = stringAt(metadata, 'name') ?? stringAt(metadata, 'generateName') ?? '';
      return `${stringAt(object, 'kind') ?? ''} ${namespace}/${name}: its pods are injected in the cluster, and no policy is printed for an object of this kind; write one that selects them, as for a Deployment`;
    });
}

function asksFor(object: JsonObject, asked: string): boolean {
  return foreignTemplates(object).some(({ template = {} }) => {
    const annotations = objectAt(objectAt(template, 'metadata'), 'annotations');
    const names = (stringAt(annotations, templatesKey) ?? '').split(',');
    return names.some((name) => name.trim() === asked);
  });
}
