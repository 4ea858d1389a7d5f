/** What a container runs: whether that is Envoy, and with which arguments; through shells and programs that only start another one. */
import { isArray, stringAt, type JsonObject } from '#kernel/json.ts';
import { environmentOf, type Environment } from './environment.ts';
import { readOptions, type EnvoyOptions } from './envoy-options.ts';
import { startsOf, wrappers, type Starts } from './programs.ts';
import { readScript } from './shell-script.ts';
import { knownStart, knownText, whyUnknown, type Text } from './partial-text.ts';

export type Started =
  | {
      readonly kind: 'envoy';
      readonly options: EnvoyOptions;
      /** Its working directory; undefined = that of the image. */
      readonly directory: string | undefined;
      /** Paths that its script names. */
      readonly paths: readonly string[];
      /** Half sentences: what else its script runs, that may start an Envoy too. */
      readonly beside: readonly string[];
    }
  /** Not set in the pod: the image's own command. */
  | { readonly kind: 'image' }
  | {
      readonly kind: 'unknown';
      /** Half a sentence after "container X:". */
      readonly why: string;
      readonly starts: Starts;
      /** It starts more than one Envoy. */
      readonly isSeveral: boolean;
      /** Paths that its script or command line names. */
      readonly paths: readonly string[];
    };

type Unknown = Extract<Started, { kind: 'unknown' }>;

interface Place {
  readonly directory: string | undefined;
  readonly environment: Environment;
  /** Shells inside shells. */
  readonly depth: number;
}

/** Nested shells that are followed. */
const maxDepth = 3;
/** Programs that start the next one: `tini -- su-exec envoy …` has two. */
const maxWrappers = 16;
const shells = new Set(['sh', 'bash', 'ash', 'dash', 'ksh', 'zsh']);
/** In a script that is not taken apart. */
const namesEnvoy = /(?:^|[\s/])envoy(?:\s|$)/;
const entryPoint = 'docker-entrypoint.sh';
export function startedBy(container: JsonObject): Started {
  const environment = environmentOf(container);
  const command = wordsAt(container, 'command', environment);
  const args = wordsAt(container, 'args', environment);
  if (command === undefined || args === undefined)
    return unknown('its command is not a list of strings');
  const workingDir = stringAt(container, 'workingDir');
  const place: Place = {
    directory: workingDir === '' ? undefined : workingDir,
    environment,
    depth: 0,
  };
  if (command.length > 0) return unwrap([...command, ...args], place);
  const [first] = args;
  if (first === undefined) return { kind: 'image' };
  // Envoy's images take options as Envoy's, and anything else as a command.
  return knownStart(first).startsWith('-') ? envoy(args, place) : unwrap(args, place);
}

/** Undefined when it is not a list of strings. */
function wordsAt(
  container: JsonObject,
  key: 'command' | 'args',
  { expand }: Environment,
): readonly Text[] | undefined {
  const words = container[key] ?? [];
  if (!isArray(words) || !words.every((word) => typeof word === 'string')) return undefined;
  return words.map((word) => expand(word));
}

function unknown(
  why: string,
  more: Partial<Pick<Unknown, 'starts' | 'paths' | 'isSeveral'>> = {},
): Started {
  return { kind: 'unknown', why, starts: 'anything', isSeveral: false, paths: [], ...more };
}

function envoy(args: readonly Text[], { directory }: Place): Started {
  const read = readOptions(args);
  return read.kind === 'options'
    ? { kind: 'envoy', options: read.options, directory, paths: [], beside: [] }
    : unknown(read.why, { starts: 'envoy' });
}

function unwrap(words: readonly Text[], place: Place): Started {
  let rest = words;
  let { environment } = place;
  for (let count = 0; count < maxWrappers; count += 1) {
    const [first = [], ...after] = rest;
    const path = knownText(first);
    if (path === undefined)
      return unknown(`the program that it runs is not known: ${whyUnknown(first)}`);
    const program = path.slice(path.lastIndexOf('/') + 1);
    if (program === 'envoy' || isEntryPoint(program, after)) return envoy(after, place);
    if (shells.has(program)) return shell(after, { ...place, environment });
    if (program === 'env') environment = hiding(environment, after);
    const next = afterWrapper(program, after);
    if (next === undefined) return another(path, program, after);
    rest = next;
  }
  return unknown('it starts its program through too many others');
}

/** A program that is not followed. */
function another(path: string, program: string, after: readonly Text[]): Started {
  const words = after.map(knownText);
  return unknown(`it runs "${path}", and what that starts cannot be seen`, {
    starts: startsOf(program, words),
    paths: words.flatMap((word) => (word?.startsWith('/') === true ? [word] : [])),
  });
}

