/** What stands on both sides of a generated Envoy: an app that remembers who came, and clients of several kinds. */
import { connect as connectHttp2 } from 'node:http2';
import {
  createServer,
  request as httpRequest,
  type IncomingHttpHeaders,
  type RequestOptions,
  type Server,
} from 'node:http';
import { createConnection, type AddressInfo } from 'node:net';

/** Stands in every answer of the app, and in nobody else's. */
export const marker = 'only the app says this';
/** Milliseconds that an answer may take. */
const patienceMs = 5_000;

/** A connection that breaks off has said all that it will. */
const ignore = (): void => undefined;

export interface Arrival {
  readonly host: string;
  readonly path: string;
  readonly authorization: string | undefined;
}

export interface App {
  readonly port: number;
  /** What arrived for a probe, by its `x-probe` header. */
  arrivals(probe: string): readonly Arrival[];
  close(): void;
}

export async function startApp(): Promise<App> {
  const seen = new Map<string, Arrival[]>();
  const note = (url: string | undefined, headers: IncomingHttpHeaders): void => {
    const { host = '', authorization } = headers;
    const probe = String(headers['x-probe']);
    const arrival = { host, path: url ?? '', authorization };
    seen.set(probe, [...(seen.get(probe) ?? []), arrival]);
  };
  const server: Server = createServer((request, response) => {
    note(request.url, request.headers);
    if (request.url?.startsWith('/redirect') === true) {
      const location = String(request.headers['x-location'] ?? 'http://backend/secret');
      response.writeHead(302, { location }).end(marker);
    } else response.writeHead(200, { 'cache-control': 'max-age=60' }).end(marker);
  });
  server.on('upgrade', (request, socket) => {
    socket.on('error', ignore);
    note(request.url, request.headers);
    socket.end(
      `HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n${marker}`,
    );
  });
  server.on('connect', (request, socket) => {
    socket.on('error', ignore);
    note(request.url, request.headers);
    socket.end(`HTTP/1.1 200 OK\r\n\r\n${marker}`);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    // Listening on loopback on a free port: a number.
    port: (server.address() as AddressInfo).port,
    arrivals: (probe) => seen.get(probe) ?? [],
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

export interface Probe {
  readonly name: string;
  readonly kind: 'http1' | 'http2' | 'websocket' | 'connect' | 'tunnelled';
  readonly port: number;
  readonly source: string;
  readonly method?: string;
  readonly path: string;
  readonly host: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Sends it, and returns everything that came back, as far as it can be read. Never throws: a refusal is an answer. */
export function send(probe: Probe): Promise<string> {
  if (probe.kind === 'http2') return overHttp2(probe);
  if (probe.kind === 'connect' || probe.kind === 'tunnelled') return overTunnel(probe);
  return overHttp1(probe);
}

function headersOf({ name, headers = {} }: Probe): Record<string, string> {
  return { 'x-probe': name, 'x-cluster': 'app', ...headers };
}

function overHttp1(probe: Probe): Promise<string> {
  const { port, source, path, host, method = 'GET' } = probe;
  const upgrade = probe.kind === 'websocket' ? { connection: 'upgrade', upgrade: 'websocket' } : {};
  const options: RequestOptions = {
    host: '127.0.0.1',
    port,
    localAddress: source,
    path,
    method,
    agent: false,
    headers: { host, ...headersOf(probe), ...upgrade },
  };
  return new Promise((resolve) => {
    const request = httpRequest({ ...options, timeout: patienceMs });
    const end = (text: string): void => {
      resolve(text);
      request.destroy();
    };
    request.on('response', (response) => {
      let body = `${response.statusCode ?? 0} `;
      response.setEncoding('utf8').on('data', (text: string) => (body += text));
      response.on('end', () => {
        end(body);
      });
      response.on('error', () => {
        end(body);
      });
    });
    request.on('upgrade', (response, socket, head) => {
      socket.on('error', ignore);
      end(`${response.statusCode ?? 0} ${head.toString()}`);
    });
    request.on('timeout', () => {
      end('timeout');
    });
    request.on('error', (error) => {
      end(`error ${error.message}`);
    });
    request.end();
  });
}

function overHttp2(probe: Probe): Promise<string> {
  const { port, source, path, host, method = 'GET' } = probe;
  return new Promise((resolve) => {
    const socket = createConnection({ host: '127.0.0.1', port, localAddress: source });
    const session = connectHttp2(`http://${host}`, { createConnection: () => socket });
    let text = '';
    const end = (more: string): void => {
      resolve(text + more);
      session.destroy();
    };
    session.setTimeout(patienceMs, () => {
      end('timeout');
    });
    session.on('error', (error: Error) => {
      end(`error ${error.message}`);
    });
    const stream = session.request({
      ':path': path,
      ':method': method,
      ':authority': host,
      ...headersOf(probe),
    });
    stream.setEncoding('utf8');
    stream.on('response', (headers) => (text += `${headers[':status'] ?? 0} `));
    stream.on('data', (chunk: string) => (text += chunk));
    stream.on('error', (error: Error) => {
      end(`error ${error.message}`);
    });
    stream.on('end', () => {
      end('');
    });
    stream.end();
  });
}

/** `connect` asks for a tunnel; `tunnelled` then asks for the path through it, if there is one. */
function overTunnel(probe: Probe): Promise<string> {
  const { port, source, path, host } = probe;
  const lines = Object.entries(headersOf(probe)).map(([key, value]) => `${key}: ${value}\r\n`);
  const head = `CONNECT ${host}:80 HTTP/1.1\r\nhost: ${host}:80\r\n${lines.join('')}\r\n`;
  const inner = `GET ${path} HTTP/1.1\r\nhost: ${host}\r\n${lines.join('')}connection: close\r\n\r\n`;
  return new Promise((resolve) => {
    const socket = createConnection({ host: '127.0.0.1', port, localAddress: source });
    let text = '';
    socket.setTimeout(patienceMs, () => socket.destroy());
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      const isOpened =
        text === '' && probe.kind === 'tunnelled' && chunk.startsWith('HTTP/1.1 200');
      text += chunk;
      if (isOpened) socket.write(inner);
      // Envoy waits a second before it closes what it refused.
      else if (probe.kind === 'connect' || !text.startsWith('HTTP/1.1 200')) socket.destroy();
    });
    socket.on('error', (error) => (text += `error ${error.message}`));
    socket.on('close', () => {
      resolve(text);
    });
    socket.write(head);
  });
}
