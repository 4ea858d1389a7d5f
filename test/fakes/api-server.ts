/** A fake Kubernetes API server on loopback: lists in pages, watches, and breaks in every way a test asks for. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { text as textOf } from 'node:stream/consumers';
import { isObject, objectAt, stringAt } from '#kernel/json.ts';
import type { JsonObject } from '#kernel/json.ts';
import { workloadKinds } from '../../webhook/objects/kinds.ts';

export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly contentType: string | undefined;
  readonly authorization: string | undefined;
  readonly body: unknown;
}

/** Takes a request away from the usual handling; true when it answered. */
export type Interception = (request: SeenRequest, response: ServerResponse) => boolean;

const lists: Readonly<Record<string, string>> = {
  '/api/v1/namespaces': 'Namespace',
  '/api/v1/configmaps': 'ConfigMap',
  '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations':
    'MutatingWebhookConfiguration',
  ...Object.fromEntries(
    workloadKinds.map(({ group, versions: [version], kind, resource }) => [
      `${group === '' ? '/api' : `/apis/${group}`}/${version}/${resource}`,
      kind,
    ]),
  ),
};

export class FakeApiServer {
  readonly seen: SeenRequest[] = [];
  intercept: Interception = () => false;
  readonly #server: Server;
  readonly #objects = new Map<string, JsonObject>();
  readonly #watches = new Map<ServerResponse, string>();
  /** All that watches were told: one that opens late begins at the version that it names. */
  readonly #told: { readonly kind: string; readonly version: number; readonly line: string }[] = [];
  #version = 100;

