/** What a kubelet does for an API server that has none. */
import { setTimeout as wait } from 'node:timers/promises';
import { isObject, listAt, objectAt, stringAt } from '#kernel/json.ts';
import type { ApiServer } from './api-server.ts';

/** Says of every pod of a namespace that it runs and is ready, until the signal. */
export async function makePodsReady(
  api: ApiServer,
  namespace: string,
  signal: AbortSignal,
): Promise<void> {
  const path = `/api/v1/namespaces/${namespace}/pods`;
  const status = { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] };
  while (!signal.aborted) {
    const { body } = await api.request('GET', path);
    for (const pod of listAt(isObject(body) ? body : {}, 'items').filter(isObject)) {
      const name = stringAt(objectAt(pod, 'metadata'), 'name') ?? '';
      if (objectAt(pod, 'status')['phase'] !== 'Running')
        await api.request('PATCH', `${path}/${name}/status`, { status });
    }
    await wait(200);
  }
}
