/** A console's server without a cluster, for tests of its page: it answers what it is told, and forgets connections on demand. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import {
  consoleKeyHeader,
  consolePaths,
  type ClusterStanding,
  type ConsoleEvent,
  type NamespaceRow,
  type WorkloadRow,
} from '../../webhook/console/console-model.ts';
import type { RunAnswer, RunName } from '../../webhook/console/console-reports.ts';
import { eventText } from '../../webhook/console/read-events.ts';
import {
  factsNowS,
  helperViews,
  namespaceRow,
  standing,
  workloadRow,
  workloadView,
} from './console-facts.ts';
import { bans, certificates, diagnosis, identities } from './console-reports-facts.ts';

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

const key = 'the-key';
/** Milliseconds, as of the real one. */
const beatMs = 5_000;
const gone: Answer = { status: 404, body: { code: 'GONE', message: 'it is gone' } };

export class FakeConsole {
  readonly workloads = new Map<string, WorkloadRow>();
  readonly namespaces = new Map<string, NamespaceRow>();
  cluster: ClusterStanding = standing;
  /** It accepts connections, and says nothing: as when its process is stopped, or the machine slept. */
  isFrozen = false;
  /** Bodies that were POSTed, by path. */
  readonly posted: { readonly path: string; readonly body: unknown }[] = [];
  readonly #html: string;
  readonly #policy: string;
  readonly #streams = new Set<ServerResponse>();
  #token = 'once';
  #version = 1;
  #server: Server | undefined;
  #port = 0;
  #beats: NodeJS.Timeout | undefined;

  /** @param page that is served */
  constructor(page: { readonly html: string; readonly policy: string }) {
    this.#html = page.html;
    this.#policy = page.policy;
  }

  /** As `svidecar console` prints it. */
  get address(): string {
    return `http://127.0.0.1:${this.#port}/#token=${this.#token}`;
  }

  /** A further address. */
  another(): string {
    this.#token = `${this.#token}-more`;
    return this.address;
  }

  /** How many pages follow. */
  get streams(): number {
    return this.#streams.size;
  }

  /** In place of all that was there. */
  fill(namespaces: number, workloads: number): void {
    this.workloads.clear();
    this.namespaces.clear();
    for (let space = 0; space < namespaces; space += 1) {
      const name = `shop-${space}`;
      const rows = Array.from({ length: Math.ceil((workloads - space) / namespaces) }, (_, at) =>
        workloadRow(space + at * namespaces, name),
      );
      for (const row of rows) this.workloads.set(row.id, row);
      this.namespaces.set(name, namespaceRow(name, rows));
    }
  }

