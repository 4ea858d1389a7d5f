/** Always the newest JWT-SVID for one audience: fetched at start, renewed at half life, served until it expires. */
import type { SpiffeId } from '#kernel/spiffe-id.ts';
import { readUnverifiedIssuedToken } from '../jwt/issued.ts';
import type { IssuedToken, TokenSource } from '../jwt/token-ports.ts';
import type { CallFailure, JwtSvid, CallOutcome, WorkloadApi } from './api.ts';
import { explainFailure, retryDelayMs } from './failure.ts';
import { Listeners } from './listeners.ts';
import { fetchDeadlineMs, renewalDelayMs } from './renewal.ts';
import { selectSvid, type SvidChoice } from './select-svid.ts';
import type { SourceContext } from './stream-keeper.ts';

export interface TokenSourceOptions extends SourceContext {
  readonly api: Pick<WorkloadApi, 'address' | 'fetchJwtSvids'>;
  /** The one audience of the tokens: with several, each receiver could replay them at the others. */
  readonly audience: string;
  /** Only tokens of this identity; absent: the workload's default one. */
  readonly spiffeId?: SpiffeId | undefined;
  /** Only tokens of the identity with this hint. */
  readonly hint?: string | undefined;
}

/** Milliseconds: a timer is looked after at least so often, since one may be late after the machine slept. */
const lookAfterMs = 30_000;

export class JwtTokenSource implements TokenSource {
  /** Resolves with the first token; never rejects. */
  readonly ready: Promise<void>;
  readonly #options: TokenSourceOptions;
  readonly #wanted: string;
  readonly #listeners = new Listeners();
  readonly #stopping = new AbortController();
  readonly #setReady: () => void;
  #isStarted = false;
  #token: IssuedToken | undefined;
  #problem: string | undefined;
  #attempt = 0;
  #failingSinceMs = 0;
  #cancelTimer: () => void = () => undefined;

  constructor(options: TokenSourceOptions) {
    this.#options = options;
    this.#wanted = `JWT-SVID for audience "${options.audience}"${
      options.spiffeId === undefined ? '' : ` as ${options.spiffeId}`
    }`;
    this.#problem = `${this.#wanted}: not asked for yet`;
    const ready = Promise.withResolvers<undefined>();
    this.ready = ready.promise;
    this.#setReady = () => {
      ready.resolve(undefined);
    };
  }

  current(nowS: number): IssuedToken | undefined {
    return this.#token !== undefined && nowS < this.#token.expiresAtS ? this.#token : undefined;
  }

  problem(): string | undefined {
    if (this.#problem !== undefined || this.#token === undefined) return this.#problem;
    // Nobody has failed yet: the machine slept, or the renewal is on its way.
    const isExpired = this.#options.timers.now() / 1_000 >= this.#token.expiresAtS;
    return isExpired ? `the ${this.#wanted} has expired and its renewal is awaited` : undefined;
  }

  onChange(listener: () => void): () => void {
    return this.#listeners.add(listener);
  }

  /** Runs until `close` or the signal. */
  start(signal?: AbortSignal): void {
    if (this.#isStarted || this.#stopping.signal.aborted) return;
    this.#isStarted = true;
    if (signal?.aborted === true) {
      this.close();
      return;
    }
    signal?.addEventListener(
      'abort',
      () => {
        this.close();
      },
      { once: true },
    );
    this.#problem = `waiting for the Workload API at ${this.#options.api.address} to give a ${this.#wanted}`;
    void this.#fetch();
  }

  close(): void {
    this.#cancelTimer();
    this.#stopping.abort();
  }

  /** The only place that asks, and the next request is made only after this one's answer: a single flight. */
  async #fetch(): Promise<void> {
    const { api, audience, spiffeId, timers } = this.#options;
    const outcome = await api.fetchJwtSvids(
      { audiences: [audience], ...(spiffeId === undefined ? {} : { spiffeId }) },
      {
        deadlineMs: fetchDeadlineMs(this.#token, timers.now()),
        signal: this.#stopping.signal,
      },
    );
    if (this.#stopping.signal.aborted) return;
    const read = this.#read(outcome);
    if (read.kind === 'failed') this.#onFailure(read.failure);
    else this.#onToken(read.value);
  }

  #read(outcome: CallOutcome<readonly JwtSvid[]>): CallOutcome<IssuedToken> {
    if (outcome.kind === 'failed') return outcome;
    const choice: SvidChoice = { spiffeId: this.#options.spiffeId, hint: this.#options.hint };
    const svid = selectSvid(outcome.value, choice);
    if (svid === undefined) {
      const had = outcome.value.length;
      const text = `none of the ${had} identities given to this workload is the one asked for`;
      return { kind: 'failed', failure: { kind: 'no_identity', text } };
    }
    const nowS = this.#options.timers.now() / 1_000;
    const read = readUnverifiedIssuedToken(svid.token, nowS);
    if (read.kind === 'refused') return unusable(`a token that cannot be used: ${read.reason}`);
    if (read.issued.spiffeId !== svid.spiffeId) return unusable('a token of another identity');
    if (read.issued.expiresAtS <= nowS) {
      return unusable('a token that has expired already: compare the clocks of node and server');
    }
    return { kind: 'done', value: read.issued };
  }

  #onToken(token: IssuedToken): void {
    const { timers, random } = this.#options;
    const isNew = token.token !== this.#token?.token;
    this.#attempt = 0;
    this.#token = token;
    // The agent mints anew from half life on; one that cannot gives the old token again.
    this.#problem = isNew
      ? undefined
      : `the agent has no newer ${this.#wanted}: check that it reaches its SPIRE server`;
    this.#wait(timers.now() + renewalDelayMs(token, timers.now(), random()));
    this.#setReady();
    if (isNew) this.#listeners.call();
  }

  #onFailure(failure: CallFailure): void {
    const { api, timers, random } = this.#options;
    this.#problem = explainFailure(failure, this.#wanted, api.address);
    if (this.#attempt === 0) this.#failingSinceMs = timers.now();
    const history = {
      attempt: this.#attempt++,
      elapsedMs: timers.now() - this.#failingSinceMs,
      isFirst: this.#token === undefined,
    };
    const delayMs = retryDelayMs(failure.kind, history, random());
    if (delayMs !== undefined) this.#wait(timers.now() + delayMs);
  }

  #wait(untilMs: number): void {
    const { timers } = this.#options;
    const leftMs = Math.max(0, untilMs - timers.now());
    this.#cancelTimer = timers.after(Math.min(leftMs, lookAfterMs), () => {
      if (timers.now() >= untilMs) void this.#fetch();
      else this.#wait(untilMs);
    });
  }
}

function unusable(what: string): CallOutcome<never> {
  return { kind: 'failed', failure: { kind: 'unavailable', text: `the agent gave ${what}` } };
}
