/**
 * Services that are asked over HTTP whether a request is banned: GET with the request's Authorization and Cookie headers.
 * Only an answer of 200 with `pass: false` is a ban. Every question has an end, and so has their number.
 */
import type { Agent, ClientRequest, IncomingMessage, request as httpRequest } from 'node:http';
import { isObject } from '#kernel/json.ts';
import { own } from '#kernel/members.ts';
import type { BanAnswer, BanService } from '../authz/ban-rule.ts';
import type { HttpBanStore } from '../config/ban-settings.ts';
import { KeptInUse } from './kept-in-use.ts';

/** Bytes of an answer; a longer one is not what was agreed on. */
const maxAnswerBytes = 16_384;
/** Said of an idle connection, to whatever is asked on it next. @see RFC 9110 §15.5.9 */
const timedOut = 408;

type Headers = Readonly<Record<string, string>>;

/** How a question ends. */
interface Ends {
  readonly settle: (answer: BanAnswer) => void;
  /** The connection ended before an answer had come whole. @param isReused it was used before */
  readonly lose: (fault: Error, isReused: boolean) => void;
}

export class BanServices {
  readonly #held = new KeptInUse<AskedService>();

  /** @see KeptInUse.settingUp */
  settingUp<T>(setUp: () => T): T {
    return this.#held.settingUp(setUp);
  }

  at(store: HttpBanStore): BanService {
    return this.#held.get(JSON.stringify(store), () => new AskedService(store));
  }

  close(): void {
    this.#held.close();
  }
}

class AskedService implements BanService {
  readonly #store: HttpBanStore;
  readonly #agent: Agent;
  readonly #request: typeof httpRequest;
  #asking = 0;

  constructor(store: HttpBanStore) {
    this.#store = store;
    const isTls = new URL(store.http).protocol === 'https:';
    const options = { keepAlive: true, maxSockets: store.connections };
    // Loaded here: most helpers ask nobody, and would hold it for life.
    const http = process.getBuiltinModule(isTls ? 'node:https' : 'node:http');
    this.#agent = new http.Agent(options);
    this.#request = http.request;
  }

  async ask(asked: Parameters<BanService['ask']>[0]): Promise<BanAnswer> {
    if (this.#asking >= this.#store.connections) return 'store_busy';
    this.#asking += 1;
    try {
      return await this.#answerTo(asked);
    } catch {
      // Whatever failed: the service has said nothing.
      return 'store_away';
    } finally {
      this.#asking -= 1;
    }
  }

  close(): void {
    this.#agent.destroy();
  }

  #answerTo(asked: Parameters<BanService['ask']>[0]): Promise<BanAnswer> {
    const headers = headersOf(asked);
    return new Promise((resolve, reject) => {
      let isOver = false;
      const settle = (answer: BanAnswer): void => {
        isOver = true;
        clearTimeout(deadline);
        resolve(answer);
        // An answer that came whole leaves the connection for the next question.
        if (answer === 'store_slow') request.destroy();
      };
      const lose = (fault: Error, isReused: boolean): void => {
        if (isOver) return;
        // The service has ended an idle connection just then, which tells nothing: asked once more, over one of its own.
        if (isReused) request = this.#send(headers, false, { settle, lose });
        else {
          clearTimeout(deadline);
          reject(fault);
        }
      };
      let request = this.#send(headers, this.#agent, { settle, lose });
      const deadline = setTimeout(() => {
        settle('store_slow');
      }, this.#store.deadlineMs);
    });
  }

  #send(headers: Headers, agent: Agent | false, { settle, lose }: Ends): ClientRequest {
    let isLost = false;
    const onLost = (fault: Error): void => {
      if (!isLost) lose(fault, sent.reusedSocket);
      isLost = true;
    };
    const sent = this.#request(this.#store.http, { agent, headers }, (response) => {
      if (response.statusCode !== timedOut) answerIn(response).then(settle, onLost);
      else {
        response.on('error', () => undefined).resume();
        onLost(new Error('the service has ended an idle connection'));
      }
    });
    sent.on('error', onLost);
    sent.end();
    return sent;
  }
}

function headersOf({ authorization, cookies }: Parameters<BanService['ask']>[0]): Headers {
  return {
    accept: 'application/json',
    'content-type': 'application/json; charset=utf-8',
    ...(authorization === '' ? {} : { authorization }),
    // Each value has a separator behind it.
    ...(cookies === '' ? {} : { cookie: cookies.slice(0, -2) }),
  };
}

/** @throws where it does not come whole */
async function answerIn(response: IncomingMessage): Promise<BanAnswer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response) {
    // Without an encoding, all chunks are bytes.
    const bytes = chunk as Buffer;
    length += bytes.length;
    if (length > maxAnswerBytes) return 'store_away';
    chunks.push(bytes);
  }
  if (response.statusCode !== 200) return 'store_away';
  const value = parsed(Buffer.concat(chunks).toString('utf8'));
  if (value === undefined) return 'store_away';
  return isObject(value) && own(value, 'pass') === false ? 'banned' : 'not_banned';
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
