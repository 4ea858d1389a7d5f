/** Reads a list page by page; pages become smaller where objects are large, so that memory stays bounded. */
import { isObject, listAt, objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { AnswerTooLarge, type KubernetesApi } from './kubernetes-api.ts';
import type { ApiLimits } from './api-limits.ts';

/**
 * Calls back for each item; nothing of a page is kept when the next one is asked for.
 * @param path with its query, if any
 * @returns resourceVersion of the list
 */
export async function readPages(
  path: string,
  options: {
    readonly api: KubernetesApi;
    readonly limits: ApiLimits;
    readonly take: (item: JsonObject) => void;
  },
  signal: AbortSignal,
): Promise<string> {
  const { api, limits, take } = options;
  const pages = new Pages(path, limits);
  for (;;) {
    const page = await pages.read(api, signal);
    for (const item of listAt(page, 'items')) if (isObject(item)) take(item);
    const metadata = objectAt(page, 'metadata');
    const next = stringAt(metadata, 'continue') ?? '';
    if (next === '') return stringAt(metadata, 'resourceVersion') ?? '';
    pages.goOn(next);
  }
}

class Pages {
  readonly #path: string;
  readonly #limits: ApiLimits;
  #size: number;
  #next = '';

  constructor(path: string, limits: ApiLimits) {
    this.#path = path;
    this.#limits = limits;
    this.#size = limits.pageSize;
  }

  goOn(next: string): void {
    this.#next = next;
  }

  async read(api: KubernetesApi, signal: AbortSignal): Promise<JsonObject> {
    for (;;) {
      const from = this.#next === '' ? '' : `&continue=${encodeURIComponent(this.#next)}`;
      const and = this.#path.includes('?') ? '&' : '?';
      const path = `${this.#path}${and}limit=${this.#size}${from}`;
      // A page of one object is always accepted: etcd limits its size.
      const maxBytes = this.#size === 1 ? this.#limits.answerBytes : this.#limits.pageBytes;
      try {
        return await api.get(path, signal, maxBytes);
      } catch (thrown) {
        if (!(thrown instanceof AnswerTooLarge) || this.#size === 1) throw thrown;
        this.#size = Math.max(1, Math.floor(this.#size / 4));
      }
    }
  }
}
