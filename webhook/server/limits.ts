/** Every limit of the webhook server, with where it comes from. */

import type { ConnectionLimits } from './http-connections.ts';
import type { TimeLimits } from './keep-serving.ts';

const mebibyte = 1024 * 1024;

export interface Limits extends ConnectionLimits, TimeLimits {
  /** Bytes of one request body; more is answered 413. */
  readonly maxBodyBytes: number;
  /** Bytes from which a body counts as large. */
  readonly largeBodyBytes: number;
  /** Large bodies waiting for their turn; more are answered 503. */
  readonly maxLargeWaiting: number;
  /** Milliseconds a large body may take to arrive once it is its turn. */
  readonly largeReadMs: number;
  /** While others wait, at least `largeWindowBytes` of it must arrive in each of these many milliseconds. */
  readonly largeWindowMs: number;
  readonly largeWindowBytes: number;
  /** Bytes of all bodies together that are arriving and are not large. */
  readonly maxArrivingBytes: number;
  /** Nesting depth of objects and lists; more is answered 400. */
  readonly maxDepth: number;
  /** What a body may cost to parse, in values: see body-scan.ts; more is answered 413. */
  readonly maxWeight: number;
  /** Weight from which bodies are parsed one at a time. */
  readonly heavyWeight: number;
  /** Heavy bodies waiting to be parsed; more are answered 503. */
  readonly maxHeavyWaiting: number;
}

export const defaultLimits: Limits = Object.freeze({
  // The API server takes request bodies up to 3 MiB; an UPDATE review holds the object twice, plus an envelope.
  maxBodyBytes: 7 * mebibyte,
  // Parsing 1 MiB of JSON blocks the thread for about 10 ms and needs some ten times its size in memory.
  // Large bodies are therefore read and worked on one at a time.
  largeBodyBytes: mebibyte,
  // The API server gives up after the hook's timeoutSeconds (5 s); 16 of 30–90 ms each are done well before.
  maxLargeWaiting: 16,
  // 7 MiB at 20 Mbit/s; the turn then goes to the next, so a trickling client can't keep it.
  largeReadMs: 3_000,
  // 8 Mbit/s: a sender slower than that inside a cluster loses its turn to one that waits.
  largeWindowMs: 500,
  largeWindowBytes: mebibyte / 2,
  // Two thousand reviews of the usual 8 kB at once; honest ones are there within milliseconds.
  maxArrivingBytes: 16 * mebibyte,
  // Pods and workloads have about 20 levels, managed fields included.
  maxDepth: 100,
  // About 45 ms of parsing and 20 MiB at worst, whatever is sent (test/bench/hostile-bodies.ts). An object of 1.5 MB, the
  // most that etcd stores, stays below this together with its old version unless it consists of short values only.
  maxWeight: 160_000,
  // About 1.5 ms at worst; a pod as people write it has 300 to 1,000 values.
  heavyWeight: 5_000,
  // Senders take turns, so one of them waits for at most 45 ms more than once.
  maxHeavyWaiting: 32,
  // Go clients send headers in one write; these only end connections of slow or malicious senders.
  headersTimeoutMs: 5_000,
  // Twice the hook's timeoutSeconds: nobody waits for the answer any more by then.
  requestTimeoutMs: 10_000,
  handshakeTimeoutMs: 5_000,
  // A peer that neither sends nor reads during a request: three times the hook's time-out.
  socketTimeoutMs: 30_000,
  // Longer than the 90 s after which Go clients drop an idle connection, so that they close first and never
  // write into a connection that we are closing.
  keepAliveTimeoutMs: 120_000,
  // An API server keeps one connection for each call in flight, 200 mutating ones by default, and several of them call
  // at once after a start. Over TLS a connection takes about 50 KiB, so all of them stay below 64 MiB.
  maxUnanswered: 512,
  maxUnansweredEach: 256,
  maxAnswered: 768,
  maxAnsweredEach: 512,
  // Until every node has taken us out of the Service: readiness and endpoints take some seconds.
  drainMs: 5_000,
  closeMs: 5_000,
});
