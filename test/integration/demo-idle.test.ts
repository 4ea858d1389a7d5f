/** The demo's apps stand behind Envoy, which keeps idle connections for an hour: they end none before. */
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { request, type IncomingMessage, type RequestOptions } from 'node:http';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { freePort } from './harness/free-port.ts';
import { createWorkFolder } from './harness/work-folder.ts';
import { Program } from './runtimes.ts';

/** Node.js says when it ends an idle connection, where it does. */
async function saidOfIdle(place: RequestOptions): Promise<string | string[] | undefined> {
  const asking = request({ ...place, headers: { connection: 'keep-alive' } });
  asking.end();
  const [response] = (await once(asking, 'response')) as [IncomingMessage];
  const { connection, 'keep-alive': said } = response.headers;
  expect(connection).toBe('keep-alive');
  asking.destroy();
  return said;
}

test('an app of a pod', async () => {
  const port = await freePort();
  const env = { ...process.env, PORT: String(port) };
  const app = new Program('node', ['images/demo/main.ts', 'backend'], env);
  try {
    await app.says('listens');
    expect(await saidOfIdle({ port })).toBeUndefined();
  } finally {
    await app.stop('SIGKILL');
  }
});

test('an app of the scene without Kubernetes', async () => {
  const work = await createWorkFolder('demo-idle');
  const socketPath = join(work.path, 'app.sock');
  const app = new Program('node', ['images/demo/colour-server.ts', socketPath, 'gray']);
  try {
    await expect.poll(() => existsSync(socketPath), { timeout: 20_000 }).toBe(true);
    expect(await saidOfIdle({ socketPath })).toBeUndefined();
  } finally {
    await app.stop('SIGKILL');
    await work.remove();
  }
});
