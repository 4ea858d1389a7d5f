/**
 * The ConfigMaps that belong to injected workloads, as further documents of a text. Invariant: removing them
 * restores the text, byte for byte.
 */
import { stringify } from 'yaml';
import type { JsonObject } from '#kernel/json.ts';
import type { DesiredConfigMap, DesiredEnvoyFilter } from '../desired/desired.ts';
import { splitDocuments } from '../editing/split-documents.ts';
import { envoyFilterKind } from '../istio/istio-plan.ts';

const made = '# Made by svidecar inject';
const takenOut = '; svidecar uninject takes it out again.';
/** Before the first of them where the text's last line had no end. */
const madeAfterBreak = `${made} (with a line break before it)`;
const start = /^---\r?\n# Made by svidecar inject( \(with a line break before it\))?;/m;

/** A ConfigMap as the cluster would hold it; owners have no UID before they exist, so none are named. */
export function manifestOf(configMap: DesiredConfigMap, namespace: string | undefined): JsonObject {
  const { immutable, data, binaryData } = configMap;
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: metadataOf(configMap, namespace),
    ...(immutable ? { immutable } : {}),
    data,
    ...(binaryData === undefined ? {} : { binaryData }),
  };
}

/** As {@link manifestOf}. */
export function filterManifestOf(
  filter: DesiredEnvoyFilter,
  namespace: string | undefined,
): JsonObject {
  const { apiVersion, kind } = envoyFilterKind;
  return { apiVersion, kind, metadata: metadataOf(filter, namespace), spec: filter.spec };
}

function metadataOf(
  { name, labels, annotations }: Pick<DesiredConfigMap, 'name' | 'labels' | 'annotations'>,
  namespace: string | undefined,
): JsonObject {
  return {
    name,
    ...(namespace === undefined ? {} : { namespace }),
    labels,
    ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
  };
}

/** The text with objects as further documents. */
export function append(text: string, objects: readonly JsonObject[]): string {
  const parts = [text];
  for (const [index, object] of objects.entries()) {
    const needsBreak = index === 0 && text !== '' && !text.endsWith('\n');
    const comment = `${needsBreak ? madeAfterBreak : made}${takenOut}`;
    parts.push(`${needsBreak ? '\n' : ''}---\n${comment}\n${yamlOf(object)}`);
  }
  return parts.join('');
}

/** kubectl reads YAML 1.1: a string that it would read as another type is quoted. */
export function yamlOf(object: object): string {
  return stringify(object, { version: '1.1', lineWidth: 0, aliasDuplicateObjects: false });
}

/** The text without the documents that {@link append} added to it, or to parts of it. */
export function withoutAppended(text: string): string {
  return parted(text).kept;
}

/** The documents that {@link append} added, as a text of their own. */
export function appendedIn(text: string): string {
  return parted(text).appended;
}

function parted(text: string): { readonly kept: string; readonly appended: string } {
  if (!text.includes(made)) return { kept: text, appended: '' };
  const kept: string[] = [];
  const appended: string[] = [];
  for (const span of splitDocuments(text)) {
    const document = text.slice(span.start, span.end);
    const found = start.exec(document);
    if (found === null) {
      kept.push(document);
      continue;
    }
    // Comments after a `...` belong to the next document, which is ours.
    kept.push(document.slice(0, found.index));
    appended.push(document.slice(found.index));
    const hadBreak = found[1] !== undefined;
    if (hadBreak) dropLastBreak(kept);
  }
  return { kept: kept.join(''), appended: appended.join('') };
}

function dropLastBreak(parts: string[]): void {
  const index = parts.findLastIndex((part) => part !== '');
  const part = parts[index];
  if (part !== undefined) parts[index] = part.replace(/\r?\n$/, '');
}
