import { expect, test } from 'vitest';
import type { JsonObject } from '#kernel/json.ts';
import type { ConnectedApi } from '../../../../webhook/kube/connection.ts';
import { ApiRefusal } from '../../../../webhook/kube/kubernetes-api.ts';
import { readHelpers } from '../../../../webhook/survey/read-helpers.ts';
import type { Site } from '../../../../webhook/survey/site.ts';
import { factsWith } from '../../../fakes/check-facts.ts';
import { frontendId, runningPod } from '../../../fakes/registered-shop.ts';

const page = {
  tokens: [{ audience: 'a', spiffeId: frontendId, issuer: 'example.org', validUntil: 9 }],
  trustDomains: ['example.org', 5],
};

async function held(answer: JsonObject | Error, pods = [runningPod()]) {
  const paths: string[] = [];
  const get = (path: string): Promise<JsonObject> => {
    paths.push(path);
    return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
  };
  const { objects } = factsWith({ pods });
  const site = { objects, asksHelpers: true, signal: new AbortController().signal };
  // Nothing else of it is asked.
  const api = { get } as unknown as ConnectedApi;
  const found = await readHelpers({ ...site, api } as unknown as Site);
  return { found, paths };
}

test('each helper is asked on its health port, through the API server', async () => {
  const { found, paths } = await held(page);
  expect(paths).toEqual(['/api/v1/namespaces/shop/pods/http:frontend-5d-x:9011/proxy/identities']);
  const token = { audience: 'a', spiffeId: frontendId, issuer: 'example.org', validUntilS: 9 };
  expect(found.get('shop/frontend-5d-x')).toEqual({
    kind: 'known',
    value: { tokens: [token], trustDomains: ['example.org'] },
  });
});

test.each([
  ['another page', { status: 'ok' }, 'its health port answers with something else'],
  ['an older helper', new ApiRefusal(404, '', { message: 'x' }), 'of an older version'],
  ['a pod that is gone', new ApiRefusal(404, 'NotFound', { message: 'gone' }), 'asked: gone'],
  ['no connection', new Error('nothing came'), 'nothing came'],
])('%s is told', async (_what, answer, reason) => {
  const { found } = await held(answer);
  expect(found.get('shop/frontend-5d-x')).toMatchObject({ kind: 'unknown' });
  expect(JSON.stringify([...found])).toContain(reason);
});

test('without the right a namespace is asked no more than once at a time', async () => {
  const many = Array.from({ length: 40 }, (_, index) => runningPod(`p-${index}`));
  const { found, paths } = await held(new ApiRefusal(403, 'Forbidden', { message: 'no' }), many);
  expect(paths).toHaveLength(16);
  expect(found.size).toBe(40);
  expect(JSON.stringify([...found.values()].at(-1))).toContain('on pods/proxy');
});
