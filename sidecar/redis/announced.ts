/**
 * What a server says that it is going to send, seen before the client's library makes room for all of it: a list of thirty
 * million members takes twelve bytes to announce. @see RESP3 specification, "Aggregate data types overview"
 */
import { RedisFlood } from './redis-faults.ts';

/** Members of lists that have not come to their end; more than fit in the bytes that are taken in at once. */
const mostMembers = 1_000_000;
/** Bytes of what is no text of a stated length: errors have fewer than a thousand, and long numbers cost their length squared. */
const longestLine = 4_096;

const carriageReturn = 0x0d;
const minus = 0x2d;
/** What stands behind a number of bytes: text, error, text with a format. */
const texts: ReadonlySet<number> = new Set(Buffer.from('$!='));
/** Members for each that is announced: lists, sets, pushes; a map's are keys and values. */
const lists: ReadonlyMap<number, number> = new Map([
  ...[...Buffer.from('*~>')].map((type) => [type, 1] as const),
  ['%'.charCodeAt(0), 2],
]);

export class Announced {
  #members = 0;
  /** Of the line that is read; 0 between two. */
  #type = 0;
  #lineBytes = 0;
  #number = 0;
  #isNegative = false;
  /** Bytes that say nothing: texts, and the ends of lines. */
  #skipped = 0;

  /** All that was announced has come. */
  reset(): void {
    this.#members = 0;
  }

  /** @throws {RedisFlood} */
  take(chunk: Buffer): void {
    for (let at = 0; at < chunk.length; at += 1) {
      if (this.#skipped > 0) {
        const step = Math.min(this.#skipped, chunk.length - at);
        this.#skipped -= step;
        at += step - 1;
      } else this.#takeByte(chunk[at] ?? 0);
    }
  }

  #takeByte(byte: number): void {
    if (this.#type === 0) {
      this.#type = byte;
      this.#lineBytes = 0;
      this.#number = 0;
      this.#isNegative = false;
    } else if (byte === carriageReturn) this.#endLine();
    else {
      this.#lineBytes += 1;
      if (this.#lineBytes > longestLine) throw new RedisFlood();
      if (byte === minus) this.#isNegative = true;
      this.#number = this.#number * 10 + byte - 0x30;
    }
  }

  #endLine(): void {
    const count = this.#isNegative ? 0 : this.#number;
    this.#skipped = 1;
    if (texts.has(this.#type) && !this.#isNegative) this.#skipped += count + 2;
    this.#members += count * (lists.get(this.#type) ?? 0);
    this.#type = 0;
    if (this.#members > mostMembers) throw new RedisFlood();
  }
}
