/** `demo ask`: one question to the backend, for Jobs; waits for the pod's own Envoy to take it. */
import { setTimeout as sleep } from 'node:timers/promises';

/** An Envoy beside it may start at the same time. */
const patienceMs = 30_000;
const pauseMs = 500;

/**
 * Prints what the backend says of a profile.
 * @returns the exit code: 0 when it was answered with 200
 */
export async function ask(backend: URL, account: string): Promise<number> {
  const url = new URL(`/accounts/${account}/profile`, backend);
  const deadline = performance.now() + patienceMs;
  for (;;) {
    const isLast = performance.now() > deadline;
    const answer = await fetch(url).catch(() => undefined);
    // 503: Envoy is there, and knows no backend yet.
    if (answer === undefined || answer.status === 503) {
      if (!isLast) {
        await sleep(pauseMs);
        continue;
      }
      console.error(`${url.href}: ${answer === undefined ? 'no answer' : 'HTTP 503'}`);
      return 1;
    }
    console.log(`HTTP ${answer.status} ${await answer.text()}`);
    return answer.status === 200 ? 0 : 1;
  }
}
