/** Positions in a text: line and column for people, line ends for edits. Offsets are UTF-16 units. */

import type { FilePlace } from '#kernel/errors.ts';

/** The line and column of an offset, both counted from 1. */
export interface TextPosition {
  readonly line: number;
  readonly column: number;
}

/** A text that knows where its lines begin: computed once, when the first position is looked up. */
export class LinedText {
  readonly text: string;
  readonly #firstLine: number;
  #starts: readonly number[] | undefined;

  /** @param firstLine line of the file at which the text begins */
  constructor(text: string, firstLine = 1) {
    this.text = text;
    this.#firstLine = firstLine;
  }

  positionAt(offset: number): TextPosition {
    const index = this.#lineAt(offset);
    return { line: this.#firstLine + index, column: offset - this.#startOf(index) + 1 };
  }

  lineStartAt(offset: number): number {
    return this.#startOf(this.#lineAt(offset));
  }

  /** Of the line that contains `offset`, its line break included. */
  nextLineStartAt(offset: number): number {
    return this.#lineStarts()[this.#lineAt(offset) + 1] ?? this.text.length + 1;
  }

  /** Index of the last line that begins at or before an offset. */
  #lineAt(offset: number): number {
    const starts = this.#lineStarts();
    let low = 0;
    let high = starts.length;
    while (high - low > 1) {
      const middle = (low + high) >>> 1;
      if (this.#startOf(middle) <= offset) low = middle;
      else high = middle;
    }
    return low;
  }

  #startOf(index: number): number {
    return this.#lineStarts()[index] ?? 0;
  }

  #lineStarts(): readonly number[] {
    if (this.#starts !== undefined) return this.#starts;
    const starts = [0];
    const { text } = this;
    for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1))
      starts.push(at + 1);
    this.#starts = starts;
    return starts;
  }
}

export function placeOf(file: string, text: LinedText, offset: number): FilePlace {
  return { file, ...text.positionAt(offset) };
}

/** The line of `offset` in quotation marks; a long one is cut around it. */
export function excerptAt(text: LinedText, offset: number): string {
  const start = text.lineStartAt(offset);
  const from = Math.max(start, offset - 60);
  const to = Math.min(from + 100, lineEndAt(text, offset));
  return `"${text.text.slice(from, to).trim()}"`;
}

export function lineStartAt(text: LinedText, offset: number): number {
  return text.lineStartAt(offset);
}

/** The end of the line that contains `offset`, before its line break. */
export function lineEndAt(text: LinedText, offset: number): number {
  const newline = text.nextLineStartAt(offset) - 1;
  return newline > offset && text.text[newline - 1] === '\r' && newline < text.text.length
    ? newline - 1
    : newline;
}

/** The end of the line before the one that contains `offset`; the text's start when there is none. */
export function previousLineEndAt(text: LinedText, offset: number): number {
  const start = lineStartAt(text, offset);
  if (start === 0) return 0;
  return text.text[start - 2] === '\r' ? start - 2 : start - 1;
}

/** Columns before `offset` in its line; a byte order mark takes none. */
export function columnAt(text: LinedText, offset: number): number {
  const start = lineStartAt(text, offset);
  return offset - start - (text.text.charCodeAt(start) === 0xfeff ? 1 : 0);
}

/** The spaces and TABs that the line of `offset` begins with. */
export function leadingSpaceAt(text: LinedText, offset: number): string {
  const start = lineStartAt(text, offset);
  let end = start;
  while (text.text[end] === ' ' || text.text[end] === '\t') end += 1;
  return text.text.slice(start, end);
}

/** The first line break of a text; `\n` when it has none. */
export function lineBreakOf(text: string): '\n' | '\r\n' {
  const newline = text.indexOf('\n');
  return newline > 0 && text[newline - 1] === '\r' ? '\r\n' : '\n';
}
