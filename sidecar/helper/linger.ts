/**
 * A helper that is an ordinary container is told to stop together with its Envoy, which then still answers what is on its way.
 * So it stays until nobody is connected any more. A native sidecar is told when Envoy has ended, and goes at once.
 */
import { AppError } from '#kernel/errors.ts';

interface Lingering {
  /** Connections to the service. */
  readonly connections: () => number;
  /** Milliseconds that it stays at most. */
  readonly mostMs: number;
  readonly now: () => number;
  readonly sleep: (ms: number) => Promise<unknown>;
}

/** Milliseconds between looks. */
const lookMs = 50;
const mostSeconds = 3_600;
/** With the 5 s that calls then have to finish, 25 s of the 30 that Kubernetes gives a pod by default: 5 are left for a slow node. */
const inPodMs = 20_000;

/** Resolves once nobody is connected, or `mostMs` are over. */
export async function lingered({ connections, mostMs, now, sleep }: Lingering): Promise<void> {
  const endMs = now() + mostMs;
  while (connections() > 0 && now() < endMs) await sleep(lookMs);
}

/**
 * Milliseconds, from LINGER_SECONDS; without it 20 s in a pod, and none elsewhere.
 * @throws {AppError} CONFIG_INVALID
 */
export function lingerMs(env: Readonly<Record<string, string | undefined>>): number {
  const { LINGER_SECONDS: text = '', POD_NAME: pod = '' } = env;
  if (text === '') return pod === '' ? 0 : inPodMs;
  const seconds = /^\d{1,4}$/.test(text) ? Number(text) : Infinity;
  if (seconds <= mostSeconds) return seconds * 1_000;
  const words = `LINGER_SECONDS must be a whole number from 0 to ${mostSeconds}`;
  throw new AppError('CONFIG_INVALID', words);
}
