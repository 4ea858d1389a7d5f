/**
 * Reads the flat part of HCL 1 in which the tutorial's helper is configured: `key = "text"` or `key = 9010`, comments by
 * `#`, `//` and block comments. Anything nested is refused, with its place.
 * @see docs/adr/0093-the-tutorials-conf-is-read-by-a-reader-of-ours.md
 */
import { AppError } from '#kernel/errors.ts';

/** A value, and where its key stands. */
export interface HclEntry {
  readonly key: string;
  readonly value: string | number | boolean;
  /** Both from 1. */
  readonly line: number;
  readonly column: number;
}

const token =
  /(?<space>[ \t\r]+)|(?<newline>\n)|(?<comment>#[^\n]*|\/\/[^\n]*|\/\*[^]*?\*\/)|(?<text>"(?:[^"\\\n]|\\.)*")|(?<number>-?\d+)(?![\w.])|(?<word>[A-Za-z_][\w.-]*)|(?<sign>[=:,;])/y;

type Kind = 'newline' | 'text' | 'number' | 'word' | 'sign';
interface Token {
  readonly kind: Kind;
  readonly text: string;
  readonly at: number;
}

/** @param where names the file in messages. @throws {AppError} CONFIG_INVALID with line and column */
export function readHcl(source: string, where: string): readonly HclEntry[] {
  const reader = new HclReader(source, where);
  return reader.entries();
}

class HclReader {
  readonly #source: string;
  readonly #where: string;
  readonly #tokens: readonly Token[];
  #next = 0;

  constructor(source: string, where: string) {
    this.#source = source.startsWith('\uFEFF') ? source.slice(1) : source;
    this.#where = where;
    this.#tokens = this.#tokenize();
  }

  entries(): readonly HclEntry[] {
    const found = new Map<string, HclEntry>();
    for (let key = this.#key(); key !== undefined; key = this.#key()) {
      const entry = this.#entry(key);
      const first = found.get(entry.key);
      if (first !== undefined)
        throw this.#fault(key.at, `"${entry.key}" is set twice, first in line ${first.line}`);
      found.set(entry.key, entry);
    }
    return [...found.values()];
  }

  #tokenize(): readonly Token[] {
    const tokens: Token[] = [];
    let at = 0;
    while (at < this.#source.length) {
      token.lastIndex = at;
      const match = token.exec(this.#source);
      if (match === null) throw this.#fault(at, this.#explain(at));
      const kind = kindOf(match.groups ?? {});
      if (kind !== undefined) tokens.push({ kind, text: match[0], at });
      at = token.lastIndex;
    }
    return tokens;
  }

  /** Says why nothing fits at a place. */
  #explain(at: number): string {
    const rest = this.#source.slice(at);
    if (rest.startsWith('"')) return 'the string has no closing quote on its line';
    if (rest.startsWith('/*')) return 'the comment has no end';
    if (rest.startsWith('{')) return 'blocks are not known here: the file is a list of key = value';
    if (rest.startsWith('['))
      return 'lists are not known here: a value is a text or a whole number';
    if (rest.startsWith('<<')) return 'here-documents are not known here';
    return 'expected key = value';
  }

  /** The token that begins the next entry; line ends and separators before it mean nothing. */
  #key(): Token | undefined {
    for (;;) {
      const next = this.#tokens[this.#next];
      if (next?.kind !== 'newline' && next?.text !== ',' && next?.text !== ';') return next;
      this.#next += 1;
    }
  }

  #entry(key: Token): HclEntry {
    if (key.kind !== 'word' && key.kind !== 'text') throw this.#fault(key.at, 'expected a key');
    const name = key.kind === 'text' ? this.#unquote(key) : key.text;
    const [, sign, value, after] = this.#tokens.slice(this.#next, this.#next + 4);
    if (!isSign(sign, /^[=:]$/)) throw this.#faultAt(sign, `expected = after "${name}"`);
    if (value === undefined || endsEntry(value))
      throw this.#faultAt(value, `"${name}" has no value`);
    if (after !== undefined && !endsEntry(after))
      throw this.#faultAt(after, `expected the end of the line after the value of "${name}"`);
    this.#next += 3;
    return { key: name, value: this.#value(value), ...this.#place(key.at) };
  }

  #faultAt(token: Token | undefined, words: string): AppError {
    return this.#fault(token?.at ?? this.#source.length, words);
  }

  #value(value: Token): string | number | boolean {
    if (value.kind === 'text') return this.#unquote(value);
    if (value.kind === 'number') return this.#number(value);
    if (value.text === 'true' || value.text === 'false') return value.text === 'true';
    throw this.#fault(value.at, `a string must be in quotes: "${value.text}"`);
  }

  /** HCL 1 reads a leading zero as octal; a port written so is a mistake. */
  #number(value: Token): number {
    if (/^-?0\d/.test(value.text))
      throw this.#fault(
        value.at,
        'a number with a leading zero would be octal: leave the zero out',
      );
    return Number(value.text);
  }

  /** The escapes of HCL are those of JSON, and an apostrophe or a TAB needs none. */
  #unquote(value: Token): string {
    try {
      const text: unknown = JSON.parse(value.text.replaceAll('\t', '\\t'));
      return String(text);
    } catch (cause) {
      throw this.#fault(value.at, 'the string has an unknown escape sequence', cause);
    }
  }

  #place(at: number): { line: number; column: number } {
    const before = this.#source.slice(0, at);
    const line = before.split('\n').length;
    return { line, column: at - before.lastIndexOf('\n') };
  }

  #fault(at: number, words: string, cause?: unknown): AppError {
    const { line, column } = this.#place(at);
    return new AppError('CONFIG_INVALID', `${this.#where}:${line}:${column}: ${words}`, { cause });
  }
}

function isSign(token: Token | undefined, pattern: RegExp): boolean {
  return token !== undefined && pattern.test(token.text);
}

function endsEntry({ kind }: Token): boolean {
  return kind === 'newline' || kind === 'sign';
}

function kindOf(groups: Readonly<Record<string, string | undefined>>): Kind | undefined {
  const kinds: readonly Kind[] = ['newline', 'text', 'number', 'word', 'sign'];
  return kinds.find((kind) => groups[kind] !== undefined);
}
