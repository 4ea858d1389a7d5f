/** The fixture `shop.yaml` as objects for an API server. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { isObject, objectAt, type JsonObject } from '#kernel/json.ts';

/** Its ConfigMap, and its Deployment's pod, which has no name. */
export function shopParts(): { readonly source: JsonObject; readonly pod: JsonObject } {
  const text = readFileSync(join(import.meta.dirname, '../fixtures/shop.yaml'), 'utf8');
  const [source, deployment] = parseAllDocuments(text).map((each) => each.toJS() as unknown);
  const template = objectAt(objectAt(isObject(deployment) ? deployment : {}, 'spec'), 'template');
  const pod = { apiVersion: 'v1', kind: 'Pod', ...template };
  return { source: isObject(source) ? source : {}, pod };
}
