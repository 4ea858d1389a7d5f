/** Workloads wait here to be judged, one after the other, so that everything else has its turns meanwhile. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { isObject, type JsonObject } from '#kernel/json.ts';
import { AppError, messageOf } from '#kernel/errors.ts';
import { unjudged, type BoardWorkload } from '../console/board-entries.ts';
import type { CoverageBoard } from '../console/coverage-board.ts';
import {
  judgeWorkload,
  type JudgeContext,
  type WorkloadVerdict,
} from '../console/judge-workload.ts';
import { ApiRefusal, type KubernetesApi } from '../kube/kubernetes-api.ts';
import { pathOf, readOne } from '../kube/read-list.ts';
import { apiVersionOf, kindNamed } from '../objects/kinds.ts';
import type { ReadResource } from './denied-reads.ts';
import type { KeptConfigMaps } from './kept-config-maps.ts';

export interface JudgeParts {
  readonly api: KubernetesApi;
  readonly board: CoverageBoard;
  readonly configMaps: KeptConfigMaps;
  /** Undefined until the configuration is known: everything waits. */
  readonly context: () => JudgeContext | undefined;
  /** Is told of each resource of which an object may not be read. */
  readonly refused: (what: ReadResource) => void;
}

/** Some are waiting for the API server while one is judged. */
const workers = 8;
/** Milliseconds of judging after which others have a turn: a page is answered in between. */
const turnMs = 15;
const notFound = 404;
const forbidden = 403;
/** Milliseconds for what is read of one workload. */
const readMs = 10_000;

export class JudgeQueue {
  readonly #parts: JudgeParts;
  /** Texts by id; undefined: to be read anew. */
  readonly #waiting = new Map<string, string | undefined>();
  readonly #failed = new Set<string>();
  /** Those for which a right was missing. */
  readonly #refused = new Set<string>();
  #wake: (() => void)[] = [];
  #turnBeganMs = 0;

  constructor(parts: JudgeParts) {
    this.#parts = parts;
  }

  get size(): number {
    return this.#waiting.size;
  }

  /** @param text where it has just come; one that waits already has the newest that there is */
  add(id: string, text?: string): void {
    this.#waiting.set(id, text ?? this.#waiting.get(id));
    this.wake();
  }

  drop(id: string): void {
    this.#waiting.delete(id);
    this.#failed.delete(id);
    this.#refused.delete(id);
  }

  /** The API server answers again: what could not be read is read now. */
  retry(): void {
    const again = [...this.#failed];
    this.#failed.clear();
    for (const id of again) this.add(id);
  }

  /** A right was given: what could not be read for want of it is read now. */
  retryRefused(): void {
    const again = [...this.#refused];
    this.#refused.clear();
    for (const id of again) this.add(id);
  }

  wake(): void {
    const sleepers = this.#wake;
    this.#wake = [];
    for (const each of sleepers) each();
  }

  /** Until `signal` aborts. */
  start(signal: AbortSignal): void {
    signal.addEventListener('abort', () => {
      this.wake();
    });
    for (let i = 0; i < workers; i += 1) void this.#work(signal);
  }

  async #work(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const [next] = this.#waiting;
      if (next === undefined || this.#parts.context() === undefined) {
        await new Promise<void>((resolve) => this.#wake.push(resolve));
        continue;
      }
      const [id, text] = next;
      this.#waiting.delete(id);
      await this.#judge(id, text, AbortSignal.any([signal, AbortSignal.timeout(readMs)]));
      if (performance.now() - this.#turnBeganMs >= turnMs) {
        await nextTurn();
        this.#turnBeganMs = performance.now();
      }
    }
  }

  /** What cannot be read now is read when the API server answers again; what may not be read, or is gone, not at all. */
  async #judge(id: string, text: string | undefined, signal: AbortSignal): Promise<void> {
    try {
      const workload = this.#parts.board.workload(id);
      if (workload === undefined) await this.#judgeByPod(id, signal);
      else await this.#judgeStored(id, { workload, text }, signal);
    } catch (thrown) {
      if (thrown instanceof AppError) this.#failed.add(id);
      else this.#unjudged(id, thrown);
    }
  }