  async start(): Promise<void> {
    this.#server = createServer((request, response) => void this.#serve(request, response));
    this.#server.listen(this.#port, '127.0.0.1');
    await once(this.#server, 'listening');
    // Of a TCP server that listens.
    this.#port = (this.#server.address() as AddressInfo).port;
    this.#beats = setInterval(() => {
      if (!this.isFrozen) this.#beat(...this.#streams);
    }, beatMs);
  }

  #beat(...streams: readonly ServerResponse[]): void {
    const beat = { kind: 'beat', nowS: factsNowS, version: `${this.#version}` } as const;
    for (const stream of streams) stream.write(eventText(beat));
  }

  /** As when `svidecar console` ends; `start` has the same port again. */
  async stop(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    clearInterval(this.#beats);
    this.#streams.clear();
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  }

  /** Changes workloads, and tells whoever listens. */
  change(rows: readonly WorkloadRow[], goneIds: readonly string[] = []): void {
    for (const id of goneIds) this.workloads.delete(id);
    for (const row of rows) this.workloads.set(row.id, row);
    this.#tellRows({ workloads: rows, goneWorkloads: goneIds });
  }

  /** A namespace and all in it vanish. */
  dropNamespace(name: string): void {
    this.namespaces.delete(name);
    const ids = [...this.workloads.values()].flatMap(({ id, namespace }) =>
      namespace === name ? [id] : [],
    );
    for (const id of ids) this.workloads.delete(id);
    this.#tellRows({ goneWorkloads: ids, goneNamespaces: [name] });
  }

  standAs(cluster: ClusterStanding): void {
    this.cluster = cluster;
    this.tell({ kind: 'cluster', cluster });
  }

  tell(event: ConsoleEvent): void {
    for (const stream of this.#streams) stream.write(eventText(event));
  }

  #tellRows(
    change: Partial<Omit<Extract<ConsoleEvent, { readonly kind: 'changed' }>, 'kind' | 'version'>>,
  ): void {
    this.#version += 1;
    const nothing = { namespaces: [], goneNamespaces: [], workloads: [], goneWorkloads: [] };
    this.tell({ kind: 'changed', version: `${this.#version}`, ...nothing, ...change });
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (this.isFrozen) return;
    const { pathname } = new URL(request.url ?? '/', 'http://127.0.0.1');
    if (pathname === '/') {
      response.setHeader('content-security-policy', this.#policy);
      response.setHeader('content-type', 'text/html; charset=utf-8').end(this.#html);
      return;
    }
    if (request.method === 'POST')
      this.posted.push({ path: pathname, body: JSON.parse(await text(request)) });
    if (pathname === consolePaths.events && request.headers[consoleKeyHeader] === key) {
      this.#stream(response);
      return;
    }
    const { status, body } = this.#answer(pathname, request);
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  }

  #stream(response: ServerResponse): void {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    this.#streams.add(response);
    response.on('close', () => this.#streams.delete(response));
    this.#beat(response);
  }

  #answer(path: string, { method, headers }: IncomingMessage): Answer {
    if (path === consolePaths.session) return this.#session();
    if (headers[consoleKeyHeader] !== key)
      return {
        status: 401,
        body: {
          code: 'NOT_LOGGED_IN',
          message: 'the key is not known: run svidecar console again',
        },
      };
    return method === 'POST' ? this.#onPost(path) : this.#onGet(path);
  }

  #session(): Answer {
    const last = this.posted.at(-1)?.body as { readonly token?: string };
    if (last.token !== this.#token)
      return {
        status: 401,
        body: { code: 'NOT_LOGGED_IN', message: 'this address was used already' },
      };
    this.#token = 'used';
    return { status: 200, body: { key } };
  }

  #onPost(path: string): Answer {
    if (path === consolePaths.actions)
      return {
        status: 200,
        body: {
          id: 'prepared-1',
          command: 'kubectl rollout restart -n shop-0 deployment/frontend-0 # {value}',
          consequence: 'Its pods are replaced one by one.',
          validUntilS: factsNowS + 300,
        },
      };
    if (path === consolePaths.anotherAddress)
      return { status: 200, body: { address: this.another() } };
    if (path === consolePaths.carryOut) return { status: 200, body: { message: 'It restarts.' } };
    return { status: 200, body: { kind: 'running', startedS: factsNowS, asked: 0, doing: 'pods' } };
  }

  #onGet(path: string): Answer {
    const [, , what = '', ...names] = path.split('/').map(decodeURIComponent);
    if (what === 'coverage') return { status: 200, body: this.#coverage() };
    const report = reports.get(what);
    if (report !== undefined) return { status: 200, body: report };
    const row = this.workloads.get(names.join('/'));
    if (row === undefined) return gone;
    return { status: 200, body: what === 'helpers' ? helperViews(row) : workloadView(row) };
  }

  #coverage(): unknown {
    return {
      version: `${this.#version}`,
      nowS: factsNowS,
      cluster: this.cluster,
      namespaces: [...this.namespaces.values()],
      workloads: [...this.workloads.values()],
    };
  }

  /** Progress of a look, as its server tells it. */
  progress(run: RunName, doing: string): void {
    this.tell({
      kind: 'run',
      run,
      state: { kind: 'running', startedS: factsNowS, asked: 7, doing },
    });
  }
}

function ran<T>(result: T): RunAnswer<T> {
  return {
    nowS: factsNowS,
    state: { kind: 'done', finishedS: factsNowS - 5, tookMs: 2_300 },
    result,
    resultS: factsNowS - 5,
  };
}

const reports: ReadonlyMap<string, unknown> = new Map<string, unknown>([
  ['identities', ran(identities)],
  ['doctor', ran(diagnosis)],
  ['certificates', ran(certificates)],
  ['bans', bans],
]);
