/**
 * The engine in a worker, so that a large input does not block the page. The worker runs the page's own script: one text holds
 * both. Where there are no workers, the page answers itself.
 */
import { makeEngineCalls, type EngineCall, type EngineReply } from './engine-calls.ts';

interface Waiting {
  readonly call: EngineCall;
  readonly resolve: (reply: EngineReply) => void;
}

const stopped: EngineReply = { kind: 'failed', message: 'stopped', code: undefined };
const ownScript = 'document' in globalThis ? (document.currentScript?.textContent ?? '') : '';

/** In a worker: answers what the page asks, in its order. */
export function answerInWorker(): void {
  const carryOut = makeEngineCalls();
  addEventListener('message', ({ data }: MessageEvent<EngineCall>) => {
    postMessage(carryOut(data));
  });
}

export class EngineClient {
  #worker: Worker | undefined;
  #carryOut: ((call: EngineCall) => EngineReply) | undefined;
  readonly #queue: Waiting[] = [];

  constructor() {
    this.#start();
  }

  /** One call at a time; of questions that wait, only the newest is asked. */
  call(call: EngineCall): Promise<EngineReply> {
    return new Promise((resolve) => {
      this.#dropOlderQuestion(call);
      this.#queue.push({ call, resolve });
      if (this.#queue.length === 1) this.#send();
    });
  }

  /** Ends what is being worked on, and all that waits. */
  stop(): void {
    this.#worker?.terminate();
    this.#worker = undefined;
    for (const { resolve } of this.#queue.splice(0)) resolve(stopped);
    this.#start();
  }

  #dropOlderQuestion(call: EngineCall): void {
    if (call.kind !== 'answer') return;
    const at = this.#queue.findIndex((each, index) => index > 0 && each.call.kind === 'answer');
    if (at !== -1) for (const { resolve } of this.#queue.splice(at, 1)) resolve(stopped);
  }

  #start(): void {
    try {
      const url = URL.createObjectURL(new Blob([ownScript], { type: 'text/javascript' }));
      const worker = new Worker(url);
      worker.addEventListener('message', ({ data }: MessageEvent<EngineReply>) => {
        this.#finish(data);
      });
      worker.addEventListener('error', () => {
        this.#answerHere();
      });
      this.#worker = worker;
    } catch {
      // A browser may forbid workers to pages from files.
      this.#answerHere();
    }
  }

  #answerHere(): void {
    this.#worker?.terminate();
    this.#worker = undefined;
    this.#carryOut ??= makeEngineCalls();
    if (this.#queue.length > 0) this.#send();
  }

  #send(): void {
    const [first] = this.#queue;
    if (first === undefined) return;
    if (this.#worker !== undefined) {
      this.#worker.postMessage(first.call);
      return;
    }
    const carryOut = this.#carryOut;
    // The page shows first that it is at work.
    if (carryOut !== undefined)
      setTimeout(() => {
        this.#finish(carryOut(first.call));
      });
  }

  #finish(reply: EngineReply): void {
    this.#queue.shift()?.resolve(reply);
    this.#send();
  }
}
