/**
 * The demo's apps: `demo backend`, `demo frontend`, or `demo ask`, which asks the backend once and ends; `demo purple` and
 * `demo gray`, a page in that colour. They speak plain HTTP and know nothing of SPIFFE: their pod's Envoy does.
 * Environment: HOST and PORT to listen on; HEALTH_PORT for the kubelet's probes (`/readyz`), on all addresses;
 * frontend and ask: BACKEND_URL and ACCOUNT.
 */
import { createServer, type Server } from 'node:http';
import { ask } from './ask.ts';
import { backendReply } from './backend.ts';
import { colourPage, colours } from './colour-page.ts';
import { frontendReply, readinessOf } from './frontend.ts';
import type { Reply } from './reply.ts';

const { HOST = '0.0.0.0', PORT = '8080', HEALTH_PORT, BACKEND_URL, ACCOUNT = '1' } = process.env;

interface App {
  /** @param clientCertificate X-Forwarded-Client-Cert, which its Envoy sets */
  reply(path: string, clientCertificate?: string): Reply | Promise<Reply>;
  isReady(): Promise<boolean>;
}

function appOf(role: string | undefined): App {
  if (role === 'backend') {
    return { reply: backendReply, isReady: () => Promise.resolve(true) };
  }
  const colour = colours.find((each) => each === role);
  if (colour !== undefined) {
    return {
      reply: (_path, clientCertificate) => ({
        status: 200,
        type: 'text/html; charset=utf-8',
        body: colourPage(colour, clientCertificate),
      }),
      isReady: () => Promise.resolve(true),
    };
  }
  if (role === 'frontend' && BACKEND_URL !== undefined) {
    const options = { backend: new URL(BACKEND_URL), account: ACCOUNT };
    return {
      reply: (path) => frontendReply(path, options),
      isReady: readinessOf(options),
    };
  }
  console.error(
    `usage: demo backend|${colours.join('|')}, or BACKEND_URL=http://… demo frontend|ask`,
  );
  return process.exit(2);
}

/** Idle connections end when Envoy ends them: what it sends on one that the app is just closing would be lost, with 503. */
const forEnvoy = { keepAliveTimeout: 0 } as const;

function serve(reply: App['reply']): Server {
  return createServer(forEnvoy, (request, response) => {
    const path = (request.url ?? '/').split('?')[0] ?? '/';
    const header = request.headers['x-forwarded-client-cert'];
    const clientCertificate = typeof header === 'string' ? header : undefined;
    void Promise.resolve(reply(path, clientCertificate)).then(({ status, type, body }) => {
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
const servers = [serve((path, from) => app.reply(path, from)).listen(Number(PORT), HOST)];
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
