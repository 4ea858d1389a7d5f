/** An entry of SPIRE's, as tests compare it. */
import { isObject, listAt, objectAt, stringAt, type JsonObject } from '#kernel/json.ts';

export interface Seen {
  readonly id: string;
  readonly spiffeId: string;
  readonly selectors: readonly string[];
  readonly hint: string;
  readonly federatesWith: readonly string[];
}

export function textAt(object: JsonObject, key: string): string {
  return stringAt(object, key) ?? '';
}

export function seen(entry: JsonObject): Seen {
  const id = objectAt(entry, 'spiffe_id');
  return {
    id: stringAt(entry, 'id') ?? '',
    spiffeId: `spiffe://${textAt(id, 'trust_domain')}${textAt(id, 'path')}`,
    selectors: listAt(entry, 'selectors')
      .filter(isObject)
      .map((each) => `${textAt(each, 'type')}:${textAt(each, 'value')}`)
      .sort(),
    hint: stringAt(entry, 'hint') ?? '',
    federatesWith: listAt(entry, 'federates_with').map(String),
  };
}
