/** An app in a pod, as a program: HTTP on the ports that it is given, which says what arrived. */
import { createServer } from 'node:http';

for (const port of process.argv.slice(2).map(Number)) {
  const app = createServer((request, response) => {
    const { authorization = '' } = request.headers;
    response.end(JSON.stringify({ port, path: request.url, authorization }));
  });
  // It closes no connection in the moment in which Envoy sends a request on it.
  app.keepAliveTimeout = 0;
  app.listen(port, '0.0.0.0');
}
