/** What is known of programs by their names: which start another one, which start none, and which start Envoy in ways of their own. */

/** What a program that is not read may start. */
export type Starts =
  | 'envoy'
  /** Its name, or a word of its command line, suggests an Envoy. */
  | 'perhaps_envoy'
  | 'anything'
  /** No program at all, or none that serves. */
  | 'nothing';

/** Programs that start what follows their own options. */
interface Wrapper {
  /** Options with a value of their own. */
  readonly valued: readonly string[];
  /** Words of its own before the program. */
  readonly words: number;
}

const plain: Wrapper = { valued: [], words: 0 };

export const wrappers: ReadonlyMap<string, Wrapper> = new Map([
  ['tini', { valued: ['-p', '-e'], words: 0 }],
  ['tini-static', { valued: ['-p', '-e'], words: 0 }],
  ['docker-init', { valued: ['-p', '-e'], words: 0 }],
  ['dumb-init', { valued: ['-r', '--rewrite'], words: 0 }],
  ['catatonit', plain],
  ['nohup', plain],
  ['setsid', plain],
  ['nice', { valued: ['-n', '--adjustment'], words: 0 }],
  ['stdbuf', { valued: ['-i', '-o', '-e'], words: 0 }],
  ['timeout', { valued: ['-k', '-s', '--kill-after', '--signal'], words: 1 }],
  // Their first word is a user.
  ['su-exec', { valued: [], words: 1 }],
  ['gosu', { valued: [], words: 1 }],
]);

/** They take a configuration by rules of their own, or add to it. */
const launchers = new Set(['func-e', 'getenvoy', 'envoy-static', 'hot-restarter.py']);

/** Builtins of the shell and usual tools that start no program that serves. */
const harmless = new Set(
  [
    ': [ [[ break continue cd echo exit export false getopts hash jobs kill printf pwd return set shift test times true type ulimit umask unset wait',
    'base64 basename cat chgrp chmod chown cksum cmp cp cut date dd df diff dirname du egrep envsubst expr fgrep fold getent grep groups gunzip gzip head hostname id install ln logger ls',
    'md5sum mkdir mkfifo mktemp mv nproc od paste pgrep pidof pkill printenv ps readlink realpath rm rmdir seq sha256sum sleep sort split stat stty sync tac tail tee touch tr tty uname uniq',
    'unzip update-ca-certificates uptime wc which whoami yes zcat',
    'curl dig host ifconfig ip ip6tables iptables jq nc netstat nslookup openssl ping ss sysctl wget yq',
  ].flatMap((names) => names.split(' ')),
);

/** Harmless too, unless one of their arguments makes them start something: `find -exec`, `system()`. */
const mostlyHarmless = new Set(['awk', 'find', 'gawk', 'mawk', 'sed', 'tar']);
const startsSomething =
  /^-(?:exec|execdir|ok|okdir)$|system|popen|\||^s?e$|to-command|checkpoint-action|envoy["' ]/;

/** For a program that is neither read nor followed. `undefined` among the words: not known. */
export function startsOf(program: string, words: readonly (string | undefined)[]): Starts {
  if (harmless.has(program)) return 'nothing';
  const isQuiet = words.every((word) => word !== undefined && !startsSomething.test(word));
  if (mostlyHarmless.has(program) && isQuiet) return 'nothing';
  return launchers.has(program) || words.some(namesEnvoy) ? 'perhaps_envoy' : 'anything';
}

function namesEnvoy(word = ''): boolean {
  const name = word.slice(word.lastIndexOf('/') + 1);
  return word === 'envoy' || word.endsWith('/bin/envoy') || launchers.has(name);
}
