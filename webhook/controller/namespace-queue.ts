/**
 * Work by namespace: batched, one at a time for each, a few at once over all, with back-off after failures. One that
 * never rests is worked on at a steady rate: endless changes in one namespace do not hold up others.
 */
import { Allowances } from './allowances.ts';
import { retryDelayMs } from '../kube/api-limits.ts';
import type { ClusterLimits } from './cluster-limits.ts';

export interface QueueOptions {
  /** Does one namespace. @returns milliseconds until it wants to be called again, if at all; 0 where it is not done */
  readonly work: (namespace: string) => Promise<number | undefined>;
  readonly failed: (namespace: string, thrown: unknown) => void;
  readonly limits: ClusterLimits;
  /** Gives [0, 1). */
  readonly random: () => number;
}

interface Item {
  timer: NodeJS.Timeout | undefined;
  /** When the timer fires, by `performance.now()`. */
  dueMs: number;
  isWorking: boolean;
  /** Asked for while it was worked on: delay of the next round. */
  nextDelayMs: number | undefined;
  failures: number;
  /** Not before this: it failed, or has used up its allowance. */
  notBeforeMs: number;
}

export class NamespaceQueue {
  readonly #options: QueueOptions;
  readonly #items = new Map<string, Item>();
  readonly #ripe: string[] = [];
  readonly #allowances: Allowances;
  #working = 0;
  #isClosed = false;

  constructor(options: QueueOptions) {
    this.#options = options;
    const { looksAtOnce, lookEveryMs } = options.limits;
    this.#allowances = new Allowances(looksAtOnce, lookEveryMs);
  }

  /** Namespaces that wait for something, their time among others, or are worked on. */
  get size(): number {
    return this.#items.size;
  }

  /** Namespaces that are due, and those worked on: the backlog. */
  get backlog(): number {
    return this.#ripe.length + this.#working;
  }

  /** Requests a namespace within `delayMs`; several requests are one. */
  add(namespace: string, delayMs: number = this.#options.limits.gatherMs): void {
    if (this.#isClosed) return;
    const item = this.#itemOf(namespace);
    if (item.isWorking) {
      item.nextDelayMs = Math.min(item.nextDelayMs ?? delayMs, delayMs);
      return;
    }
    const dueMs = Math.max(performance.now() + delayMs, item.notBeforeMs);
    if (item.timer !== undefined && item.dueMs <= dueMs) return;
    clearTimeout(item.timer);
    item.dueMs = dueMs;
    item.timer = setTimeout(
      () => {
        this.#ripen(namespace);
      },
      Math.max(0, dueMs - performance.now()),
    );
  }

  /** Drops everything that waits; what is worked on ends by itself. */
  close(): void {
    this.#isClosed = true;
    for (const item of this.#items.values()) clearTimeout(item.timer);
    this.#items.clear();
    this.#ripe.length = 0;
  }

  #itemOf(namespace: string): Item {
    let item = this.#items.get(namespace);
    if (item === undefined) {
      item = {
        timer: undefined,
        dueMs: 0,
        isWorking: false,
        nextDelayMs: undefined,
        failures: 0,
        notBeforeMs: 0,
      };
      this.#items.set(namespace, item);
    }
    return item;
  }

  #ripen(namespace: string): void {
    this.#ripe.push(namespace);
    this.#begin();
  }

  #begin(): void {
    while (this.#working < this.#options.limits.namespacesAtOnce) {
      const namespace = this.#ripe.shift();
      if (namespace === undefined) return;
      this.#working += 1;
      void this.#work(namespace, this.#itemOf(namespace));
    }
  }

  async #work(namespace: string, item: Item): Promise<void> {
    const { work, failed, limits, random } = this.#options;
    item.isWorking = true;
    item.timer = undefined;
    let nextMs: number | undefined;
    try {
      nextMs = await work(namespace);
      item.failures = 0;
      item.notBeforeMs = this.#restedAtMs(namespace, nextMs);
    } catch (thrown) {
      item.failures += 1;
      nextMs = retryDelayMs(item.failures, limits, random);
      item.notBeforeMs = performance.now() + nextMs;
      failed(namespace, thrown);
    }
    this.#working -= 1;
    item.isWorking = false;
    const asked = [nextMs, item.nextDelayMs].filter((delay) => delay !== undefined);
    item.nextDelayMs = undefined;
    if (asked.length > 0) this.add(namespace, Math.min(...asked));
    else if (item.notBeforeMs > performance.now()) this.#keepForAWhile(namespace, item);
    else this.#items.delete(namespace);
    this.#begin();
  }

  /** Going on with what is not done takes none of the allowance: others had their turn in between. */
  #restedAtMs(namespace: string, nextMs: number | undefined): number {
    if (nextMs === 0) return 0;
    const nowMs = performance.now();
    return nowMs + this.#allowances.take(namespace, nowMs);
  }

  /** It asked for nothing now, but must not be forgotten before it may ask again. */
  #keepForAWhile(namespace: string, item: Item): void {
    const leftMs = Math.max(0, item.notBeforeMs - performance.now());
    setTimeout(() => {
      const isIdle = !item.isWorking && item.timer === undefined;
      if (isIdle && this.#items.get(namespace) === item) this.#items.delete(namespace);
    }, leftMs).unref();
  }
}
