/**
 * The commands that a shell script runs, each with its words as far as they are known. Invariant: a word that is given
 * as known is what the shell expands it to, whichever way the script takes.
 */
import type { Environment } from './environment.ts';
import { lexScript, type WordPart, type ShellToken } from './shell-words.ts';
import { knownText, unknownIn, type Text, type Unknown } from './partial-text.ts';

export interface ShellCommand {
  readonly words: readonly Text[];
  /** Where it runs; undefined = not known. */
  readonly directory: string | undefined;
  /** What it sees of the variables. */
  readonly environment: Environment;
}

export type Script =
  | {
      readonly kind: 'commands';
      readonly commands: readonly ShellCommand[];
      /** Every path in it, as a word or after a redirection. */
      readonly paths: readonly string[];
    }
  /** Half a sentence: what of it is not followed. */
  | { readonly kind: 'beyond'; readonly why: string };

interface Word {
  readonly parts: readonly WordPart[];
}

/** A command before its variables are filled in. */
interface RawCommand {
  readonly words: readonly Word[];
}

const openers = new Set(['if', 'then', 'else', 'elif', 'do', 'while', 'until', '!', '{', 'time']);
const closers = new Set(['fi', 'done', '}']);
const beyondKeywords = new Set(['case', 'select', 'function', 'coproc']);
/** After these the rest of the script can mean anything. */
const beyondCommands = new Set(['eval', 'source', '.', 'alias', 'enable']);
const declarers = new Set(['export', 'readonly', 'local', 'declare', 'typeset']);
const setters = new Set(['read', 'unset', 'getopts', 'mapfile', 'readarray', 'printf', 'let']);
/** What precedes a command and runs it. */
const prefixes = new Set(['exec', 'command', 'builtin', 'nohup']);
const movers = new Set(['cd', 'pushd', 'popd']);
const assignment = /^([A-Za-z_]\w*)(\+?)=/;

export function readScript(
  script: Text,
  start: Pick<ShellCommand, 'directory' | 'environment'>,
): Script {
  const lexed = lexScript(script);
  if (lexed.kind === 'beyond') return lexed;
  const { commands, isStraight, loops, isBeyond } = grouped(lexed.tokens);
  if (isBeyond) return { kind: 'beyond', why: 'it holds more than simple commands and loops' };
  const state = new State(start, isStraight);
  for (const name of loops) state.forget(name);
  if (!isStraight) for (const name of assignedIn(commands)) state.forget(name);
  const run: ShellCommand[] = [];
  for (const command of commands) {
    const done = state.run(command);
    if (done.kind === 'beyond') return done;
    if (done.kind === 'command') run.push(done.command);
  }
  for (const inside of lexed.inside) run.push(state.shell([inside]));
  return { kind: 'commands', commands: run, paths: pathsIn(lexed.tokens) };
}

function pathsIn(tokens: readonly ShellToken[]): readonly string[] {
  return tokens.flatMap((token) => {
    const text = token.kind === 'word' ? textOf(token) : undefined;
    return text?.startsWith('/') === true ? [text] : [];
  });
}

/** The word's text where it has no expansions. */
function textOf(word: Word | undefined): string | undefined {
  const texts = word?.parts.map((part) => (part.kind === 'text' ? part.text : undefined));
  return texts?.every((text) => text !== undefined) === true ? texts.join('') : undefined;
}

/** The same for a word without quotation marks: only such a one can be a keyword. */
function plainWord(word: Word | undefined): string | undefined {
  return word?.parts.some(({ isQuoted }) => isQuoted) === true ? undefined : textOf(word);
}

interface Grouped {
  readonly commands: readonly RawCommand[];
  /** Each command runs at most once, after all before it. */
  readonly isStraight: boolean;
  /** Variables of `for` loops. */
  readonly loops: readonly string[];
  /** It has functions, or other constructs that are not followed. */
  readonly isBeyond: boolean;
}

function grouped(tokens: readonly ShellToken[]): Grouped {
  const commands: RawCommand[] = [];
  const loops: string[] = [];
  const flow = new Flow();
  let isBeyond = false;
  let words: Word[] = [];
  const end = (operator: string): void => {
    const { rest, isKeyword } = withoutKeywords(words);
    const name = plainWord(rest[0]);
    // A parenthesis behind a word begins a function's body.
    if (beyondKeywords.has(name ?? '') || (operator === '(' && rest.length > 0)) isBeyond = true;
    if (name === 'for') loops.push(textOf(rest[1]) ?? '');
    else if (rest.length > 0) commands.push({ words: rest });
    flow.pass(operator, { isKeyword: isKeyword || name === 'for', isEmpty: words.length === 0 });
    words = [];
  };
  let isTarget = false;
  for (const token of tokens) {
    if (token.kind === 'operator') end(token.text);
    else if (token.kind === 'word' && !isTarget) words.push(token);
    isTarget = token.kind === 'redirection';
  }
  end('');
  return { commands, loops, isStraight: flow.isStraight, isBeyond };
}

/** Whether a script goes one way only: each command runs after all before it, or none after it does. */
class Flow {
  isStraight = true;
  #hasCondition = false;
  #isOver = false;

