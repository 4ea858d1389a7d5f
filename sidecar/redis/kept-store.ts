/** Bans read from and written to the masters of a store, whichever has a key. */
import { AppError } from '#kernel/errors.ts';
import { isArray } from '#kernel/json.ts';
import { maxRecordBytes } from '../config/ban-records.ts';
import type { RedisSettings } from '../config/redis-settings.ts';
import { MasterLinks } from './master-links.ts';
import { errorWord, redirectionIn, storeFault, type Redirection } from './redis-faults.ts';
import { placeText, type RedisLink } from './redis-link.ts';
import type {
  RedisContext,
  RedisReply,
  StoreConnection,
  StoreEvents,
  StoredRecord,
} from './store-connection.ts';

/** Milliseconds for one step of a reading of all. */
const stepWithinMs = 5_000;
/** Of one step: with the longest records, 2 MiB are on their way. */
const keysAtOnce = 128;

/** Never throws: what fails is told to `events`, and none of these is called before it has returned. */
export function openStore(
  settings: RedisSettings,
  events: StoreEvents,
  context: RedisContext,
): StoreConnection {
  return new KeptStore(new MasterLinks(settings, events, context), settings.prefix, context);
}

interface Reading {
  readonly onPiece: (records: readonly StoredRecord[]) => void;
  readonly signal: AbortSignal;
}

class KeptStore implements StoreConnection {
  readonly #links: MasterLinks;
  /** What SCAN takes. */
  readonly #pattern: string;
  readonly #context: RedisContext;

  constructor(links: MasterLinks, prefix: string, context: RedisContext) {
    this.#links = links;
    this.#pattern = `${prefix.replaceAll(/[*?[\]\\]/g, String.raw`\$&`)}*`;
    this.#context = context;
  }

  get name(): string {
    return this.#links.name;
  }

