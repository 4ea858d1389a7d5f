/** Admissions at a steady rate, each of them counted by what became of the pod. */
import { setTimeout as wait } from 'node:timers/promises';
import { isObject, objectAt, type JsonObject } from '#kernel/json.ts';
import type { ApiClient } from './api-client.ts';
import { Gate } from './gate.ts';
import { hasHelper } from './pods.ts';

export interface Outcomes {
  /** Let in with the helper. */
  injected: number;
  /** Let in without the helper. */
  readonly uninjected: string[];
  /** Not let in: the API server's words. */
  readonly refused: string[];
}

/** Sends creations of pods or Deployments, as a dry run: everything but the write happens. */
export class Admissions {
  readonly outcomes: Outcomes = { injected: 0, uninjected: [], refused: [] };
  /** An API server that is this far behind gets no more until it has caught up. */
  maxOpen = 50;
  readonly #api: Pick<ApiClient, 'request'>;
  readonly #path: string;
  readonly #object: JsonObject;
  #sent = 0;
  readonly #gate = new Gate();

  /** @param object a Pod or Deployment; every admission gives it a name of its own. */
  constructor(api: Pick<ApiClient, 'request'>, namespace: string, object: JsonObject) {
    this.#api = api;
    const [group, resource] =
      object['kind'] === 'Deployment' ? ['apis/apps', 'deployments'] : ['api', 'pods'];
    this.#path = `/${group}/v1/namespaces/${namespace}/${resource}?dryRun=All`;
    this.#object = object;
  }

  /** Sends `count` admissions, one each `everyMs`, whether or not earlier ones have been answered; returns when all are. */
  async run(count: number, everyMs: number): Promise<void> {
    const answers: Promise<void>[] = [];
    let due = performance.now();
    while (answers.length < count) {
      due += everyMs;
      const early = due - performance.now();
      if (early > 0) await wait(early);
      if (this.#gate.isShut || this.#gate.open >= this.maxOpen) {
        due = performance.now();
        await wait(1);
      } else answers.push(this.#admit());
    }
    await Promise.all(answers);
  }

  /** Does something while no admission is under way. */
  async between(act: () => Promise<void>): Promise<void> {
    await this.#gate.between(act);
  }

  async #admit(): Promise<void> {
    this.#sent += 1;
    const metadata = { ...objectAt(this.#object, 'metadata'), name: `made-${this.#sent}` };
    const object = { ...this.#object, metadata };
    try {
      const answer = await this.#gate.pass(() => this.#api.request('POST', this.#path, object));
      this.#count(answer.status, answer.body);
    } catch (thrown) {
      this.outcomes.refused.push(String(thrown));
    }
  }

  #count(status: number, body: unknown): void {
    const at = new Date().toISOString();
    if (status !== 201) this.outcomes.refused.push(`${at} ${JSON.stringify(body)}`);
    else if (hasHelper(podOf(body))) this.outcomes.injected += 1;
    else this.outcomes.uninjected.push(`${at} ${JSON.stringify(body)}`);
  }
}

/** The object itself, or what its pods are made of. */
function podOf(object: unknown): unknown {
  const template = isObject(object) ? objectAt(object, 'spec')['template'] : undefined;
  return template ?? object;
}
