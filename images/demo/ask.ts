/** `demo ask`: one question to the backend, for Jobs; waits for the pod's own Envoy to take it. */
import { setTimeout as sleep } from 'node:timers/promises';

/** An Envoy beside it may start at the same time. */
const patienceMs = 30_000;
const pauseMs = 500;

/** Not what the pod's own Envoy says by itself: 503, while it has no certificate or knows no backend. */
export function isFromBackend(answer: Response): boolean {
  return answer.status !== 503;
}

/**
 * Prints what the backend says of a profile.
 * @returns the exit code: 0 when it was answered with 200
 */
export async function ask(backend: URL, account: string): Promise<number> {
  const url = new URL(`/accounts/${account}/profile`, backend);
  const deadline = performance.now() + patienceMs;
  for (;;) {
    const answer = await fetch(url).catch(() => undefined);
    if (answer !== undefined && isFromBackend(answer)) {
      console.log(`HTTP ${answer.status} ${await answer.text()}`);
      return answer.status === 200 ? 0 : 1;
    }
    if (performance.now() > deadline) {
      console.error(`${url.href}: ${answer === undefined ? 'no answer' : 'HTTP 503'}`);
      return 1;
    }
    await sleep(pauseMs);
  }
}
