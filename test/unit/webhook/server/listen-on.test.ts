import Fastify from 'fastify';
import { afterAll, expect, test, vi } from 'vitest';
import { listenOn } from '../../../../webhook/server/keep-serving.ts';

const app = Fastify();
afterAll(() => app.close());

test('a name is listened on by one address, so that nobody gets around the limits of connections by another one', async () => {
  const listen = vi.spyOn(app, 'listen');
  expect(await listenOn(app, { host: 'localhost', port: 0 }, 'USAGE')).toBeGreaterThan(0);
  const loopback: unknown = expect.stringMatching(/^(127\.0\.0\.1|::1)$/);
  expect(listen.mock.calls).toMatchObject([[{ host: loopback }]]);
  expect(app.addresses()).toHaveLength(1);
});