  async readAll(onPiece: Reading['onPiece']): Promise<void> {
    const links = this.#links.all();
    // One that fails ends the others.
    const stop = new AbortController();
    try {
      const reading = { onPiece, signal: stop.signal };
      await Promise.all(links.map((link) => this.#readAllAt(link, reading)));
    } finally {
      stop.abort();
    }
  }

  async read(keys: readonly string[], deadlineMs: number): Promise<readonly (string | null)[]> {
    const { timers } = this.#context;
    const beganMs = timers.now();
    const endMs = beganMs + deadlineMs;
    try {
      return await this.#readWithin(deadlineMs, keys);
    } catch (thrown) {
      // A connection that was lost meanwhile has said nothing, nor has a server that is no master any more.
      if (!(await this.#links.isBackFor({ beganMs, endMs }))) throw thrown;
      return await this.#readWithin(Math.max(1, endMs - timers.now()), keys);
    }
  }

  async #readWithin(
    deadlineMs: number,
    keys: readonly string[],
  ): Promise<readonly (string | null)[]> {
    const { timers } = this.#context;
    const endMs = timers.now() + deadlineMs;
    let leftMs = deadlineMs;
    const values: (string | null)[] = [];
    for (let from = 0; from < keys.length; from += keysAtOnce) {
      values.push(...(await this.#readPiece(keys.slice(from, from + keysAtOnce), leftMs)));
      leftMs = Math.max(1, endMs - timers.now());
    }
    return values;
  }

  async command(key: string, words: readonly string[], deadlineMs: number): Promise<RedisReply> {
    return await this.#askAt(this.#links.forKey(key), words, deadlineMs);
  }

  async #askAt(link: RedisLink, words: readonly string[], deadlineMs: number): Promise<RedisReply> {
    const { timers } = this.#context;
    const beganMs = timers.now();
    try {
      return await link.ask(words, deadlineMs);
    } catch (thrown) {
      const redirection = redirectionIn(thrown);
      if (errorWord(thrown) === 'READONLY' || redirection?.kind === 'moved')
        this.#links.lookNow(link);
      const target = redirection && this.#links.at(targetOf(redirection, link));
      if (redirection === undefined || target === undefined)
        throw storeFault(link.name, thrown, words);
      const leftMs = Math.max(1, deadlineMs - (timers.now() - beganMs));
      return await follow(target, { words, kind: redirection.kind, leftMs });
    }
  }

  close(): Promise<void> {
    return this.#links.close();
  }

  async #readAllAt(link: RedisLink, { onPiece, signal }: Reading): Promise<void> {
    let cursor = '0';
    do {
      const words = ['SCAN', cursor, 'MATCH', this.#pattern, 'COUNT', `${keysAtOnce}`];
      const reply = await asked(link, words, stepWithinMs);
      const [next, found] = isArray(reply) ? reply : [];
      if (typeof next !== 'string' || !isArray(found)) throw strange(link, words);
      const keys = found.filter((key) => typeof key === 'string');
      const values = keys.length === 0 ? [] : await this.read(keys, stepWithinMs);
      if (signal.aborted) return;
      const records = keys.flatMap((key, at) => recordOf(key, values[at]));
      if (records.length > 0) onPiece(records);
      cursor = next;
    } while (cursor !== '0');
  }

  #readPiece(keys: readonly string[], deadlineMs: number): Promise<readonly (string | null)[]> {
    return this.#links.hasSlots
      ? Promise.all(keys.map((key) => this.#readOne(key, deadlineMs)))
      : this.#readTogether(keys, deadlineMs);
  }

  async #readOne(key: string, deadlineMs: number): Promise<string | null> {
    const words = wordsFor(key);
    const link = this.#links.forKey(key);
    const [answer] = await Promise.allSettled([this.#askAt(link, words, deadlineMs)]);
    return valueIn(answer, link, words);
  }

  async #readTogether(
    keys: readonly string[],
    deadlineMs: number,
  ): Promise<readonly (string | null)[]> {
    const link = this.#links.forKey('');
    const answers = await link.askAll(keys.map(wordsFor), deadlineMs).catch((thrown: unknown) => {
      throw storeFault(link.name, thrown, wordsFor(''));
    });
    return answers.map((answer) => valueIn(answer, link, wordsFor('')));
  }
}

/** One byte more than a record has, so that a longer one is told from the longest, and no more of it. */
function wordsFor(key: string): readonly string[] {
  return ['GETRANGE', key, '0', `${maxRecordBytes}`];
}

/** Redis answers with an empty text where nothing is. @see StoreConnection.read */
function valueIn(
  answer: PromiseSettledResult<RedisReply>,
  link: RedisLink,
  words: readonly string[],
): string | null {
  if (answer.status === 'rejected') {
    // A list, a set or the like.
    if (errorWord(answer.reason) === 'WRONGTYPE') return '';
    throw storeFault(link.name, answer.reason, words);
  }
  if (typeof answer.value !== 'string') throw strange(link, words);
  return answer.value === '' ? null : answer.value;
}

async function asked(
  link: RedisLink,
  words: readonly string[],
  deadlineMs: number,
): Promise<RedisReply> {
  try {
    return await link.ask(words, deadlineMs);
  } catch (thrown) {
    throw storeFault(link.name, thrown, words);
  }
}

function recordOf(key: string, value: string | null | undefined): readonly StoredRecord[] {
  return typeof value === 'string' ? [{ key, value }] : [];
}

function strange(link: RedisLink, words: readonly string[]): AppError {
  const says = `answered ${words[0] ?? ''} with something else than expected: is it Redis?`;
  return new AppError('BAN_STORE_UNREACHABLE', `${link.name} ${says}`);
}

function targetOf({ host, port }: Redirection, from: RedisLink): string {
  const own = from.place.kind === 'tcp' ? from.place.host : '';
  return placeText({ kind: 'tcp', host: host ?? own, port });
}

interface Following {
  readonly words: readonly string[];
  readonly kind: Redirection['kind'];
  readonly leftMs: number;
}

/** At another master; a second redirection is not followed. */
async function follow(target: RedisLink, { words, kind, leftMs }: Following): Promise<RedisReply> {
  // Sent one after the other, without a wait between them.
  const allowed = kind === 'ask' ? asked(target, ['ASKING'], leftMs) : undefined;
  const [reply] = await Promise.all([asked(target, words, leftMs), allowed]);
  return reply;
}
