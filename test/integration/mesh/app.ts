/** The two ends of the data path: a client that sends what it is told, and an app that says what arrived. */
import { createServer, request as httpRequest, type Server, type ServerOptions } from 'node:http';

export interface Answer {
  readonly status: number;
  readonly body: string;
}
export interface Arrived {
  readonly authorization: readonly string[];
  readonly caller: readonly string[];
  /** Names that some servers take for `x-caller`. */
  readonly lookalikes: readonly string[];
}

/** Sends a request with headers as given, duplicates and all; without a `host` among them to "backend". */
export function send(port: number, headers: readonly string[] = [], path = '/'): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const host = headers.includes('host') ? [] : ['host', 'backend'];
    const all = [...host, 'connection', 'close', ...headers];
    const request = httpRequest({ host: '127.0.0.1', port, path, headers: all }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => (body += text));
      response.on('end', () => {
        resolve({ status: response.statusCode ?? 0, body });
      });
    });
    request.on('error', reject);
    request.end();
  });
}

/** Answers with the headers that arrived. */
export async function startApp(options: ServerOptions = {}): Promise<Server> {
  const app = createServer(options, (request, response) => {
    const named = (name: string): string[] => request.headersDistinct[name] ?? [];
    const raw = request.rawHeaders.filter((_, index) => index % 2 === 0);
    const arrived: Arrived = {
      authorization: named('authorization'),
      caller: named('x-caller'),
      lookalikes: raw.filter((name) => /^x[^a-z-]caller$/i.test(name)),
    };
    const count = raw.filter((name) => name.toLowerCase() === 'authorization').length;
    response.end(JSON.stringify({ ...arrived, count }));
  });
  // It closes no connection in the moment in which Envoy sends a request on it: that would be a 503 of nobody's making.
  app.keepAliveTimeout = 0;
  await new Promise<void>((resolve) => app.listen(0, '127.0.0.1', resolve));
  return app;
}
