/**
 * A program with the helper's health server, so that tests can run it on any runtime. `health-server-program.ts [LIMITS-AS-JSON]`;
 * prints `listening on ADDRESS`.
 */
import { HealthServer, type HealthLimits } from '../../sidecar/server/health-server.ts';

const ok = { ok: true, missing: [] };
const server = new HealthServer(
  {
    startup: () => ({ ok: false, missing: ['a token', 'a key'] }),
    ready: () => ok,
    metrics: () => {
      throw new Error('a secret');
    },
    onFault: () => {
      console.log('fault');
    },
  },
  // Our own argument, written by a test.
  JSON.parse(process.argv[2] ?? '{}') as Partial<HealthLimits>,
);
console.log(`listening on ${await server.listen({ host: '127.0.0.1', port: 0 })}`);
process.on('SIGTERM', () => {
  void server.close().then(() => process.exit(0));
});
