/** The server of the page that `npm start` shows: on loopback, for that page alone. It sends the documented requests, and no other. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { messageOf } from '#kernel/errors.ts';
import { isObject } from '#kernel/json.ts';
import { foreignFault } from '../console/same-origin.ts';
import { scenes, type Scene } from './scenes.ts';
import { sendWatched, type WatchedPath } from './watched-request.ts';
import type { StartOverview, RequestWay } from './way-model.ts';

/** One HTML text with the policy under which it runs. */
interface ServedPage {
  readonly html: string;
  readonly policy: string;
}

export interface StartSite {
  readonly overview: StartOverview;
  readonly paths: readonly WatchedPath[];
  /** Asked for when somebody opens them: building one takes a moment. */
  readonly pages: { readonly start: () => ServedPage; readonly workbench: () => ServedPage };
}

export interface StartServer {
  /** `http://127.0.0.1:PORT/` */
  readonly url: string;
  stop(): Promise<void>;
}

/** Bytes of a question. */
const maxBody = 1_000;
const json = 'application/json; charset=utf-8';

/** @param port 0 chooses one */
export async function startServer(site: StartSite, port: number): Promise<StartServer> {
  const desk = new RequestDesk(site);
  const server = createServer((request, response) => {
    void desk.serve(request, response);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  // A TCP server that listens has an AddressInfo.
  desk.address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { url: `http://${desk.address}/`, stop: () => close(server) };
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => {
      resolve();
    });
    server.closeAllConnections();
  });
}

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
  readonly policy?: string;
}

class RequestDesk {
  address = '';
  readonly #site: StartSite;
  /** One request at a time: counts of two at once would mix. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(site: StartSite) {
    this.#site = site;
  }

  async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { status, type, body, policy } = await this.#answer(request).catch(
      (thrown: unknown): Answer => said(500, messageOf(thrown)),
    );
    response.writeHead(status, {
      'content-type': type,
      'content-security-policy': policy ?? "default-src 'none'",
      'cache-control': 'no-store',
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-resource-policy': 'same-origin',
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
    });
    response.end(body);
  }

  async #answer(request: IncomingMessage): Promise<Answer> {
    const { method = 'GET', url = '/', headers } = request;
    const isPage = method === 'GET' && (url === '/' || url === '/workbench');
    const fault = foreignFault({ method, headers }, this.address, isPage);
    if (fault !== undefined) return said(403, fault);
    const { pages, overview } = this.#site;
    switch (`${method} ${url}`) {
      case 'GET /':
        return pageOf(pages.start());
      case 'GET /workbench':
        return pageOf(pages.workbench());
      case 'GET /api/start':
        return { status: 200, type: json, body: JSON.stringify(overview) };
      case 'POST /api/send':
        return this.#send(await bodyOf(request));
      default:
        return said(404, 'there is nothing here');
    }
  }

  async #send(asked: unknown): Promise<Answer> {
    const { dataPath, scene: name } = isObject(asked) ? asked : {};
    const path = this.#site.paths.find((each) => each.dataPath === dataPath);
    const scene = scenes.find((each) => each.scene === name);
    if (path === undefined || scene === undefined) return said(400, 'no such request');
    const way = await this.#inTurn(scene, path);
    return { status: 200, type: json, body: JSON.stringify(way) };
  }

  #inTurn(scene: Scene, path: WatchedPath): Promise<RequestWay> {
    const sent = this.#last.then(() => sendWatched(scene, path));
    this.#last = sent.catch(() => undefined);
    return sent;
  }
}

function pageOf({ html, policy }: ServedPage): Answer {
  return { status: 200, type: 'text/html; charset=utf-8', body: html, policy };
}

function said(status: number, error: string): Answer {
  return { status, type: json, body: JSON.stringify({ error }) };
}

/** Undefined for what is no JSON, or too long. */
async function bodyOf(request: IncomingMessage): Promise<unknown> {
  let text = '';
  for await (const chunk of request) {
    text += String(chunk);
    if (text.length > maxBody) return undefined;
  }
  try {
    const value: unknown = JSON.parse(text);
    return value;
  } catch {
    // Only the page itself sends anything here.
    return undefined;
  }
}
