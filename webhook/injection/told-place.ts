/**
 * What may be revealed about a ConfigMap to somebody who may not read it: which file, and where in it, never its
 * contents. A sentence about it may quote it; the position is a separate fact and reveals nothing more.
 */
import { placeText, type ErrorFacts } from '#kernel/errors.ts';
import type { ConfigMapContents } from './config-map-contents.ts';

export interface ToldSource {
  /** `ConfigMap namespace/name`: begins every message. */
  readonly name: string;
  readonly contents: ConfigMapContents;
}

/** `ConfigMap shop/envoy envoy.yaml:12:5`, or the ConfigMap alone where no place in one of its files is known. */
export function placeIn({ file, line, column }: ErrorFacts, source: ToldSource): string {
  const { data, binaryData = {} } = source.contents;
  const keys = [...Object.keys(data), ...Object.keys(binaryData)];
  const isOfSource = keys.some((key) => file === `${source.name} ${key}`);
  if (file === undefined || line === undefined || !isOfSource) return source.name;
  return placeText({ file, line, column });
}

/** Where somebody who may read the ConfigMap finds the full message. */
export const wordsElsewhere =
  'svidecar explain, with the ConfigMap among the files, says in words what is there';
