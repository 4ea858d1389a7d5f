/**
 * A program with the helper's gRPC server and methods that misbehave on demand, so that tests can run it on any runtime.
 * `grpc-server-program.ts SOCKET [LIMITS-AS-JSON [DRAIN-MS]]`; prints `ready` once it listens; drains on SIGTERM.
 */
import { GrpcServer, type GrpcLimits } from '../../sidecar/server/grpc-server.ts';
import type { StreamMethod } from '../../sidecar/server/stream-call.ts';
import type { UnaryMethod } from '../../sidecar/server/unary-call.ts';

const [socket = '', limits = '{}', drainMs = '2000'] = process.argv.slice(2);
/** Milliseconds after which `/Slow` answers. */
const slowMs = 300;
const methods = new Map<string, UnaryMethod>([
  ['/test/Echo', (message) => message],
  ['/test/Rule', (_message, metadata) => Buffer.from(String(metadata['svidecar-rule']))],
  ['/test/Slow', (message) => new Promise((resolve) => setTimeout(resolve, slowMs, message))],
  // Lets everything pass, after a while: a CheckResponse without fields is OK.
  [
    '/envoy.service.auth.v3.Authorization/Check',
    () => new Promise((resolve) => setTimeout(resolve, slowMs, Buffer.alloc(0))),
  ],
  ['/test/Never', () => new Promise(() => undefined)],
  ['/test/Reject', () => Promise.reject(new Error('a secret'))],
  [
    '/test/Throw',
    () => {
      throw new Error('a secret');
    },
  ],
  ['/test/Rss', () => Buffer.from(String(process.memoryUsage().rss))],
  ['/test/Open', () => Buffer.from(String(server.openCalls))],
  ['/test/Waiting', () => Buffer.from(String(server.waitingBytes))],
  ['/test/Streams', () => Buffer.from(String(server.openStreams))],
]);
/** Says back what it hears, but for two words. */
const chat: StreamMethod = (call) => ({
  onMessage: (message) => {
    const words = String(message);
    if (words === 'throw') throw new Error('a secret');
    if (words === 'end') call.end(3, 'as you like');
    else call.send(message);
  },
  onClose: () => undefined,
});
const page = { status: 200, contentType: 'text/plain', cacheControl: 'max-age=5', body: 'hi\n' };
const server: GrpcServer = new GrpcServer({
  methods,
  streams: new Map([['/test/Chat', chat]]),
  pages: (path) => (path === '/page' ? page : undefined),
  metadata: ['svidecar-rule'],
  // Our own argument, written by a test.
  limits: JSON.parse(limits) as Partial<GrpcLimits>,
  onFault: () => {
    console.log('fault');
  },
});
process.on('SIGTERM', () => {
  void server.close(Number(drainMs)).then(() => {
    console.log('drained');
    process.exit(0);
  });
});
await server.listen({ socket });
console.log('ready');
