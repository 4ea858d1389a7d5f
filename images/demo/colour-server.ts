/**
 * The app behind service-purple and service-gray on a machine without Kubernetes (scripts/sds). It reads nothing but the file of
 * its page: the user who runs it may read no more.
 * Arguments: the path of the Unix socket to listen on, and the colour.
 */
import { createServer } from 'node:http';
import { colourPage, colours } from './colour-page.ts';

const [socketPath = '', named] = process.argv.slice(2);
const colour = colours.find((each) => each === named);
if (socketPath === '' || colour === undefined) {
  console.error(`usage: colour-server.ts SOCKET ${colours.join('|')}`);
  process.exit(2);
}

// Idle connections end when Envoy ends them: what it sends on one that the app is just closing would be lost, with 503.
const server = createServer({ keepAliveTimeout: 0 }, (request, response) => {
  const header = request.headers['x-forwarded-client-cert'];
  response.setHeader('content-type', 'text/html; charset=utf-8');
  response.end(colourPage(colour, typeof header === 'string' ? header : ''));
});
server.listen(socketPath);
process.once('SIGTERM', () => {
  server.close();
  server.closeIdleConnections();
});