  pass(operator: string, seen: { readonly isKeyword: boolean; readonly isEmpty: boolean }): void {
    // What follows `a && b;` runs also where b did not.
    if (seen.isKeyword || (this.#isOver && !seen.isEmpty)) this.isStraight = false;
    if (operator === '&&') this.#hasCondition = true;
    else if (operator === ';' || operator === '\n') this.#isOver ||= this.#hasCondition;
    else if (operator !== '') this.isStraight = false;
  }
}

function withoutKeywords(words: readonly Word[]): {
  readonly rest: readonly Word[];
  readonly isKeyword: boolean;
} {
  let at = 0;
  while (openers.has(plainWord(words[at]) ?? '')) at += 1;
  if (closers.has(plainWord(words[at]) ?? '')) return { rest: [], isKeyword: true };
  return { rest: words.slice(at), isKeyword: at > 0 };
}

/** Names of the variables that a script may set. */
function assignedIn(commands: readonly RawCommand[]): readonly string[] {
  return commands.flatMap(({ words }) => {
    const texts = words.map(({ parts }) => (parts[0]?.kind === 'text' ? parts[0].text : ''));
    const isSetter = texts.some((text) => setters.has(text));
    return texts.flatMap((text) => assignment.exec(text)?.[1] ?? (isSetter ? text : []));
  });
}

type Done =
  | { readonly kind: 'command'; readonly command: ShellCommand }
  | { readonly kind: 'nothing' }
  | { readonly kind: 'beyond'; readonly why: string };

const nothing: Done = { kind: 'nothing' };
const setsUnknown: Done = { kind: 'beyond', why: 'it sets variables whose names are not known' };

/** Variables and directory of the shell, from command to command. */
class State {
  readonly #environment: Environment;
  /** Of the script; undefined = not known. */
  readonly #variables = new Map<string, Text | undefined>();
  readonly #isStraight: boolean;
  #directory: string | undefined;

  constructor(
    { directory, environment }: Pick<ShellCommand, 'directory' | 'environment'>,
    isStraight: boolean,
  ) {
    this.#directory = directory;
    this.#environment = environment;
    this.#isStraight = isStraight;
  }

  forget(name: string): void {
    this.#variables.set(name, undefined);
  }

  run({ words }: RawCommand): Done {
    const first = words.findIndex((word) => !isAssignment(word));
    const assignments = words.slice(0, first === -1 ? words.length : first);
    const fields = words.slice(assignments.length).flatMap((word) => this.#fieldsOf(word));
    if (fields.length === 0) return this.#assign(assignments);
    const name = knownText(fields[0] ?? []) ?? '';
    if (declarers.has(name)) return this.#declare(words.slice(assignments.length + 1));
    const done = this.#runBuiltin(name, fields);
    if (done !== undefined) return done;
    const run = withoutPrefixes(fields);
    if (run.length === 0) return nothing;
    const hidden = assignments.map((word) => assignment.exec(startOf(word))?.[1] ?? '');
    return {
      kind: 'command',
      command: {
        words: run,
        directory: this.#directory,
        environment: this.#seenBy(hidden),
      },
    };
  }

  /** Undefined for a program. */
  #runBuiltin(name: string, fields: readonly Text[]): Done | undefined {
    if (beyondCommands.has(name)) return { kind: 'beyond', why: `it uses "${name}"` };
    if (name === 'trap') return this.#trap(fields);
    if (movers.has(name)) return this.#move(name, fields);
    if (!setters.has(name)) return undefined;
    return this.#forgetNamed(name, fields.slice(1));
  }

  #forgetNamed(command: string, fields: readonly Text[]): Done {
    for (const field of fields) {
      const name = /^[A-Za-z_]\w*/.exec(knownText(field) ?? '')?.[0];
      if (name !== undefined) this.forget(name);
      else if (unknownIn(field) !== undefined && command !== 'printf') return setsUnknown;
    }
    return nothing;
  }

  #declare(words: readonly Word[]): Done {
    const isPlain = words.every((word) => /^[A-Za-z_]\w*(?:\+?=|$)/.test(startOf(word)));
    return isPlain ? this.#assign(words) : setsUnknown;
  }

