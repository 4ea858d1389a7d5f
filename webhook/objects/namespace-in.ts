/** The namespace that an object's metadata names. */
import { stringAt, type JsonObject } from '#kernel/json.ts';

/** Undefined where it names none. An empty text names none, as for the API server: charts print it for a value that is not set. */
export function namespaceIn(metadata: JsonObject): string | undefined {
  const name = stringAt(metadata, 'namespace');
  return name === '' ? undefined : name;
}
