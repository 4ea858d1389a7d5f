/** Annotations and labels are written into the text of a manifest: the rest of it stays as it is, byte for byte. */
import { own } from '#kernel/members.ts';
import { isObject, stringAt, type Json, type JsonObject } from '#kernel/json.ts';
import { editDocument, type ObjectEdit } from '../manifests/edit-stream.ts';
import { readManifest, type ManifestObject, type SourceText } from '../manifests/manifest.ts';
import { pointer, type Operation } from '../editing/operation.ts';
import { namespaceLabel } from '../request/metadata-keys.ts';
import { isNamespace } from './asks.ts';
import type { WorkloadPlace } from './workbench-model.ts';

/** Key → value; undefined takes the key out. */
export type WantedMembers = Readonly<Record<string, string | NameInList | undefined>>;

/** One name of a comma-separated list: the others stay, whoever wrote them meanwhile. */
interface NameInList {
  readonly name: string;
  readonly isWanted: boolean;
}

/**
 * The text of the file with these annotations on the pod template. Undefined where the place is no longer there.
 * @throws {AppError} EDIT_IMPOSSIBLE, TEXT_UNPARSABLE
 */
export function writeAnnotations(
  source: SourceText,
  place: WorkloadPlace,
  wanted: WantedMembers,
): string | undefined {
  return edited(source, wanted, (object, document) => {
    const isThere =
      document === place.document &&
      JSON.stringify(object.path) === JSON.stringify(place.path) &&
      isObject(valueAt(object.value, place.templatePath));
    return isThere ? [...place.templatePath, 'metadata', 'annotations'] : undefined;
  });
}

/** The text with the label on its Namespace of that name, or with a Namespace added at its end. @throws as {@link writeAnnotations} */
export function writeNamespaceLabel(
  source: SourceText,
  name: string,
  value: string | undefined,
): string {
  const text = edited(source, { [namespaceLabel]: value }, ({ value: object }) => {
    const metadata = own(object, 'metadata');
    const isIt = isNamespace(object) && isObject(metadata) && stringAt(metadata, 'name') === name;
    return isIt ? ['metadata', 'labels'] : undefined;
  });
  if (text !== undefined || value === undefined) return text ?? source.text;
  const gap = source.text === '' || source.text.endsWith('\n') ? '' : '\n';
  const start = source.text.trim() === '' ? '' : '---\n';
  return `${source.text}${gap}${start}apiVersion: v1
kind: Namespace
metadata:
  name: ${name}
  labels:
    ${namespaceLabel}: ${value}
`;
}

/** @param mapIn where the members are of the object to change; the first that gives a path is changed */
function edited(
  source: SourceText,
  wanted: WantedMembers,
  mapIn: (object: ManifestObject, document: number) => readonly string[] | undefined,
): string | undefined {
  const documents = readManifest(source);
  for (const document of documents) {
    for (const object of document.objects) {
      const path = mapIn(object, document.index);
      if (path === undefined) continue;
      const operations = operationsFor(object.value, path, wanted);
      const edit: ObjectEdit = { kind: 'operations', operations };
      const { text, problems } = editDocument(document, new Map([[object, edit]]));
      const [problem] = problems;
      if (problem !== undefined) throw problem.error;
      return documents.map((each) => (each === document ? text : each.text)).join('');
    }
  }
  return undefined;
}

function operationsFor(
  object: JsonObject,
  path: readonly string[],
  wanted: WantedMembers,
): readonly Operation[] {
  const there = valueAt(object, path);
  const members = isObject(there) ? there : {};
  const changes = Object.entries(wanted)
    .map(([key, value]) => [key, textFor(value, stringAt(members, key))] as const)
    .filter(([key, value]) => own(members, key) !== value);
  const added = Object.fromEntries(
    changes.flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])),
  );
  if (isObject(there)) return changes.map(([key, value]) => changeOf([...path, key], value));
  if (Object.keys(added).length === 0) return [];
  const missing = firstMissing(object, path);
  // From the inside out: what is missing becomes one value.
  const value = path
    .slice(missing.length)
    .reduceRight<Json>((inner, key) => ({ [key]: inner }), added);
  return [changeOf(missing, value)];
}

function textFor(wanted: WantedMembers[string], there: string | undefined): string | undefined {
  if (typeof wanted !== 'object') return wanted;
  const names = (there ?? '').split(',').map((name) => name.trim());
  const rest = names.filter((name) => name !== '' && name !== wanted.name);
  const all = wanted.isWanted ? [...rest, wanted.name] : rest;
  return all.length === 0 ? undefined : all.join(', ');
}

/** A member that is there is replaced by an addition (RFC 6902 §4.1). */
function changeOf(path: readonly string[], value: Json | undefined): Operation {
  if (value === undefined) return { op: 'remove', path: pointer(...path) };
  return { op: 'add', path: pointer(...path), value };
}

/** The beginning of the path at which there is no object, the path itself at the longest. */
function firstMissing(object: JsonObject, path: readonly string[]): readonly string[] {
  const lengths = path.map((_, at) => at + 1);
  const length = lengths.find((each) => !isObject(valueAt(object, path.slice(0, each))));
  return path.slice(0, length);
}

function valueAt(object: Json, path: readonly string[]): Json | undefined {
  let value: Json | undefined = object;
  for (const key of path) value = isObject(value) ? own(value, key) : undefined;
  return value;
}