  #assign(words: readonly Word[]): Done {
    for (const word of words) {
      const found = assignment.exec(startOf(word));
      const [whole = '', name, plus] = found ?? [];
      if (name === undefined) continue;
      const value = this.#textOf(withoutStart(word, whole.length));
      this.#variables.set(name, plus === '' && this.#isStraight ? value : undefined);
    }
    return nothing;
  }

  #move(name: string, fields: readonly Text[]): Done {
    const to = fields.length === 2 && name === 'cd' ? knownText(fields[1] ?? []) : undefined;
    // A relative one depends on CDPATH, and "-" on what was before.
    const isPlain = to?.startsWith('/') === true && this.#isStraight;
    this.#directory = isPlain ? to : undefined;
    return nothing;
  }

  /** What runs when a signal comes. */
  #trap(fields: readonly Text[]): Done {
    const isHarmless = fields.every((field) => knownText(field)?.includes('envoy') === false);
    if (!isHarmless) return { kind: 'beyond', why: 'a trap of it may start an Envoy' };
    const action = fields[1] ?? [];
    if (/^-?$|^-[lp]/.test(knownText(action) ?? '')) return nothing;
    return { kind: 'command', command: this.shell(action) };
  }

  /** A script of its own, run at a time that is not known. */
  shell(script: Text): ShellCommand {
    const words = [['sh'], ['-c'], script];
    return { words, directory: undefined, environment: this.#seenBy([]) };
  }

  /** What a program sees that this shell starts: which of its variables are exported, and when they are set, is not followed. */
  #seenBy(hidden: readonly string[]): Environment {
    const { value } = this.#environment;
    const isSet = (name: string): boolean => this.#variables.has(name) || hidden.includes(name);
    return {
      ...this.#environment,
      value: (name) => (isSet(name) ? [setByScript(name)] : value(name)),
    };
  }

  #valueOf(name: string): Text {
    if (this.#variables.has(name)) return this.#variables.get(name) ?? [setByScript(name)];
    const isPlain = name === 'HOSTNAME';
    const why = `$${name} is not among the variables that the pod sets`;
    return this.#environment.value(name) ?? [{ why, isPlain, isOneWord: true }];
  }

  /** As one word: in an assignment nothing is split. */
  #textOf(word: Word): Text {
    return word.parts.flatMap((part): Text => {
      if (part.kind === 'text') return part.isQuoted ? [part.text] : [tilde(part.text)];
      return part.kind === 'unknown' ? [part.unknown] : this.#valueOf(part.name);
    });
  }

  /** Unquoted values are split at white space. */
  #fieldsOf(word: Word): readonly Text[] {
    // A program of that name, and no pattern, which would need a "]" in the same word.
    if (plainWord(word) === '[') return [['[']];
    const fields = new Fields();
    for (const part of word.parts) {
      if (part.kind === 'text') fields.add(part.isQuoted ? part.text : unpatterned(part.text));
      else if (part.kind === 'unknown')
        fields.add(part.isQuoted ? part.unknown : loose(part.unknown));
      else fields.addAll(this.#valueOf(part.name), part.isQuoted);
    }
    return fields.all;
  }
}

/** The fields that one word expands to: usually one. */
class Fields {
  readonly all: (string | Unknown)[][] = [];
  #isOpen = false;

  add(piece: string | Unknown): void {
    if (!this.#isOpen) this.all.push([]);
    this.#isOpen = true;
    this.all.at(-1)?.push(piece);
  }

  addAll(text: Text, isQuoted: boolean): void {
    for (const piece of text) {
      if (isQuoted) this.add(piece);
      else this.addSplit(piece);
    }
  }

  addSplit(piece: string | Unknown): void {
    if (typeof piece !== 'string') {
      this.add(loose(piece));
      return;
    }
    for (const stretch of piece.match(/[ \t\n]+|[^ \t\n]+/g) ?? []) {
      if (/^[ \t\n]/.test(stretch)) this.#isOpen = false;
      else this.add(unpatterned(stretch));
    }
  }
}

function startOf({ parts: [first] }: Word): string {
  return first?.kind === 'text' && !first.isQuoted ? first.text : '';
}

function isAssignment(word: Word): boolean {
  return assignment.test(startOf(word));
}

function withoutStart({ parts }: Word, length: number): Word {
  const [first, ...rest] = parts;
  return first?.kind === 'text'
    ? { parts: [{ ...first, text: first.text.slice(length) }, ...rest] }
    : { parts };
}

function setByScript(name: string): Unknown {
  return { why: `its script sets ${name}`, isPlain: false, isOneWord: true };
}

/** Unquoted: split by the shell, unless it has no character to be split at. */
function loose(unknown: Unknown): Unknown {
  return unknown.isPlain ? unknown : { ...unknown, isOneWord: false };
}

/** What the shell itself fills in: names of files, `~`, `{a,b}`. */
function unpatterned(text: string): string | Unknown {
  const isPattern = /[*?[]/.test(text) || (text.includes('{') && text.includes('}'));
  if (!isPattern) return text.startsWith('~') ? tilde(text) : text;
  const why = `the pattern ${text} in its script is filled in only when it runs`;
  const instead = 'write out the name that is meant';
  return { why, isPlain: false, isOneWord: false, instead };
}

function tilde(text: string): string | Unknown {
  if (!text.includes('~')) return text;
  return { why: '"~" in its script depends on the image', isPlain: false, isOneWord: true };
}

/** `exec -a NAME`, `command -p`; nothing where only a name is looked up. */
function withoutPrefixes(fields: readonly Text[]): readonly Text[] {
  let rest = fields;
  for (let name = wordAt(rest); prefixes.has(name); name = wordAt(rest)) {
    rest = rest.slice(1);
    for (let option = wordAt(rest); option.startsWith('-'); option = wordAt(rest)) {
      if (/^-[vV]/.test(option)) return [];
      rest = rest.slice(name === 'exec' && option.includes('a') ? 2 : 1);
    }
  }
  return rest;
}

function wordAt([first = []]: readonly Text[]): string {
  return knownText(first) ?? '';
}
