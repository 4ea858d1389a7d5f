/**
 * Envoy's command line, taken apart as Envoy 1.40 does it (TCLAP with a space between option and value, also inside one word).
 * Tested against the real one: test/integration/envoy-reads.test.ts.
 */
import { knownStart, knownText, shownText, unknownIn, type Text } from './partial-text.ts';

export interface EnvoyOptions {
  readonly configPath: Text | undefined;
  readonly configYaml: Text | undefined;
  /** Default: `serve`. */
  readonly mode: Text;
  /** The path is given as `--config-path=PATH`, which Envoy itself does not accept. */
  readonly hasEqualsSign: boolean;
}

export type ReadOptions = { readonly kind: 'options'; readonly options: EnvoyOptions } | Unreadable;

interface Unreadable {
  readonly kind: 'unreadable';
  /** Half a sentence that begins with what is wrong. */
  readonly why: string;
}

/** Options without a value; any other one takes the next word. */
const switches = new Set([
  '--allow-unknown-fields',
  '--allow-unknown-static-fields',
  '--cpuset-threads',
  '--disable-hot-restart',
  '--enable-core-dump',
  '--enable-fine-grain-logging',
  '--enable-mutex-tracing',
  '--help',
  '--hot-restart-version',
  '--ignore-unknown-dynamic-fields',
  '--log-format-escaped',
  '--log-stacktrace-single-entry',
  '--reject-unknown-dynamic-fields',
  '--skip-deprecated-logs',
  '--skip-hot-restart-on-no-parent',
  '--skip-hot-restart-parent-stats',
  '--use-dynamic-base-id',
  '--version',
  '-h',
]);

/** Those that matter here, by each of their names. */
const wanted: ReadonlyMap<string, Key> = new Map([
  ['-c', 'configPath'],
  ['--config-path', 'configPath'],
  ['--config-yaml', 'configYaml'],
  ['--mode', 'mode'],
]);

type Key = 'configPath' | 'configYaml' | 'mode';

export function readOptions(words: readonly Text[]): ReadOptions {
  const given = optionsIn(words);
  if ('kind' in given) return given;
  const found = new Map<Key, Text>();
  let hasEqualsSign = false;
  for (const { name, value, separator } of given) {
    const key = wanted.get(name);
    if (key === undefined || value === undefined) continue;
    if (found.has(key)) return unreadable(`its option ${name} is given twice, which Envoy refuses`);
    found.set(key, value);
    hasEqualsSign ||= key === 'configPath' && separator === '=';
  }
  return { kind: 'options', options: optionsOf(found, hasEqualsSign) };
}

/** Each with its value. */
function optionsIn(words: readonly Text[]): readonly Option[] | Unreadable {
  const options: Option[] = [];
  for (let at = 0; at < words.length; at += 1) {
    const option = optionOf(words[at] ?? []);
    if (option === 'end') break;
    if (option === 'nothing') continue;
    if ('kind' in option) return option;
    if (option.value !== undefined || switches.has(option.name)) {
      options.push(option);
      continue;
    }
    at += 1;
    const fault = faultOf(option.name, words[at]);
    if (fault !== undefined) return fault;
    options.push({ ...option, value: words[at] });
  }
  return options;
}

function faultOf(name: string, value: Text | undefined): Unreadable | undefined {
  if (value === undefined) return unreadable(`its option ${name} has no value`);
  return mayBeSeveral(value) ? severalWords(value) : undefined;
}

function optionsOf(found: ReadonlyMap<Key, Text>, hasEqualsSign: boolean): EnvoyOptions {
  return {
    configPath: nonEmpty(found.get('configPath')),
    configYaml: nonEmpty(found.get('configYaml')),
    mode: found.get('mode') ?? ['serve'],
    hasEqualsSign,
  };
}

function mayBeSeveral(text: Text): boolean {
  return text.some((piece) => typeof piece !== 'string' && !piece.isOneWord);
}

interface Option {
  readonly name: string;
  readonly separator: string;
  /** Undefined where the next word is it, if any is. */
  readonly value: Text | undefined;
}

function optionOf(word: Text): Option | Unreadable | 'end' | 'nothing' {
  if (mayBeSeveral(word)) return severalWords(word);
  const whole = knownText(word);
  if (whole === '--') return 'end';
  if (whole === '' || whole === '-') return 'nothing';
  return joinedOption(word) ?? plainOption(word, whole);
}

/** Option and value in one word. */
function joinedOption(word: Text): Option | undefined {
  const [, name, separator] = /^(-[^ =]+)([ =])/.exec(knownStart(word)) ?? [];
  if (name === undefined || separator === undefined) return undefined;
  return { name, separator, value: nonEmpty(withoutStart(word, name.length + 1)) };
}

function plainOption(word: Text, whole: string | undefined): Option | Unreadable {
  if (whole === undefined)
    return unreadable(`a word of its command line is not known: ${unknownIn(word)?.why ?? ''}`);
  if (whole.startsWith('-')) return { name: whole, separator: '', value: undefined };
  return unreadable(
    `the word "${whole}" of its command line is neither an option nor a value, and Envoy refuses it`,
  );
}

function withoutStart(word: Text, length: number): Text {
  let left = length;
  return word.map((piece) => {
    if (typeof piece !== 'string' || left === 0) return piece;
    const rest = piece.slice(left);
    left -= piece.length - rest.length;
    return rest;
  });
}

/** Envoy treats an empty value as absent. */
function nonEmpty(text: Text | undefined): Text | undefined {
  return text === undefined || knownText(text) === '' ? undefined : text;
}

function severalWords(word: Text): Unreadable {
  const { why = '', instead = 'put it in double quotes' } = unknownIn(word) ?? {};
  return unreadable(
    `"${shownText(word)}" of its command line may be several words: ${why}; ${instead}`,
  );
}

function unreadable(why: string): Unreadable {
  return { kind: 'unreadable', why };
}
