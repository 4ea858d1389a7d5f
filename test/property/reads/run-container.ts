/** A container as the kubelet would start it, on this machine: real shells and tools, an `envoy` that only tells how it was called. */
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { listAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { environmentIn, expand, inRoot, makeFiles, NotStarted, type World } from './world.ts';

/** Stand-ins for programs that an image has, beside those of the machine. */
const programs: Readonly<Record<string, string>> = {
  envoy: `{ pwd -P; for word in "$@"; do printf '%s\\0' "$word"; done; printf '\\n'; } >>"ROOT/calls"`,
  'docker-entrypoint.sh': 'if [ "${1#-}" != "$1" ]; then set -- envoy "$@"; fi; exec "$@"',
  tini: 'while [ "$1" != -- ]; do shift; done; shift; exec "$@"',
  'dumb-init': 'while [ "${1#-}" != "$1" ]; do shift; done; exec "$@"',
  'su-exec': 'shift; exec "$@"',
  'func-e': 'shift; exec envoy "$@"',
  'start-others': 'exec envoy -c "ROOT/etc/envoy/b.yaml"',
};

/** An image's files: made once for all containers that run one after the other. */
export function makeImage(root: string): void {
  const folder = join(root, 'opt/bin');
  mkdirSync(folder, { recursive: true });
  for (const [name, text] of Object.entries(programs)) {
    writeFileSync(join(folder, name), `#!/bin/sh\n${text.replaceAll('ROOT', root)}\n`);
    chmodSync(join(folder, name), 0o755);
  }
}

export interface Pod {
  readonly spec: JsonObject;
  readonly container: JsonObject;
}

/**
 * The texts that Envoys of this container serve with. A file that is not there is none: Envoy ends.
 * @returns undefined where the kubelet would not start the container
 */
export function textsRead(
  root: string,
  { spec, container }: Pod,
  world: World,
): readonly string[] | undefined {
  rmSync(join(root, 'etc'), { recursive: true, force: true });
  rmSync(join(root, 'calls'), { force: true });
  mkdirSync(join(root, 'etc/envoy'), { recursive: true });
  writeFileSync(join(root, 'etc/envoy/envoy.yaml'), 'image');
  try {
    makeFiles(root, { spec, container, world });
  } catch (error) {
    if (error instanceof NotStarted) return undefined;
    throw error;
  }
  run(root, container, environmentIn(container, world));
  return callsIn(root).flatMap(({ directory, words }) => served(root, directory, words));
}

function run(root: string, container: JsonObject, values: ReadonlyMap<string, string>): void {
  const wordsAt = (key: string): readonly string[] =>
    listAt(container, key).map((word) => expand(typeof word === 'string' ? word : '', values)[0]);
  const command = wordsAt('command');
  const args = wordsAt('args');
  const [program = '', ...words] =
    command.length > 0
      ? [...command, ...args]
      : [
          'docker-entrypoint.sh',
          ...(args.length > 0 ? args : ['envoy', '-c', '/etc/envoy/envoy.yaml']),
        ];
  const path = `${join(root, 'opt/bin')}:/usr/bin:/bin`;
  spawnSync(program, words, {
    cwd: stringAt(container, 'workingDir') ?? root,
    env: { HOME: root, ...Object.fromEntries(values), PATH: path },
    timeout: 10_000,
  });
}

function callsIn(
  root: string,
): readonly { readonly directory: string; readonly words: readonly string[] }[] {
  const file = join(root, 'calls');
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, 'utf8').split('\n').slice(0, -1);
  return lines.flatMap((line, at) =>
    at % 2 === 0
      ? [{ directory: line, words: (lines[at + 1] ?? '').split('\0').slice(0, -1) }]
      : [],
  );
}

const valued = [
  '-c',
  '--config-path',
  '--config-yaml',
  '--mode',
  '--service-node',
  '-l',
  '--base-id',
];

/** What Envoy serves with. Empty where it ends at once. */
function served(root: string, directory: string, words: readonly string[]): readonly string[] {
  const given = optionsIn(words);
  if (given === undefined || given.get('--mode') === 'validate') return [];
  const yaml = given.get('--config-yaml');
  const path = given.get('--config-path');
  const text = path === undefined ? [] : textAt(root, directory, path);
  if (text === undefined) return [];
  return [text, yaml === undefined ? [] : `yaml ${yaml}`].flat();
}

/** Envoy's own command line, of the options that the generator draws; undefined where Envoy refuses it. */
function optionsIn(words: readonly string[]): ReadonlyMap<string, string> | undefined {
  const given = new Map<string, string>();
  const left = words.filter((word) => word !== '--disable-hot-restart');
  while (left.length > 0) {
    const [, name = '', joined] = /^(-[^ ]+)(?: (.*))?$/.exec(left.shift() ?? '') ?? [];
    const key = name === '-c' ? '--config-path' : name;
    const value = joined ?? left.shift();
    if (!valued.includes(name) || value === undefined || given.has(key)) return undefined;
    given.set(key, value);
  }
  return given;
}

function textAt(root: string, directory: string, path: string): string | undefined {
  const file = isAbsolute(path) ? inRoot(root, path) : join(directory, path);
  try {
    return readFileSync(file, 'utf8');
  } catch {
    // No such file, or a folder.
    return undefined;
  }
}