  /** Anything else that is thrown counts as this workload's own failure: the others are judged all the same. */
  #unjudged(id: string, thrown: unknown): void {
    const isGone = thrown instanceof ApiRefusal && thrown.status === notFound;
    if (isGone) return;
    if (isForbidden(thrown)) this.#refused.add(id);
    const { board } = this.#parts;
    const verdict =
      thrown instanceof ApiRefusal
        ? unjudged('not_readable', `cannot be read: ${thrown.said}`)
        : unjudged(
            'internal',
            `a mistake of svidecar's own, please report it: ${messageOf(thrown)}`,
          );
    const version = board.workload(id)?.version ?? '';
    board.setVerdicts(id, version, { verdict, podVerdict: undefined });
  }

  async #judgeStored(
    id: string,
    { workload, text }: { readonly workload: BoardWorkload; readonly text: string | undefined },
    signal: AbortSignal,
  ): Promise<void> {
    const { board } = this.#parts;
    const { version, namespace } = workload;
    const object = text === undefined ? await this.#read(workload, signal) : parsed(text);
    if (object === undefined) return;
    await this.#readConfigMaps(id, namespace, signal);
    const verdict = this.#verdictOn(object);
    if (verdict === undefined) return;
    const isLeft = verdict.kind === 'injected' && board.label(namespace) === 'pod';
    const podVerdict = isLeft ? await this.#verdictOnPod(id, signal) : undefined;
    board.setVerdicts(id, version, { verdict, podVerdict });
  }

  async #judgeByPod(id: string, signal: AbortSignal): Promise<void> {
    const verdict = await this.#verdictOnPod(id, signal);
    if (verdict !== undefined)
      this.#parts.board.setVerdicts(id, '', { verdict, podVerdict: undefined });
  }

  async #verdictOnPod(id: string, signal: AbortSignal): Promise<WorkloadVerdict | undefined> {
    const sample = this.#parts.board.pods.sampleOf(id);
    if (sample === undefined) return undefined;
    const object = await this.#read({ ...sample, kind: 'Pod' }, signal);
    return object === undefined ? undefined : this.#verdictOn(object);
  }

  #verdictOn(object: JsonObject): WorkloadVerdict | undefined {
    const context = this.#parts.context();
    return context === undefined ? undefined : judgeWorkload(object, context);
  }

  async #read(
    {
      namespace,
      kind,
      name,
    }: { readonly namespace: string; readonly kind: string; readonly name: string },
    signal: AbortSignal,
  ): Promise<JsonObject | undefined> {
    const type = kindNamed(kind);
    if (type === undefined) return undefined;
    const source = { apiVersion: apiVersionOf(type), resource: type.resource };
    try {
      return await readOne(this.#parts.api, pathOf(source, namespace, name), signal);
    } catch (thrown) {
      if (isForbidden(thrown)) this.#parts.refused(type);
      throw thrown;
    }
  }

  async #readConfigMaps(id: string, namespace: string, signal: AbortSignal): Promise<void> {
    const { api, configMaps } = this.#parts;
    for (const name of configMaps.unknownTo(id)) {
      const source = { apiVersion: 'v1', resource: 'configmaps' };
      try {
        const found = await readOne(api, pathOf(source, namespace, name), signal);
        if (found === undefined) configMaps.setAbsent(namespace, name);
        else configMaps.setFound(found);
      } catch (thrown) {
        if (!(thrown instanceof ApiRefusal)) throw thrown;
        // It is judged without it, as the webhook would where it does not know it.
        if (!isForbidden(thrown)) configMaps.setAbsent(namespace, name);
        else {
          this.#refused.add(id);
          this.#parts.refused({ group: '', resource: source.resource });
        }
      }
    }
  }
}

function isForbidden(thrown: unknown): boolean {
  return thrown instanceof ApiRefusal && thrown.status === forbidden;
}

function parsed(text: string): JsonObject | undefined {
  const value: unknown = JSON.parse(text);
  return isObject(value) ? value : undefined;
}
