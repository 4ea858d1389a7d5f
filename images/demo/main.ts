/**
 * The demo's app: `demo backend`, `demo frontend`, or `demo ask`, which asks the backend once and ends. It speaks plain HTTP and knows nothing of SPIFFE: its pod's Envoy does.
 * Environment: HOST and PORT to listen on; HEALTH_PORT for the kubelet's probes (`/readyz`), on all addresses;
 * frontend and ask: BACKEND_URL and ACCOUNT.
 */
import { createServer, type Server } from 'node:http';
import { ask } from './ask.ts';
import { backendReply } from './backend.ts';
import { frontendReply, readinessOf } from './frontend.ts';
import type { Reply } from './reply.ts';

const { HOST = '0.0.0.0', PORT = '8080', HEALTH_PORT, BACKEND_URL, ACCOUNT = '1' } = process.env;

interface App {
  reply(path: string): Reply | Promise<Reply>;
  isReady(): Promise<boolean>;
}

function appOf(role: string | undefined): App {
  if (role === 'backend') {
    return { reply: backendReply, isReady: () => Promise.resolve(true) };
  }
  if (role === 'frontend' && BACKEND_URL !== undefined) {
    const options = { backend: new URL(BACKEND_URL), account: ACCOUNT };
    return {
      reply: (path) => frontendReply(path, options),
      isReady: readinessOf(options),
    };
  }
  console.error('usage: demo backend, or BACKEND_URL=http://… demo frontend|ask');
  return process.exit(2);
}

function serve(reply: App['reply']): Server {
  return createServer((request, response) => {
    const path = (request.url ?? '/').split('?')[0] ?? '/';
    void Promise.resolve(reply(path)).then(({ status, type, body }) => {
      response.writeHead(status, {
        'content-type': type,
        'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'",
        'cache-control': 'no-store',
      });
      response.end(body);
    });
  });
}

const role = process.argv[2];
if (role === 'ask' && BACKEND_URL !== undefined) {
  process.exit(await ask(new URL(BACKEND_URL), ACCOUNT));
}
const app = appOf(role);
const servers = [serve((path) => app.reply(path)).listen(Number(PORT), HOST)];
if (HEALTH_PORT !== undefined) {
  const health = serve(async () => {
    const isReady = await app.isReady();
    return {
      status: isReady ? 200 : 503,
      type: 'text/plain',
      body: isReady ? 'ready\n' : 'not yet\n',
    };
  });
  servers.push(health.listen(Number(HEALTH_PORT)));
}
console.log(`demo ${role ?? ''} listens on ${HOST}:${PORT}`);
// What has begun is finished; then the process ends by itself.
process.once('SIGTERM', () => {
  for (const server of servers) {
    server.close();
    server.closeIdleConnections();
  }
});
