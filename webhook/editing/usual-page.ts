/**
 * A text in usual YAML while it is read, and what stands in it besides lists and maps: line ends, comments, scalars.
 * Whatever is not usual throws {@link Unusual}: the parser decides then.
 */
import type { Json } from '#kernel/json.ts';
import { coreScalar } from './core-scalar.ts';
import type { Dialect } from './document-text.ts';
import { envoyPlain } from './envoy-scalar.ts';
import { kubernetesScalar } from './kubernetes-scalar.ts';
import type { SourceScalar } from './source-tree.ts';
import type { DocumentSpan } from './split-documents.ts';
import { keyText } from './token-places.ts';
import { type TextLimits, maxBlankTimesComments } from './text-limits.ts';

/** Says nothing about a text but that the parser must read it. */
export class Unusual extends Error {}

/** A document's own text, without what stands around it. */
export interface UsualText {
  readonly text: string;
  /** Offset of the document, which all places of the tree count from. */
  readonly base: number;
  readonly limits: TextLimits;
  readonly dialect: Dialect;
}

/** Codes of characters. */
export const code = {
  tab: 9,
  lineFeed: 10,
  space: 32,
  doubleQuote: 34,
  hash: 35,
  quote: 39,
  comma: 44,
  dash: 45,
  colon: 58,
  openList: 91,
  backslash: 92,
  closeList: 93,
  openMap: 123,
  bar: 124,
  closeMap: 125,
  greater: 62,
} as const;

/** How a plain scalar does not begin here: indicators, some of which could, and white space that is no space. */
const noPlainStart = /[\t\n ,[\]{}#&*!|>'"%@`?:]/;

export class UsualPage {
  readonly text: string;
  readonly base: number;
  readonly #limits: TextLimits;
  readonly dialect: Dialect;
  /** Where reading goes on. */
  at = 0;
  /** Of the line that {@link nextLine} found: where it begins, and how far in its first character is; -1 at the end. */
  lineStart = 0;
  column = 0;
  #tokens = 0;
  #values = 0;

  constructor({ text, base, limits, dialect }: UsualText) {
    this.text = text;
    this.base = base;
    this.#limits = limits;
    this.dialect = dialect;
  }

  /** Counts as the parser's meter does, or more. @param tokens words, marks, line ends, runs of white space */
  charge(tokens: number, values: number): void {
    this.#tokens += tokens;
    this.#values += values;
    const { maxTokens, maxValues } = this.#limits;
    if (this.#tokens > maxTokens || this.#values > maxValues) throw new Unusual();
  }

  /** The character at an offset; NaN after the end. */
  codeAt(offset: number): number {
    return this.text.charCodeAt(offset);
  }

  /** Whether a line ends here, or a space stands here. */
  isGap(offset: number): boolean {
    const char = this.codeAt(offset);
    return char === code.space || char === code.lineFeed || offset >= this.text.length;
  }

  skipSpaces(): void {
    while (this.codeAt(this.at) === code.space) this.at += 1;
  }

  /** To a comment or the end of the line, where nothing but spaces may come before. @returns whether it is a comment */
  #isAtComment(): boolean {
    const start = this.at;
    this.skipSpaces();
    const char = this.codeAt(this.at);
    if (char === code.hash && (this.at > start || start === this.lineStart)) return true;
    if (char !== code.lineFeed && this.at < this.text.length) throw new Unusual();
    return false;
  }

  /** From the start of the text to the first line that has more than a comment. */
  firstLine(): void {
    this.skipSpaces();
    const char = this.codeAt(this.at);
    if (char === code.hash || char === code.lineFeed || this.at >= this.text.length) {
      this.at = 0;
      this.nextLine();
    } else this.column = this.at;
  }

  /** From the end of a value to the next line that has more than a comment. */
  nextLine(): void {
    const { text } = this;
    let blanks = 2;
    let comments = 0;
    let isComment = this.#isAtComment();
    for (;;) {
      if (isComment) comments += 1;
      else if (comments === 0) blanks += 2;
      if (blanks * comments > maxBlankTimesComments) throw new Unusual();
      this.charge(4, 0);
      const end = text.indexOf('\n', this.at);
      if (end === -1) {
        this.at = text.length;
        this.column = -1;
        return;
      }
      this.at = this.lineStart = end + 1;
      this.skipSpaces();
      const char = this.codeAt(this.at);
      isComment = char === code.hash;
      if (!isComment && char !== code.lineFeed && this.at < text.length) break;
    }
    this.column = this.at - this.lineStart;
  }

  scalar(span: DocumentSpan, what: Pick<SourceScalar, 'value' | 'style'>): SourceScalar {
    this.charge(2, 1);
    const start = this.base + span.start;
    const { value, style } = what;
    return {
      kind: 'scalar',
      outer: start,
      start,
      end: this.base + span.end,
      value,
      style,
      anchor: undefined,
    };
  }

  /** Where nothing is written. */
  nothing(offset: number): SourceScalar {
    return this.scalar({ start: offset, end: offset }, { value: null, style: 'empty' });
  }

  plainValue(text: string): Json {
    if (this.dialect === 'kubernetes') return kubernetesScalar(text);
    return this.dialect === 'envoy' ? envoyPlain(text) : coreScalar(text);
  }

  /** The name that a plain key has. */
  plainKey(text: string): string {
    if (text === '<<') throw new Unusual();
    const value = this.plainValue(text);
    if (value === null) throw new Unusual();
    return this.dialect === 'envoy' ? text : keyText(value);
  }

  /** Whether a plain scalar may begin here. */
  isPlainStart(): boolean {
    const { text, at } = this;
    const char = text[at];
    if (char === undefined || noPlainStart.test(char)) return false;
    if (char !== '-' && char !== '.') return true;
    // Marks of an entry, of a document's start and of its end.
    return !this.isGap(at + 1) && !text.startsWith('---', at) && !text.startsWith('...', at);
  }

  requirePlainStart(): void {
    if (!this.isPlainStart()) throw new Unusual();
  }

  isQuote(offset: number): boolean {
    const char = this.codeAt(offset);
    return char === code.doubleQuote || char === code.quote;
  }

  /** Of the plain scalar at `at`: its line's end, a comment, a colon that ends a key, or a mark of the list or map around it. */
  plainStop(isFlow: boolean): number {
    for (let at = this.at; at < this.text.length; at += 1) {
      const char = this.codeAt(at);
      const isLetter = (char > 96 && char < 123) || (char > 63 && char < 91);
      if (!isLetter && (this.#endsPlain(at, char) || (isFlow && this.#endsInFlow(at, char))))
        return at;
    }
    return this.text.length;
  }

  #endsPlain(at: number, char: number): boolean {
    if (char === code.tab) throw new Unusual();
    if (char === code.colon) return this.isGap(at + 1);
    if (char === code.hash) return this.codeAt(at - 1) === code.space;
    return char === code.lineFeed;
  }

  #endsInFlow(at: number, char: number): boolean {
    if (char === code.openList || char === code.openMap) throw new Unusual();
    if (char !== code.comma && char !== code.closeList && char !== code.closeMap) return false;
    if (this.codeAt(at - 1) === code.colon) throw new Unusual();
    return true;
  }

  /** The end of a plain scalar without the spaces before what follows it. */
  trimmed(start: number, stop: number): number {
    let end = stop;
    while (end > start && this.codeAt(end - 1) === code.space) end -= 1;
    return end;
  }
}
