/** Whom an API server trusts behind its admission hooks. */
import { isObject, listAt, objectAt, stringAt } from '#kernel/json.ts';
import type { ApiServer } from './api-server.ts';
import { hooksPath } from './hooks-followed.ts';

/** `caBundle` of each mutating hook, as PEM. */
export async function caBundles(api: ApiServer): Promise<readonly string[]> {
  const { body } = await api.request('GET', hooksPath);
  const hooks = listAt(isObject(body) ? body : {}, 'items').filter(isObject);
  return hooks
    .flatMap((each) => listAt(each, 'webhooks').filter(isObject))
    .map((each) => stringAt(objectAt(each, 'clientConfig'), 'caBundle') ?? '')
    .map((base64) => Buffer.from(base64, 'base64').toString());
}
