/** Which rights a user lacks, read off the requests that the API server refused; the requests themselves go through unchanged. */
import type { Duplex } from 'node:stream';
import { AppError } from '#kernel/errors.ts';
import { objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { isWithoutRight } from './api-words.ts';
import type { ConnectedApi } from './connection.ts';
import { ApiRefusal, type WatchCall } from './kubernetes-api.ts';

/** One verb on one resource, as RBAC names them. */
export interface AccessRight {
  readonly verb: string;
  /** API group; empty for the core. */
  readonly group: string;
  /** With its subresource, as `pods/proxy`. */
  readonly resource: string;
  /** Absent: in the whole cluster, or for objects without one. */
  readonly namespace?: string | undefined;
  /** Of the one object that was asked for. */
  readonly name?: string | undefined;
}

const unauthorized = 401;

type Verb = 'create' | 'delete' | 'get' | 'patch' | 'update' | 'watch';

/** Segments: group and version, namespace, resource, name, and a subresource. */
const pathShape =
  /^\/(?:api\/v1|apis\/([^/]+)\/[^/]+)(?:\/namespaces\/([^/]+)(?=\/))?\/([^/?]+)(?:\/([^/?]+))?(?:\/([^/?]+))?/;

/** Undefined for what is no resource, such as `/version`. @param path of a request, with its query */
export function rightOf(verb: Verb, path: string): AccessRight | undefined {
  const found = pathShape.exec(path);
  if (found === null) return undefined;
  const [, group = '', namespace, kind = '', name, part] = found;
  const resource = part === undefined ? kind : `${kind}/${part}`;
  // Pods come and go, and a port is named as if it were one (`http:NAME:PORT`): all are meant.
  const isOne = name !== undefined && part === undefined;
  return {
    verb: verb === 'get' && name === undefined ? 'list' : verb,
    group,
    resource,
    ...(namespace === undefined ? {} : { namespace: decodeURIComponent(namespace) }),
    ...(isOne ? { name: decodeURIComponent(name) } : {}),
  };
}

/** @returns a key by which equal rights are found */
export function rightText(right: AccessRight): string {
  const { verb, group, resource, namespace, name } = right;
  return [verb, group, resource, namespace ?? '', name ?? ''].join(' ');
}

/**
 * The API of one server, which remembers what was refused for want of a right. Credentials that it does not accept are an
 * AppError CLUSTER_UNREACHABLE, whatever was asked.
 * @param onCall called before each request: how many were answered, and the resource that is asked for
 */
export class RightsApi implements ConnectedApi {
  readonly #api: ConnectedApi;
  readonly #onCall: (answered: number, resource: string) => void;
  #answered = 0;
  readonly #denied = new Map<string, AccessRight>();
  readonly #given = new Set<string>();

  constructor(
    api: ConnectedApi,
    onCall: (answered: number, resource: string) => void = () => undefined,
  ) {
    this.#api = api;
    this.#onCall = onCall;
  }

  get url(): string {
    return this.#api.url;
  }

  get namespace(): string | undefined {
    return this.#api.namespace;
  }

  get contextName(): string | undefined {
    return this.#api.contextName;
  }

  /** In the order of the first refusal of each. */
  get denied(): readonly AccessRight[] {
    return [...this.#denied.values()];
  }

  /** Whether a request with this right was accepted. */
  isGiven(right: AccessRight): boolean {
    return this.#given.has(rightText(right));
  }

  get(path: string, signal: AbortSignal, maxBytes?: number): Promise<JsonObject> {
    return this.#see(['get'], path, this.#api.get(path, signal, maxBytes));
  }

  create(path: string, object: JsonObject, signal: AbortSignal): Promise<JsonObject> {
    return this.#see(['create'], path, this.#api.create(path, object, signal));
  }

  apply(path: string, object: JsonObject, signal: AbortSignal): Promise<JsonObject> {
    return this.#see(['patch'], path, this.#api.apply(path, object, signal));
  }

  merge(path: string, change: JsonObject, signal: AbortSignal): Promise<JsonObject> {
    return this.#see(['patch'], path, this.#api.merge(path, change, signal));
  }

  replace(path: string, object: JsonObject, signal: AbortSignal): Promise<JsonObject> {
    return this.#see(['update'], path, this.#api.replace(path, object, signal));
  }

  remove(
    path: string,
    preconditions: { readonly uid: string; readonly resourceVersion?: string },
    signal: AbortSignal,
  ): Promise<void> {
    return this.#see(['delete'], path, this.#api.remove(path, preconditions, signal));
  }

  watch(call: WatchCall): Promise<void> {
    return this.#see(['watch'], call.path, this.#api.watch(call));
  }

  forward(namespace: string, pod: string, port: number): Promise<Duplex> {
    const path = `/api/v1/namespaces/${namespace}/pods/${pod}/portforward`;
    // By WebSocket it begins with a GET; older servers ask for the right to create.
    return this.#see(['get', 'create'], path, this.#api.forward(namespace, pod, port));
  }

  /** Nothing that follows would be answered either. */
  #notAccepted(thrown: ApiRefusal): AppError {
    const next = 'log in again, or choose another context (--context)';
    return new AppError(
      'CLUSTER_UNREACHABLE',
      `the API server does not accept your credentials (${this.url}: ${thrown.message}); ${next}`,
      { cause: thrown },
    );
  }

  async #see<T>(verbs: readonly Verb[], path: string, call: Promise<T>): Promise<T> {
    const rights = verbs.flatMap((verb) => rightOf(verb, path) ?? []);
    this.#onCall(this.#answered, rights[0]?.resource ?? path);
    try {
      const answer = await call;
      this.#answered += 1;
      for (const right of rights) this.#given.add(rightText(right));
      return answer;
    } catch (thrown) {
      if (thrown instanceof ApiRefusal && isWithoutRight(thrown))
        for (const right of rights) this.#denied.set(rightText(right), right);
      if (thrown instanceof ApiRefusal && thrown.status === unauthorized)
        throw this.#notAccepted(thrown);
      throw thrown;
    }
  }
}

const reviewPath = '/apis/authentication.k8s.io/v1/selfsubjectreviews';
const review = { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' };

/** Who the API server takes us for; undefined where it does not say (before 1.28). */
export async function askUserName(
  api: Pick<ConnectedApi, 'create'>,
  signal: AbortSignal,
): Promise<string | undefined> {
  try {
    const answer = await api.create(reviewPath, review, signal);
    return stringAt(objectAt(objectAt(answer, 'status'), 'userInfo'), 'username');
  } catch {
    // Whatever the reason is, the roles can be told without it.
    return undefined;
  }
}
