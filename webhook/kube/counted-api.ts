/** The API with its calls counted, by verb and outcome. */
import type { JsonObject } from '#kernel/json.ts';
import { AnswerTooLarge, ApiRefusal } from './kubernetes-api.ts';
import type { KubernetesApi, WatchCall } from './kubernetes-api.ts';

type Verb = 'apply' | 'create' | 'delete' | 'get' | 'merge' | 'replace' | 'watch';

export interface CallCount {
  readonly verb: Verb;
  /** `ok`, an HTTP status, or `unreachable`. */
  readonly outcome: string;
  count: number;
}

export class CountedApi implements KubernetesApi {
  readonly #api: KubernetesApi;
  readonly #counts = new Map<string, CallCount>();

  constructor(api: KubernetesApi) {
    this.#api = api;
  }

  get counts(): readonly Readonly<CallCount>[] {
    return [...this.#counts.values()];
  }

  get(path: string, signal: AbortSignal, maxBytes?: number): Promise<JsonObject> {
    return this.#count('get', this.#api.get(path, signal, maxBytes), signal);
  }

  create(path: string, object: JsonObject, signal: AbortSignal): Promise<JsonObject> {
    return this.#count('create', this.#api.create(path, object, signal), signal);
  }

  apply(path: string, object: JsonObject, signal: AbortSignal): Promise<JsonObject> {
    return this.#count('apply', this.#api.apply(path, object, signal), signal);
  }

  replace(path: string, object: JsonObject, signal: AbortSignal): Promise<JsonObject> {
    return this.#count('replace', this.#api.replace(path, object, signal), signal);
  }

  merge(path: string, change: JsonObject, signal: AbortSignal): Promise<JsonObject> {
    return this.#count('merge', this.#api.merge(path, change, signal), signal);
  }

  remove(
    path: string,
    preconditions: { readonly uid: string; readonly resourceVersion?: string },
    signal: AbortSignal,
  ): Promise<void> {
    return this.#count('delete', this.#api.remove(path, preconditions, signal), signal);
  }

  watch(call: WatchCall): Promise<void> {
    return this.#count('watch', this.#api.watch(call), call.signal);
  }

  async #count<T>(verb: Verb, call: Promise<T>, signal: AbortSignal): Promise<T> {
    try {
      const answer = await call;
      this.#add(verb, 'ok');
      return answer;
    } catch (thrown) {
      // A call that we aborted ourselves is not an outcome.
      if (!signal.aborted) this.#add(verb, outcomeOf(thrown));
      throw thrown;
    }
  }

  #add(verb: Verb, outcome: string): void {
    const key = `${verb} ${outcome}`;
    const known = this.#counts.get(key);
    if (known === undefined) this.#counts.set(key, { verb, outcome, count: 1 });
    else known.count += 1;
  }
}

function outcomeOf(thrown: unknown): string {
  if (thrown instanceof AnswerTooLarge) return 'too_large';
  return thrown instanceof ApiRefusal ? String(thrown.status) : 'unreachable';
}
