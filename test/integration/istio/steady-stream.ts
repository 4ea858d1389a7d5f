/** Requests at a steady rate, each as it ended. */
import type { PodAnswer } from '../harness/pod-requests.ts';

export interface Sent {
  /** Both of `performance.now()`. */
  readonly begunMs: number;
  readonly endedMs: number;
  /** 0: the connection was refused or cut. */
  readonly status: number;
  readonly body: string;
}

export interface SteadyStream {
  /** In the order in which they ended. */
  readonly sent: readonly Sent[];
  /** @returns all of them, when the last one has ended */
  stop(): Promise<readonly Sent[]>;
}

/** So that a machine that lags is not pressed further. */
const mostAtOnce = 20;

/** Sends one each so many milliseconds, whether the one before has ended or not. */
export function sendSteadily(everyMs: number, send: () => Promise<PodAnswer>): SteadyStream {
  const sent: Sent[] = [];
  const running = new Set<Promise<void>>();
  const one = async (): Promise<void> => {
    const begunMs = performance.now();
    const cut = (thrown: unknown): PodAnswer => ({ status: 0, body: String(thrown) });
    const answer = await send().catch(cut);
    sent.push({ ...answer, begunMs, endedMs: performance.now() });
  };
  const timer = setInterval(() => {
    if (running.size >= mostAtOnce) return;
    const each = one().finally(() => running.delete(each));
    running.add(each);
  }, everyMs);
  return {
    sent,
    async stop() {
      clearInterval(timer);
      await Promise.all(running);
      return sent;
    },
  };
}

export function passed({ status }: Sent): boolean {
  return status === 200;
}
