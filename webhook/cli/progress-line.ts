/** How far long work is: one line on standard error, written over in place, and taken away before anything else is printed. */

/** Milliseconds until something is shown: shorter work is done by then. */
const showAfterMs = 500;
/** Milliseconds between two writes: eyes are no faster, and terminals are slow. */
const refreshMs = 100;

/** Of a terminal that does not tell its width. */
const usualColumns = 80;

/**
 * Width of the terminal where such a line belongs; undefined elsewhere: logs of builds, and terminals without a cursor,
 * would keep every state of it.
 */
export function progressColumns(
  stream: { readonly isTTY?: boolean; readonly columns?: number },
  { CI = '', TERM = '' }: Readonly<Record<string, string | undefined>>,
): number | undefined {
  if (stream.isTTY !== true || CI !== '' || TERM === 'dumb') return undefined;
  const { columns = 0 } = stream;
  return columns > 1 ? columns : usualColumns;
}

export interface LineOptions {
  readonly write: (text: string) => void;
  /** Characters of the terminal's width; a longer line would not be written over. */
  readonly columns: number;
  /** Milliseconds since the Unix epoch. */
  readonly now: () => number;
}

/** Shows nothing in its first half second, also where the work leaves no time for timers. */
export class ProgressLine {
  readonly #options: LineOptions;
  #text = '';
  #beganMs: number | undefined;
  #writtenMs = 0;
  #isShown = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: LineOptions) {
    this.#options = options;
  }

  /** @param text one line, without control characters */
  tell(text: string): void {
    const nowMs = this.#options.now();
    this.#text = text;
    if (this.#beganMs === undefined) {
      this.#beganMs = nowMs;
      // Somebody may be waited for who never answers.
      this.#timer = setTimeout(() => {
        this.#draw();
      }, showAfterMs).unref();
    }
    const isEarly = nowMs - this.#beganMs < showAfterMs || nowMs - this.#writtenMs < refreshMs;
    if (!isEarly) this.#draw();
  }

  /** Takes the line away, if there is one. */
  clear(): void {
    clearTimeout(this.#timer);
    this.#beganMs = undefined;
    if (this.#isShown) this.#options.write('\r\u001b[K');
    this.#isShown = false;
  }

  #draw(): void {
    this.#writtenMs = this.#options.now();
    this.#isShown = true;
    this.#options.write(`\r${this.#text.slice(0, this.#options.columns - 1)}\u001b[K`);
  }
}
