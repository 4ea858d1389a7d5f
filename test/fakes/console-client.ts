/** The console's page, as far as its requests go: logs in, asks, and follows the events. */
import { setTimeout as wait } from 'node:timers/promises';
import {
  consoleKeyHeader,
  consolePaths,
  type ConsoleEvent,
  type ConsoleSession,
  type CoverageSnapshot,
} from '../../webhook/console/console-model.ts';
import { EventReader } from '../../webhook/console/read-events.ts';

export interface ConsoleAnswer {
  readonly status: number;
  readonly body: unknown;
}

export class ConsoleClient {
  readonly #origin: string;
  readonly #key: string;

  private constructor(origin: string, key: string) {
    this.#origin = origin;
    this.#key = key;
  }

  /** @param address as it is printed */
  static async open(address: string): Promise<ConsoleClient> {
    const { origin, hash } = new URL(address);
    const answer = await exchange(origin, hash.slice('#token='.length));
    const { key } = answer.body as Partial<ConsoleSession>;
    if (key === undefined) throw new TypeError(`not let in: ${JSON.stringify(answer.body)}`);
    return new ConsoleClient(origin, key);
  }

  get headers(): Readonly<Record<string, string>> {
    return {
      origin: this.#origin,
      'sec-fetch-site': 'same-origin',
      'content-type': 'application/json',
      [consoleKeyHeader]: this.#key,
    };
  }

  async get<T>(path: string): Promise<T> {
    const { status, body } = await this.ask('GET', path);
    if (status >= 300) throw new TypeError(`GET ${path}: ${status} ${JSON.stringify(body)}`);
    // What the server of this version says.
    return body as T;
  }

  async ask(method: string, path: string, body?: unknown): Promise<ConsoleAnswer> {
    const response = await fetch(this.#origin + path, {
      method,
      headers: this.headers,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status: response.status, body: await response.json() };
  }

  coverage(): Promise<CoverageSnapshot> {
    return this.get(consolePaths.coverage);
  }

  /** Follows the events until `signal` aborts. */
  async follow(
    since: string | undefined,
    onEvent: (event: ConsoleEvent) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const query = since === undefined ? '' : `?since=${encodeURIComponent(since)}`;
    const url = this.#origin + consolePaths.events + query;
    const response = await fetch(url, { headers: this.headers, signal });
    const reader = new EventReader();
    const decoder = new TextDecoder();
    try {
      for await (const chunk of response.body ?? [])
        for (const event of reader.push(decoder.decode(chunk as Uint8Array, { stream: true })))
          onEvent(event);
    } catch (thrown) {
      if (!signal.aborted) throw thrown;
    }
  }

  /** Asks again and again until it is as wished, for ten seconds at most. */
  async until<T>(ask: () => Promise<T>, isSo: (answer: T) => boolean): Promise<T> {
    const endMs = Date.now() + 10_000;
    for (;;) {
      const answer = await ask();
      if (isSo(answer)) return answer;
      if (Date.now() > endMs)
        throw new TypeError(`not in time: ${JSON.stringify(answer).slice(0, 2_000)}`);
      await wait(50);
    }
  }
}

export async function exchange(origin: string, token: string): Promise<ConsoleAnswer> {
  const response = await fetch(origin + consolePaths.session, {
    method: 'POST',
    headers: { origin, 'sec-fetch-site': 'same-origin', 'content-type': 'application/json' },
    body: JSON.stringify({ token }),
  });
  return { status: response.status, body: await response.json() };
}
