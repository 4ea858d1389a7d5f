/**
 * The body of a review: bytes become a value, within limits of memory and of uninterrupted time.
 * A body is counted while it arrives; large bodies are read, and heavy ones parsed, one at a time.
 */
import type { IncomingMessage } from 'node:http';
import { setImmediate as nextRound } from 'node:timers/promises';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Log } from '#kernel/observe.ts';
import { BodyScan, type BodyFault } from './body-scan.ts';
import { BodyStore } from './body-store.ts';
import { HttpRefusal } from './http-refusal.ts';
import { jsonFault } from '#kernel/json-fault.ts';
import type { Limits } from './limits.ts';
import { ParseTurns } from './turns.ts';

/** Bytes initially allocated for a body of unknown length. */
const firstBytes = 65_536;
/** Bytes within which the place of a JSON syntax error is searched for. */
const maxSearchedBytes = 65_536;

export interface BodyOptions {
  readonly limits: Limits;
  readonly log: Log;
  /** Called for each body that was cut off, because it arrived too slowly while others waited. */
  readonly cut: () => void;
}

interface Exchange {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
}

interface Body {
  readonly bytes: Buffer;
  readonly weight: number;
}

export class BodyReader {
  readonly #options: BodyOptions;
  readonly #store: BodyStore;
  readonly #reading: ParseTurns;
  readonly #working: ParseTurns;

  constructor(options: BodyOptions) {
    this.#options = options;
    this.#store = new BodyStore(options.limits.maxArrivingBytes);
    this.#reading = new ParseTurns(options.limits.maxLargeWaiting);
    this.#working = new ParseTurns(options.limits.maxHeavyWaiting);
  }

  /** Large bodies that wait for their turn. */
  get waiting(): number {
    return this.#reading.waiting;
  }

  /** @throws {HttpRefusal} 400, 413, 503 */
  async read(exchange: Exchange): Promise<unknown> {
    const { limits } = this.#options;
    const announced = announcedBytes(exchange.request);
    if (announced !== undefined && announced > limits.maxBodyBytes) throw tooLong(limits);
    const isLarge = announced === undefined || announced >= limits.largeBodyBytes;
    const { bytes, weight } = isLarge
      ? await this.#readLarge(exchange)
      : await this.#readSmall(exchange, announced);
    exchange.request.bodyBytes = bytes.length;
    if (bytes.length === 0)
      throw new HttpRefusal(400, 'the body is empty; send an AdmissionReview as JSON');
    if (!isLarge && weight <= limits.heavyWeight) return parsed(bytes.toString('utf8'));
    return this.#parseAlone(bytes, exchange);
  }

  async #readSmall(exchange: Exchange, bytes: number): Promise<Body> {
    const cut = this.#cutter(exchange, 'body cut off, newer ones needed its memory');
    const release = this.#store.take({ bytes, cut });
    exchange.reply.raw.once('close', release);
    try {
      return await collect(exchange.request.raw, { bytes, limits: this.#options.limits });
    } finally {
      release();
    }
  }

  async #readLarge(exchange: Exchange): Promise<Body> {
    const { limits } = this.#options;
    const leave = await this.#turn(this.#reading, exchange, 'large');
    const unwatch = this.#watch(exchange);
    try {
      const bytes = announcedBytes(exchange.request) ?? firstBytes;
      return await collect(exchange.request.raw, { bytes, limits });
    } finally {
      unwatch();
      leave();
    }
  }

  /** Cuts a large body that takes too long, or hardly makes progress while others wait. */
  #watch(exchange: Exchange): () => void {
    const { limits } = this.#options;
    const cut = this.#cutter(exchange, 'large body arrived too slowly, connection cut');
    const { socket } = exchange.request.raw;
    let before = socket.bytesRead;
    const look = setInterval(() => {
      const arrived = socket.bytesRead - before;
      before += arrived;
      if (arrived < limits.largeWindowBytes && this.#reading.waiting > 0) cut();
    }, limits.largeWindowMs);
    const end = setTimeout(cut, limits.largeReadMs);
    return () => {
      clearInterval(look);
      clearTimeout(end);
    };
  }

