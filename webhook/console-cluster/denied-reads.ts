/** Single reads that were refused for want of a right, though lists may be given: remembered, and asked for until it is given. */
import { setTimeout as wait } from 'node:timers/promises';
import { objectAt } from '#kernel/json.ts';
import type { KubernetesApi } from '../kube/kubernetes-api.ts';

/** A resource of which single objects are read. */
export interface ReadResource {
  readonly group: string;
  readonly resource: string;
}

export interface DeniedReadParts {
  readonly api: KubernetesApi;
  /** Absent: all. */
  readonly namespace: string | undefined;
  /** Milliseconds between questions, while something is denied. */
  readonly everyMs: number;
  /** May be read from now on. */
  readonly given: () => void;
}

const reviewPath = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews';
const review = { apiVersion: 'authorization.k8s.io/v1', kind: 'SelfSubjectAccessReview' };
/** Milliseconds for one question. */
const askMs = 5_000;

export class DeniedReads {
  readonly #parts: DeniedReadParts;
  readonly #denied = new Map<string, ReadResource>();

  constructor(parts: DeniedReadParts) {
    this.#parts = parts;
  }

  get all(): readonly ReadResource[] {
    return [...this.#denied.values()];
  }

  refused({ group, resource }: ReadResource): void {
    this.#denied.set(`${group}/${resource}`, { group, resource });
  }

  /** Until `signal` aborts. */
  start(signal: AbortSignal): void {
    void this.#follow(signal);
  }

  async #follow(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      // The wait rejects when we are stopped in it; the loop then ends.
      await wait(this.#parts.everyMs, undefined, { signal, ref: false }).catch(() => undefined);
      let isOneGiven = false;
      for (const [key, each] of this.#denied)
        if (await this.#mayRead(each, signal)) isOneGiven = this.#denied.delete(key) || isOneGiven;
      if (isOneGiven) this.#parts.given();
    }
  }

  /** @see authorization.k8s.io/v1 SelfSubjectAccessReview: whoever is logged in may ask it */
  async #mayRead({ group, resource }: ReadResource, signal: AbortSignal): Promise<boolean> {
    const { api, namespace = '' } = this.#parts;
    const resourceAttributes = { verb: 'get', group, resource, namespace };
    try {
      const limit = AbortSignal.any([signal, AbortSignal.timeout(askMs)]);
      const answer = await api.create(
        reviewPath,
        { ...review, spec: { resourceAttributes } },
        limit,
      );
      return objectAt(answer, 'status')['allowed'] === true;
    } catch {
      // Nobody answers now: it is asked again.
      return false;
    }
  }
}