  constructor() {
    this.#server = createServer((request, response) => {
      void this.#handle(request, response);
    });
  }

  /** @param port 0 chooses a free one */
  async start(port = 0): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(port, '127.0.0.1', resolve));
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new TypeError('expected a port');
    return `http://127.0.0.1:${address.port}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** Stores an object and tells the watches. */
  put(kind: string, object: JsonObject): JsonObject {
    const metadata = objectAt(object, 'metadata');
    const key = `${kind} ${stringAt(metadata, 'namespace') ?? ''}/${stringAt(metadata, 'name') ?? ''}`;
    const before = this.#objects.get(key);
    this.#version += 1;
    const uid = objectAt(before, 'metadata')['uid'] ?? `uid-${this.#version}`;
    const stored = {
      ...object,
      metadata: { uid, ...metadata, resourceVersion: String(this.#version) },
    };
    this.#objects.set(key, stored);
    this.#tell(kind, before === undefined ? 'ADDED' : 'MODIFIED', stored);
    return stored;
  }

  /** @param quietly as when the watch misses it */
  remove(kind: string, name: string, quietly = false): void {
    const [namespace = '', rest = ''] = name.includes('/') ? name.split('/') : ['', name];
    const key = `${kind} ${namespace}/${rest}`;
    const object = this.#objects.get(key);
    this.#objects.delete(key);
    this.#version += 1;
    if (object !== undefined && !quietly) this.#tell(kind, 'DELETED', object);
  }

  /** Sends one raw line to all watches of a kind. */
  sendLine(kind: string, line: string): void {
    for (const [response, watched] of this.#watches) {
      if (watched === kind) response.write(`${line}\n`);
    }
  }

  /** Ends the watches of a kind; `rudely` resets the connections. */
  endWatches(kind: string, rudely = false): void {
    for (const [response, watched] of [...this.#watches]) {
      if (watched !== kind) continue;
      if (rudely) response.destroy();
      else response.end();
    }
  }

  requests(path: string, isWatch: boolean): readonly SeenRequest[] {
    return this.seen.filter((each) => each.path === path && each.query.has('watch') === isWatch);
  }

  get(kind: string, namespace: string, name: string): JsonObject | undefined {
    return this.#objects.get(`${kind} ${namespace}/${name}`);
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://fake');
    const text = await textOf(request);
    const seen: SeenRequest = {
      method: request.method ?? '',
      path: url.pathname,
      query: url.searchParams,
      contentType: request.headers['content-type'],
      authorization: request.headers.authorization,
      body: text === '' ? undefined : JSON.parse(text),
    };
    this.seen.push(seen);
    if (this.intercept(seen, response)) return;
    const kind = lists[seen.path];
    if (seen.path === '/version') answer(response, 200, { major: '1', minor: '36+' });
    else if (namespaced.test(seen.path)) this.#list('ConfigMap', seen, response);
    else if (kind === undefined) this.#single(seen, response);
    else if (seen.query.has('watch')) this.#watch(kind, seen, response);
    else this.#list(kind, seen, response);
  }

  #list(kind: string, { query, path }: SeenRequest, response: ServerResponse): void {
    const [, namespace] = namespaced.exec(path) ?? [];
    const prefix = namespace === undefined ? `${kind} ` : `${kind} ${namespace}/`;
    const all = [...this.#objects]
      .filter(([key]) => key.startsWith(prefix))
      .map(([, each]) => each);
    const begin = Number(query.get('continue') ?? 0);
    const end = begin + Number(query.get('limit') ?? all.length);
    const more = end < all.length ? { continue: String(end) } : {};
    answer(response, 200, {
      metadata: { resourceVersion: String(this.#version), ...more },
      items: all.slice(begin, end),
    });
  }

  #watch(kind: string, { query }: SeenRequest, response: ServerResponse): void {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.flushHeaders();
    const from = Number(query.get('resourceVersion'));
    for (const told of this.#told) {
      if (told.kind === kind && told.version > from) response.write(told.line);
    }
    this.#watches.set(response, kind);
    response.on('close', () => this.#watches.delete(response));
  }

  #tell(kind: string, type: string, object: JsonObject): void {
    const line = JSON.stringify({ type, object });
    this.#told.push({ kind, version: this.#version, line: `${line}\n` });
    this.sendLine(kind, line);
  }

  /** GET of one object, or of what there is. */
  #read({ path }: SeenRequest, response: ServerResponse): void {
    const discovered = discovery(path);
    const [, group = '', namespace = '', resource = '', name = ''] = single.exec(path) ?? [];
    const there = this.get(lists[`${group}/${resource}`] ?? '', namespace, name);
    const found = discovered ?? there;
    if (found === undefined) refuse(response, 404, 'NotFound');
    else answer(response, 200, found);
  }

  /** GET; of ConfigMaps also PATCH (apply) and DELETE. */
  #single(seen: SeenRequest, response: ServerResponse): void {
    const { method, path, body } = seen;
    if (method === 'GET') {
      this.#read(seen, response);
      return;
    }
    const [, namespace = '', name = ''] =
      /^\/api\/v1\/namespaces\/([^/]+)\/configmaps\/([^/]+)$/.exec(path) ?? [];
    const there = this.get('ConfigMap', namespace, name);
    if (method === 'PATCH' && isObject(body)) answer(response, 200, this.put('ConfigMap', body));
    else if (there === undefined || method !== 'DELETE') refuse(response, 404, 'NotFound');
    else {
      this.remove('ConfigMap', `${namespace}/${name}`);
      answer(response, 200, {});
    }
  }
}

/** `/apis/apps/v1/namespaces/shop/deployments/web` */
const single =
  /^(\/api\/v1|\/apis\/[^/]+\/[^/]+)(?:\/namespaces\/([^/]+)(?=\/))?\/([^/]+)\/([^/]+)$/;

/** What a real server says of its groups, and of the resources of one. @see meta/v1 APIGroupList, APIResourceList */
function discovery(path: string): JsonObject | undefined {
  const versions = new Set(
    Object.keys(lists).flatMap((list) => /^\/apis\/(.+)\/[^/]+$/.exec(list)?.[1] ?? []),
  );
  if (path === '/apis') {
    const groups = [...versions].map((groupVersion) => {
      const [name = '', version = ''] = groupVersion.split('/');
      return { name, versions: [{ groupVersion, version }], preferredVersion: { groupVersion } };
    });
    return { groups };
  }
  const within = Object.entries(lists).filter(([list]) => /^(.+)\/[^/]+$/.exec(list)?.[1] === path);
  if (within.length === 0) return undefined;
  const resources = within.map(([list, kind]) => {
    const name = list.slice(path.length + 1);
    const shortNames = name === 'deployments' ? ['deploy'] : [];
    return { name, singularName: '', kind, shortNames, namespaced: kind !== 'Namespace' };
  });
  return { resources };
}

/** ConfigMaps of one namespace. */
const namespaced = /^\/api\/v1\/namespaces\/([^/]+)\/configmaps$/;

function answer(response: ServerResponse, status: number, body: JsonObject): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}

/** A Status, as the API server refuses. */
export function refuse(response: ServerResponse, code: number, reason: string): void {
  answer(response, code, {
    kind: 'Status',
    apiVersion: 'v1',
    status: 'Failure',
    code,
    reason,
    message: `refused: ${reason}`,
  });
}