  /** Yields in between, so that others are served too; the turn ends with the answer. */
  async #parseAlone(bytes: Buffer, exchange: Exchange): Promise<unknown> {
    exchange.request.leaveTurn = await this.#turn(this.#working, exchange, 'heavy');
    await nextRound();
    const text = bytes.toString('utf8');
    await nextRound();
    const value = parsed(text);
    await nextRound();
    return value;
  }

  #turn(turns: ParseTurns, { request, reply }: Exchange, what: string): Promise<() => void> {
    return new Promise((resolve, reject) => {
      const full = new HttpRefusal(
        503,
        `too many ${what} reviews are waiting already; try again shortly`,
      );
      const leave = turns.enter({
        address: request.ip,
        begin: () => {
          resolve(() => leave?.());
        },
        refuse: () => {
          reject(full);
        },
      });
      if (leave === undefined) reject(full);
      reply.raw.once('close', () => {
        leave?.();
        reject(gone());
      });
    });
  }

  #cutter({ request }: Exchange, message: string): () => void {
    return () => {
      this.#options.log.warn({ remote: request.ip }, message);
      this.#options.cut();
      request.raw.destroy();
    };
  }
}

function announcedBytes(request: FastifyRequest): number | undefined {
  const text = request.headers['content-length'];
  return text === undefined ? undefined : Number(text);
}

function tooLong({ maxBodyBytes }: Limits): HttpRefusal {
  return new HttpRefusal(413, `the body exceeds the limit of ${maxBodyBytes} bytes`);
}

function gone(): HttpRefusal {
  return new HttpRefusal(400, 'the connection ended before the body did');
}

interface Room {
  /** Expected length. */
  readonly bytes: number;
  readonly limits: Limits;
}

/** Copies what arrives into one piece: a thousand chunks of one byte would each hold a buffer of their own. */
function collect(stream: IncomingMessage, { bytes, limits }: Room): Promise<Body> {
  let buffer: Buffer = Buffer.allocUnsafeSlow(bytes);
  let length = 0;
  let fault: HttpRefusal | undefined;
  let hasEnded = false;
  const scan = new BodyScan({ maxDepth: limits.maxDepth, maxWeight: limits.maxWeight });
  const take = (chunk: Buffer): void => {
    length += chunk.length;
    // Read to its end and discarded, so that the sender is listening when the answer comes.
    if (fault !== undefined) return;
    fault = faultOf(length > limits.maxBodyBytes ? 'too_long' : scan.add(chunk), limits);
    if (fault !== undefined) buffer = Buffer.alloc(0);
    else {
      if (length > buffer.length) buffer = grown(buffer, length);
      chunk.copy(buffer, length - chunk.length);
    }
  };
  return new Promise((resolve, reject) => {
    stream.on('data', (chunk: Buffer) => {
      take(chunk);
      // A sender that never ends gets its answer now.
      if (fault !== undefined && length > limits.maxBodyBytes) reject(fault);
    });
    stream.once('end', () => {
      hasEnded = true;
      if (fault === undefined) resolve({ bytes: buffer.subarray(0, length), weight: scan.weight });
      else reject(fault);
    });
    for (const event of ['close', 'error'])
      stream.once(event, () => {
        // An error that nobody is told of costs its stack all the same.
        if (!hasEnded) reject(gone());
      });
  });
}

function grown(buffer: Buffer, length: number): Buffer {
  const larger = Buffer.allocUnsafeSlow(Math.max(length, buffer.length * 2));
  buffer.copy(larger);
  return larger;
}

function faultOf(
  fault: BodyFault | 'too_long' | undefined,
  limits: Limits,
): HttpRefusal | undefined {
  switch (fault) {
    case undefined:
      return undefined;
    case 'too_long':
      return tooLong(limits);
    case 'too_deep':
      return new HttpRefusal(
        400,
        `the body nests objects and lists more than ${limits.maxDepth} levels deep, which is the limit`,
      );
    case 'too_many_values':
      return new HttpRefusal(
        413,
        `the body has more than ${limits.maxWeight} values, the limit; a key that gives an object a new shape counts as nine`,
      );
    default:
      return fault satisfies never;
  }
}

/** @throws {HttpRefusal} 400 */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // V8's message quotes the text, which may hold anything; ours only says where.
    const where = text.length <= maxSearchedBytes ? `: ${jsonFault(text)}` : '';
    throw new HttpRefusal(400, `the body is not JSON${where}`);
  }
}
