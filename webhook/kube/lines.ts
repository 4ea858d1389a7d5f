/** A stream of bytes as lines of text. */
import { AppError } from '#kernel/errors.ts';

/** Bytes; the largest object that etcd accepts is 1.5 MiB, its JSON may be several times larger. */
const maxLineBytes = 16 * 1024 * 1024;
const lineFeed = 0x0a;

/** Gathers chunks; calls back for each whole, non-empty line. What follows the last line feed is dropped. */
export class Lines {
  readonly #onLine: (line: string) => void;
  #parts: Buffer[] = [];
  #bytes = 0;

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine;
  }

  /** @throws {AppError} CLUSTER_UNREACHABLE when a line is over 16 MiB */
  push(chunk: Buffer): void {
    let begin = 0;
    for (let end = chunk.indexOf(lineFeed); end !== -1; end = chunk.indexOf(lineFeed, begin)) {
      this.#keep(chunk.subarray(begin, end));
      begin = end + 1;
      this.#flush();
    }
    this.#keep(chunk.subarray(begin));
  }

  #keep(part: Buffer): void {
    if (part.length === 0) return;
    this.#bytes += part.length;
    if (this.#bytes > maxLineBytes) {
      throw new AppError('CLUSTER_UNREACHABLE', `a watch event exceeds ${maxLineBytes} bytes`);
    }
    this.#parts.push(part);
  }

  #flush(): void {
    const line = Buffer.concat(this.#parts).toString('utf8');
    this.#parts = [];
    this.#bytes = 0;
    if (line !== '') this.#onLine(line);
  }
}
