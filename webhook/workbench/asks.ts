/** What the workloads of some manifests ask for, and what they could. */
import { isObject, objectAt, stringAt, textsAt, type JsonObject } from '#kernel/json.ts';
import { own } from '#kernel/members.ts';
import type { Engine } from '../injection/inject.ts';
import { settingsReadBy } from '../injection/unread-settings.ts';
import type { DecideOptions } from '../manifests/decide-all.ts';
import type { ManifestDocument } from '../manifests/manifest.ts';
import { locate } from '../request/locate.ts';
import {
  isOurs,
  namespaceLabel,
  statusKey,
  templatesKey,
  type SettingKey,
} from '../request/metadata-keys.ts';
import type { AskingWorkload, NamespaceLabel, OfferedTemplate } from './workbench-model.ts';

/** Each pod template of the documents. */
export function asksIn(
  documents: readonly ManifestDocument[],
  { engine, namespace }: DecideOptions,
): readonly AskingWorkload[] {
  return documents.flatMap((document) =>
    document.objects.flatMap((object): readonly AskingWorkload[] => {
      const located = locate(object.value, namespace);
      if (located === undefined) return [];
      const annotations = oursOn(located.template);
      const place = {
        file: document.source.name,
        document: document.index,
        path: object.path,
        templatePath: located.path,
      };
      const { kind, name, namespace: of } = located;
      const { line } = object;
      const reads = readBy(own(annotations, templatesKey) ?? '', engine);
      return [{ place, kind, name, namespace: of, line, annotations, reads }];
    }),
  );
}

function oursOn(template: JsonObject): Readonly<Record<string, string>> {
  const annotations = textsAt(objectAt(template, 'metadata'), 'annotations');
  return Object.fromEntries(
    Object.entries(annotations).filter(([key]) => isOurs(key) && key !== statusKey),
  );
}

function readBy(names: string, { library }: Engine): readonly SettingKey[] {
  const asked = names.split(',').map((name) => name.trim());
  const templates = library.names.filter((name) => asked.includes(name));
  return settingsReadBy(templates.map((name) => library.get(name)));
}

/** The templates that can be asked for. */
export function offeredBy({ library }: Engine): readonly OfferedTemplate[] {
  return library.names.map((name) => ({ name, description: library.get(name).description }));
}

/** The namespaces of the workloads, in their order. */
export function namespacesIn(
  documents: readonly ManifestDocument[],
  defaultNamespace: string,
): readonly NamespaceLabel[] {
  const objects = documents.flatMap(({ objects: own, source }) =>
    own.map(({ value }) => ({ value, file: source.name })),
  );
  const there = new Map(
    objects
      .filter(({ value }) => isNamespace(value))
      .map(({ value, file }) => {
        const metadata = objectAt(value, 'metadata');
        const label = stringAt(objectAt(metadata, 'labels'), namespaceLabel) ?? '';
        return [stringAt(metadata, 'name') ?? '', { label, file }];
      }),
  );
  const names = objects.flatMap(({ value }) => locate(value, defaultNamespace)?.namespace ?? []);
  return [...new Set(names)].map((name) => {
    const { label, file } = there.get(name) ?? {};
    return { name, label, file };
  });
}

/** Whether it is a Namespace of Kubernetes itself. */
export function isNamespace(object: JsonObject): boolean {
  return (
    object['kind'] === 'Namespace' && object['apiVersion'] === 'v1' && isObject(object['metadata'])
  );
}
