/** The words and operators of a shell script, as far as its meaning is known without running it (POSIX sh, with bash's redirections). */
import type { Text, Unknown } from './partial-text.ts';

/** A part of a word. */
export type WordPart = { readonly isQuoted: boolean } & (
  | { readonly kind: 'text'; readonly text: string }
  /** `$NAME`, `${NAME}` or `${NAME:-something}`. */
  | { readonly kind: 'variable'; readonly name: string }
  | { readonly kind: 'unknown'; readonly unknown: Unknown }
);

export type ShellToken =
  | { readonly kind: 'word'; readonly parts: readonly WordPart[] }
  | { readonly kind: 'operator' | 'redirection'; readonly text: string };

export type Lexed =
  | {
      readonly kind: 'tokens';
      readonly tokens: readonly ShellToken[];
      /** Scripts of command substitutions. */
      readonly inside: readonly string[];
    }
  /** Half a sentence: what of it is not followed. */
  | { readonly kind: 'beyond'; readonly why: string };

/** Stands for an unknown part; no argument of a program can hold it. */
const mark = '\0';

const operator = /<<<?-?|<\(|>\(|;;&?|;&|&>>?|\|\||&&|\|&|>>|>&|<&|>\||<>|[;&|()<>\n]/y;
const plainRun = /[^\s\\'"$`;&|()<>\0]+/y;
const quotedRun = /[^\\"$`\0]+/y;
const variable = /\$(?:([A-Za-z_]\w*)|\{([A-Za-z_]\w*)(?::?-[^}'"$`\\{\0]*)?\})/y;
const endsWord = /[ \t\n;&|()<>]/;
const expands = /[$`\0]/;
/** A program called envoy inside a command substitution. */
const runsEnvoy = /(?:^|[\s;&|(/`])envoy(?:[\s;&|)`]|$)/;

/** Cost: linear in the script's length. */
export function lexScript(script: Text): Lexed {
  return new Lexer(script).read();
}

class Lexer {
  readonly #text: string;
  readonly #unknowns: readonly Unknown[];
  readonly #tokens: ShellToken[] = [];
  readonly #inside: string[] = [];
  #parts: WordPart[] = [];
  #at = 0;
  #marks = 0;
  #beyond: string | undefined;

  constructor(script: Text) {
    this.#text = script.map((piece) => (typeof piece === 'string' ? piece : mark)).join('');
    this.#unknowns = script.filter((piece) => typeof piece !== 'string');
    const several = this.#unknowns.find(({ isPlain }) => !isPlain);
    if (several !== undefined)
      this.#stop(`${several.why}, and its value becomes part of the script`);
    const known = script.filter((piece) => typeof piece === 'string');
    if (known.some((piece) => piece.includes(mark))) this.#stop('it holds a NUL character');
  }

  read(): Lexed {
    while (this.#beyond === undefined && this.#at < this.#text.length) this.#readOne();
    return this.#beyond === undefined
      ? { kind: 'tokens', tokens: this.#tokens, inside: this.#inside }
      : { kind: 'beyond', why: this.#beyond };
  }

  #stop(why: string): void {
    this.#beyond ??= why;
  }

  #take(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text);
    if (found === null) return undefined;
    this.#at += found[0].length;
    return found;
  }

  #readOne(): void {
    const here = this.#text[this.#at];
    if (here === ' ' || here === '\t') this.#at += 1;
    else if (this.#text.startsWith('\\\n', this.#at)) this.#at += 2;
    else if (here === '#') this.#at = this.#find('\n', this.#text.length);
    else if (/[;&|()<>\n]/.test(here ?? '')) this.#readOperator();
    else this.#readWord();
  }

  #find(text: string, otherwise: number): number {
    const at = this.#text.indexOf(text, this.#at);
    return at === -1 ? otherwise : at;
  }

  #readOperator(): void {
    const text = this.#take(operator)?.[0] ?? '';
    if (text.startsWith('<<')) this.#stop('it holds a here-document');
    else if (text.endsWith('(') && text !== '(') this.#stop('it holds a process substitution');
    else if (text.startsWith(';') && text !== ';') this.#stop('it holds a case');
    const isRedirection = /[<>]/.test(text);
    this.#tokens.push({ kind: isRedirection ? 'redirection' : 'operator', text });
  }

  #readWord(): void {
    this.#parts = [];
    while (this.#beyond === undefined && this.#at < this.#text.length) {
      if (endsWord.test(this.#text[this.#at] ?? '')) break;
      this.#readPart();
    }
    const next = this.#text[this.#at] ?? '';
    if (next === '(') this.#stop('it defines a function or an array');
    // A number right before a redirection is a file descriptor.
    if (/[<>]/.test(next) && isNumber(this.#parts)) return;
    this.#tokens.push({ kind: 'word', parts: this.#parts });
  }

  #readPart(): void {
    const here = this.#text[this.#at] ?? '';
    if (here === '\\') this.#readBackslash();
    else if (here === "'") this.#readSingle();
    else if (here === '"') this.#readDouble();
    else if (expands.test(here)) this.#readExpansion(false);
    else this.#push(this.#take(plainRun)?.[0] ?? here, false);
  }

  #readBackslash(): void {
    const next = this.#text[this.#at + 1] ?? '\\';
    if (next !== '\n') this.#push(next, true);
    this.#at += 2;
  }

  #readSingle(): void {
    const end = this.#text.indexOf("'", this.#at + 1);
    if (end === -1) this.#stop('a quotation mark is not closed');
    this.#push(this.#text.slice(this.#at + 1, end), true);
    this.#at = end + 1;
  }

  #readDouble(): void {
    this.#at += 1;
    this.#push('', true);
    while (this.#beyond === undefined && this.#text[this.#at] !== '"') {
      const here = this.#text[this.#at];
      if (here === undefined) this.#stop('a quotation mark is not closed');
      else if (here === '\\') this.#readEscape();
      else if (expands.test(here)) this.#readExpansion(true);
      else this.#push(this.#take(quotedRun)?.[0] ?? here, true);
    }
    this.#at += 1;
  }

  #readEscape(): void {
    const next = this.#text[this.#at + 1] ?? '';
    if (next !== '\n') this.#push(/["$`\\]/.test(next) ? next : `\\${next}`, true);
    this.#at += 2;
  }

  #readExpansion(isQuoted: boolean): void {
    if (this.#text[this.#at] === mark) {
      const unknown = this.#unknowns[this.#marks];
      this.#marks += 1;
      this.#at += 1;
      if (unknown !== undefined) this.#parts.push({ kind: 'unknown', unknown, isQuoted });
      return;
    }
    const found = this.#take(variable);
    const name = found?.[1] ?? found?.[2];
    if (name !== undefined) this.#parts.push({ kind: 'variable', name, isQuoted });
    else this.#readOther(isQuoted);
  }

  /** Command substitution, arithmetic, positional parameters and the rest: each an unknown. */
  #readOther(isQuoted: boolean): void {
    const start = this.#at;
    const next = this.#text[start + 1] ?? '';
    if (!this.#skipOther(next)) {
      if (!isQuoted && /['"]/.test(next)) this.#stop(`it quotes with $${next}`);
      this.#at = start + 1;
      this.#push('$', isQuoted);
      return;
    }
    const shown = this.#text.slice(start, this.#at);
    if (runsEnvoy.test(shown)) this.#stop('it starts an Envoy inside a substitution');
    this.#keepInside(shown);
    if (/^\$\(\([^=]*=/.test(shown)) this.#stop('arithmetic of it sets a variable');
    const what = shown.length <= 3 ? shown : 'a substitution';
    const why = `${what} in its script is known only when it runs`;
    const isOneWord = isQuoted && next !== '@';
    this.#parts.push({ kind: 'unknown', unknown: { why, isPlain: false, isOneWord }, isQuoted });
  }

  #keepInside(shown: string): void {
    const opener = /^(?:`|\$\((?!\())/.exec(shown)?.[0];
    if (opener !== undefined) this.#inside.push(shown.slice(opener.length, -1));
  }

  /** False where nothing is expanded. */
  #skipOther(next: string): boolean {
    if (this.#text[this.#at] === '`') this.#skipTo('`', this.#at + 1);
    else if (next === '(') this.#skipParentheses();
    else if (next === '{') this.#skipTo('}', this.#at + 2);
    else if (/[@*#?$!\d-]/.test(next)) this.#at += 2;
    else return false;
    return true;
  }

  #skipTo(closer: string, from: number): void {
    const end = this.#text.indexOf(closer, from);
    const inside = this.#text.slice(from, end === -1 ? undefined : end);
    if (end === -1) this.#stop('an expansion is not closed');
    else if (/['"\\$`{\0]/.test(inside)) this.#stop('an expansion holds another one');
    this.#at = end + 1;
  }

  #skipParentheses(): void {
    let depth = 0;
    for (this.#at += 1; this.#at < this.#text.length; this.#at += 1) {
      const here = this.#text[this.#at] ?? '';
      if (/['"\\`#\0]/.test(here)) break;
      if (here === '(') depth += 1;
      if (here === ')') depth -= 1;
      if (depth === 0) break;
    }
    if (depth !== 0) this.#stop('a command substitution holds quotation marks, or is not closed');
    this.#at += 1;
  }

  #push(text: string, isQuoted: boolean): void {
    this.#parts.push({ kind: 'text', text, isQuoted });
  }
}

function isNumber([only, second]: readonly WordPart[]): boolean {
  return second === undefined && only?.kind === 'text' && !only.isQuoted && /^\d+$/.test(only.text);
}