/** The script of Envoy's own images: it treats options as Envoy's. */
function isEntryPoint(program: string, [first]: readonly Text[]): boolean {
  return program === entryPoint && knownStart(first ?? []).startsWith('-');
}

/** Undefined for a program that is not a wrapper. */
function afterWrapper(program: string, after: readonly Text[]): readonly Text[] | undefined {
  if (program === entryPoint) return after;
  if (program === 'env') return after.slice(assignmentsIn(after).length);
  const wrapper = wrappers.get(program);
  return wrapper && afterOptions(after, wrapper.valued).slice(wrapper.words);
}

function afterOptions(words: readonly Text[], valued: readonly string[]): readonly Text[] {
  let at = 0;
  while (at < words.length) {
    const word = knownText(words[at] ?? []) ?? '';
    if (word === '--') return words.slice(at + 1);
    if (!word.startsWith('-')) break;
    at += valued.includes(word) ? 2 : 1;
  }
  return words.slice(at);
}

/** Names that `env NAME=value program` sets. */
function assignmentsIn(words: readonly Text[]): readonly string[] {
  const names = words.map((word) => /^([A-Za-z_]\w*)=/.exec(knownStart(word))?.[1]);
  const end = names.indexOf(undefined);
  return names.slice(0, end === -1 ? names.length : end).filter((name) => name !== undefined);
}

/** Values that are not followed further. */
function hiding(environment: Environment, words: readonly Text[]): Environment {
  const names = new Set(assignmentsIn(words));
  if (names.size === 0) return environment;
  const set = (name: string): Text => [
    { why: `env sets ${name}`, isPlain: false, isOneWord: true },
  ];
  return {
    ...environment,
    value: (name) => (names.has(name) ? set(name) : environment.value(name)),
  };
}

function shell(words: readonly Text[], place: Place): Started {
  const script = scriptOf(words);
  if (script === undefined)
    return unknown('it runs a shell script, and what that starts cannot be seen');
  if (place.depth >= maxDepth) return unknown('it runs shells inside shells');
  const read = readScript(script, place);
  if (read.kind === 'beyond')
    return unknown(`its script is more complex than svidecar can follow: ${read.why}`, {
      starts: namesEnvoy.test(knownStart(script)) ? 'envoy' : 'anything',
    });
  const all = read.commands.map((command) =>
    unwrap(command.words, { ...command, depth: place.depth + 1 }),
  );
  return together(all, read.paths);
}

/** What the commands of a script start between them. */
function together(all: readonly Started[], paths: readonly string[]): Started {
  const known = all.filter((each) => each.kind !== 'image').filter((each) => !onlyValidates(each));
  const [found, second] = known.filter(isEnvoy);
  if (second !== undefined)
    return unknown('its script starts Envoy more than once', {
      starts: 'envoy',
      isSeveral: true,
      paths,
    });
  const open = known.flatMap((each) =>
    each.kind === 'unknown' && !isEnvoy(each) && each.starts !== 'nothing' ? [each] : [],
  );
  if (found === undefined) {
    const isNear = open.some(({ starts }) => starts === 'perhaps_envoy');
    const starts = isNear ? 'perhaps_envoy' : open.length > 0 ? 'anything' : 'nothing';
    const cause = open[0] === undefined ? '' : `: ${open[0].why}`;
    return unknown(`its script starts no Envoy that can be seen${cause}`, { starts, paths });
  }
  if (found.kind === 'unknown') return { ...found, paths };
  return { ...found, paths, beside: [...found.beside, ...open.map(({ why }) => why)] };
}

function isEnvoy(started: Started): boolean {
  return started.kind === 'envoy' || (started.kind === 'unknown' && started.starts === 'envoy');
}

/** The script of `sh -c SCRIPT`; undefined where there is none. */
function scriptOf(words: readonly Text[]): Text | undefined {
  let isScript = false;
  for (let at = 0; at < words.length; at += 1) {
    const word = knownText(words[at] ?? []);
    if (word === undefined || !/^[-+]/.test(word)) return isScript ? words[at] : undefined;
    // Options that leave the meaning of a script as it is.
    const letters = /^[-+]([abefhuvxilc]*)(o?)$/.exec(word);
    if (letters === null) return undefined;
    if (letters[1]?.includes('c') === true) isScript = true;
    if (letters[2] === 'o') at += 1;
  }
  return undefined;
}

/** An Envoy that checks a configuration, or sets itself up, and ends: it serves no traffic. */
export function onlyValidates(started: Started): boolean {
  if (started.kind !== 'envoy') return false;
  const mode = knownText(started.options.mode);
  return mode === 'validate' || mode === 'init_only';
}
