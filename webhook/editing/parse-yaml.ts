/** Parses a text into the parser's own document, lexeme by lexeme, and no further than the limits allow. */
import { CST, Composer, type Document, Lexer, Parser } from 'yaml';
import { TextFault, tooMuch } from './text-fault.ts';
import {
  type TextLimits,
  collectionCount,
  maxBlankTimesComments,
  maxNesting,
} from './text-limits.ts';

const options = {
  keepSourceTokens: true,
  merge: true,
  logLevel: 'silent',
  // The parser compares all pairs of keys; the reader finds duplicates in one pass.
  uniqueKeys: false,
  // Tags with which the parser would produce other values than Kubernetes and Envoy do.
  resolveKnownTags: false,
} as const;

/** The first document of the text, or an empty one. @throws {TextFault} */
export function parseYaml(text: string, limits: TextLimits): Document.Parsed {
  const parser = new Parser();
  const composer = new Composer(options);
  const meter = new Meter(limits);
  const found: Document.Parsed[] = [];
  for (const lexeme of new Lexer().lex(text)) {
    meter.count(lexeme);
    for (const token of parser.next(lexeme)) found.push(...composer.next(token));
  }
  for (const token of parser.end()) found.push(...composer.next(token));
  found.push(...composer.end(true, text.length));
  const [document] = found;
  const [error] = document?.errors ?? [];
  if (error !== undefined) throw new TextFault(error.pos[0], error.message, 'text_unparsable');
  // Told to, the composer gives one document at least.
  if (document === undefined) throw new TypeError('the parser gave no document');
  return document;
}

type TokenType = ReturnType<typeof CST.tokenType>;

/** Lexemes that are a value, or begin one, and their weight; plain and block scalars are recognized elsewhere. */
const valuesAt: ReadonlyMap<TokenType, number> = new Map([
  ['alias', 1],
  ['double-quoted-scalar', 1],
  ['flow-map-start', collectionCount],
  ['flow-seq-start', collectionCount],
  ['single-quoted-scalar', 1],
]);

/** Refuses a text as soon as its lexemes say that it would cost too much. */
class Meter {
  readonly #limits: TextLimits;
  #offset = 0;
  #lineStart = 0;
  #tokens = 0;
  #values = 0;
  #isScalarNext = false;
  /** Columns at which the open block collections begin, and whatever else this line holds. */
  readonly #columns: number[] = [];
  #brackets = 0;
  #blanks = 0;
  #comments = 0;

  constructor(limits: TextLimits) {
    this.#limits = limits;
  }

  count(lexeme: string): void {
    const isScalar = this.#isScalarNext;
    this.#isScalarNext = false;
    const type = isScalar ? 'scalar' : CST.tokenType(lexeme);
    if (type === 'scalar' && !isScalar) {
      // A mark that says that the next lexeme is a scalar; it stands for no text.
      this.#isScalarNext = true;
      return;
    }
    if (type === 'flow-error-end') this.#brackets = 0;
    if (type === 'flow-error-end' || type === 'doc-mode') return;
    this.#charge(isScalar ? 1 : (valuesAt.get(type) ?? 0));
    this.#weigh(type);
    this.#offset += lexeme.length;
    const newline = lexeme.lastIndexOf('\n');
    if (newline !== -1) this.#lineStart = this.#offset - lexeme.length + newline + 1;
  }

  /** One more token, which begins so many values. */
  #charge(values: number): void {
    const { maxTokens, maxValues } = this.#limits;
    this.#tokens += 1;
    this.#values += values;
    if (this.#tokens > maxTokens) throw tooMuch(this.#offset, maxTokens, 'words and marks');
    if (this.#values > maxValues) throw tooMuch(this.#offset, maxValues, 'keys and values');
  }

  #weigh(type: TokenType): void {
    if (type === 'comment') this.#comments += 1;
    else if (type === 'newline' || type === 'space') this.#blanks += this.#comments === 0 ? 1 : 0;
    else {
      this.#blanks = 0;
      this.#comments = 0;
      this.#nest(type);
    }
    if (this.#blanks * this.#comments > maxBlankTimesComments) {
      throw new TextFault(
        this.#offset,
        'too many blank lines and comments in a row; remove some',
        'too_many_blank_lines',
      );
    }
  }

  #nest(type: TokenType): void {
    if (type === 'flow-map-start' || type === 'flow-seq-start') this.#brackets += 1;
    else if (type === 'flow-map-end' || type === 'flow-seq-end') {
      this.#brackets = Math.max(0, this.#brackets - 1);
    } else if (this.#brackets === 0) {
      const column = this.#offset - this.#lineStart;
      while ((this.#columns.at(-1) ?? -1) >= column) this.#columns.pop();
      this.#columns.push(column);
    }
    if (this.#columns.length + this.#brackets <= maxNesting) return;
    throw new TextFault(
      this.#offset,
      `more than ${maxNesting} levels are nested here; write it flatter`,
      'nested_too_deep',
    );
  }
}
