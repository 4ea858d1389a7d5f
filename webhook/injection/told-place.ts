/**
 * What may be told of a ConfigMap to somebody who may not read it: in which of its files, and where, never what stands
 * there. Of a sentence that may quote it, only the place that it begins with is taken, so a new sentence gives away no more.
 */
import type { ConfigMapContents } from './config-map-contents.ts';

export interface ToldSource {
  /** `ConfigMap namespace/name`: begins every message. */
  readonly name: string;
  readonly contents: ConfigMapContents;
}

const numbers = /^:(\d{1,7})(?::(\d{1,7}))?: /;

/** `ConfigMap shop/envoy envoy.yaml:12:5`, or the ConfigMap alone where the message names no place. */
export function placeIn(message: string, source: ToldSource): string {
  const { data, binaryData = {} } = source.contents;
  for (const file of [...Object.keys(data), ...Object.keys(binaryData)]) {
    const where = `${source.name} ${file}`;
    if (!message.startsWith(`${where}:`)) continue;
    const [, line, column] = numbers.exec(message.slice(where.length, where.length + 20)) ?? [];
    if (line !== undefined) return `${where}:${line}${column === undefined ? '' : `:${column}`}`;
  }
  return source.name;
}

/** Where somebody who may read the ConfigMap finds the words. */
export const wordsElsewhere =
  'svidecar explain, with the ConfigMap among the files, says in words what is there';
