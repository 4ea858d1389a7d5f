/** The cluster's API server for this process, which is not in the cluster's network: through a proxy's Unix socket. */
import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { text as textOf } from 'node:stream/consumers';
import { programPath } from '../../../scripts/pins.ts';
import type { ApiClient } from '../../integration/harness/api-client.ts';
import { startProcess, waitUntil } from '../../integration/harness/processes.ts';
import { repository, type Cluster } from './cluster.ts';

export interface ClusterApi extends Pick<ApiClient, 'request'> {
  stop(): Promise<void>;
}

/** @param folder for the socket and the proxy's log */
export async function clusterApi(cluster: Cluster, folder: string): Promise<ClusterApi> {
  const socketPath = join(folder, 'api.sock');
  const kubectl = [programPath('kubectl'), 'proxy', `--unix-socket=${socketPath}`];
  const proxy = startProcess({
    name: 'api-proxy',
    command: join(repository, 'scripts/cluster'),
    args: ['--name', cluster.name, 'exec', '--', ...kubectl],
    folder,
  });
  const ask: ApiClient['request'] = async (method, path, body) => {
    const headers = { host: 'localhost', 'content-type': 'application/json' };
    const call = request({ socketPath, method, path, headers });
    call.end(body === undefined ? undefined : JSON.stringify(body));
    // Node types events as any; this one carries the response alone.
    const [response] = (await once(call, 'response')) as [IncomingMessage];
    const text = await textOf(response);
    return { status: response.statusCode ?? 0, body: JSON.parse(text) as unknown };
  };
  const answers = async (): Promise<boolean> => (await ask('GET', '/version')).status === 200;
  await waitUntil('the proxy of the API server', answers, { processes: [proxy] });
  return { request: ask, stop: () => proxy.stop() };
}
