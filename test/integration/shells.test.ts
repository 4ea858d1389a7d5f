/** Completion, and the program as a plug-in of kubectl, in the shells that this machine has. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { helperVersion } from '../../sidecar/helper/version.ts';
import { runSvidecar } from '../fakes/fake-terminal.ts';
import { describeWithComponents, programPath } from './harness/components.ts';

const folder = mkdtempSync(join(tmpdir(), 'svidecar-shells-'));
afterAll(() => {
  rmSync(folder, { recursive: true });
});
beforeAll(async () => {
  for (const shell of ['bash', 'zsh', 'fish', 'kubectl']) {
    const { out } = await runSvidecar(['completion', shell]);
    writeFileSync(join(folder, shell), out);
  }
});

/** Why tests of a shell do not run here; undefined: they do. @throws {Error} where none may be left out */
function missing(shell: string): string | undefined {
  if (spawnSync('sh', ['-c', `command -v ${shell}`]).status === 0) return undefined;
  const reason = `${shell} missing: run scripts/components`;
  if (process.env['SVIDECAR_NO_SKIP'] !== undefined) throw new Error(reason);
  return reason;
}

function run(program: string, script: string): string {
  const { stdout, stderr } = spawnSync(program, ['-c', script], {
    encoding: 'utf8',
    timeout: 30_000,
    env: { ...process.env, HOME: folder, XDG_CONFIG_HOME: folder, TERM: 'dumb' },
  });
  expect(stderr).toBe('');
  return stdout;
}

/** What is typed, and words that are offered and not offered. */
const lines: readonly (readonly [readonly string[], string, string])[] = [
  [['id'], 'identities', 'inject'],
  [['ban', 'ch'], 'check', 'add'],
  [['ban', 'check', '--'], '--claims', '--spire-server'],
  [['check', '--'], '--spire-server', '--claims'],
  [['render', 'entries', '--fi'], '--filename', '--config'],
  [['completion', ''], 'fish', 'inject'],
];

test.each(lines)('bash completes %j', (typed, offered, other) => {
  const words = ['svidecar', ...typed].map((word) => `'${word}'`).join(' ');
  const script = `source ${folder}/bash; COMP_WORDS=(${words}); COMP_CWORD=${typed.length}; _svidecar; echo "\${COMPREPLY[*]}"`;
  expect(run('bash', script).trim().split(' ')).toContain(offered);
  expect(run('bash', script).trim().split(' ')).not.toContain(other);
});

describe.skipIf(missing('fish') !== undefined)(missing('fish') ?? 'fish', () => {
  test.each(lines)('completes %j', (typed, offered, other) => {
    const script = `source ${folder}/fish; complete -C'svidecar ${typed.join(' ')}'`;
    const words = run('fish', script)
      .split('\n')
      .map((line) => line.split('\t')[0]);
    expect(words).toContain(offered);
    expect(words).not.toContain(other);
  });
});

/** Keys into a terminal of its own, as completion works nowhere else there. */
test.skipIf(missing('zsh') !== undefined)(missing('zsh') ?? 'zsh completes what is typed', () => {
  const script = `zmodload zsh/zpty; zpty there "TERM=dumb PS1='> ' zsh -f -i"
zpty -w there "source ${folder}/zsh; echo lo""aded"; zpty -r there seen $'*loaded*> \\e*'
zpty -w there $'svidecar identit\\t-- #'
zpty -r there seen '*-- #*'; print -r -- "$seen"; zpty -d there`;
  expect(run('zsh', script)).toContain('svidecar identities');
});

describeWithComponents(['kubectl'], 'kubectl', () => {
  const bin = join(folder, 'bin');
  const env = { ...process.env, PATH: `${bin}:${process.env['PATH'] ?? ''}`, HOME: folder };
  const kubectl = (...words: readonly string[]): { stdout: string; status: number | null } =>
    spawnSync(programPath('kubectl'), words, { encoding: 'utf8', env });

  beforeAll(() => {
    mkdirSync(bin);
    symlinkSync(resolve('scripts/kubectl-svidecar'), join(bin, 'kubectl-svidecar'));
    cpSync(join(folder, 'kubectl'), join(bin, 'kubectl_complete-svidecar'));
    chmodSync(join(bin, 'kubectl_complete-svidecar'), 0o755);
  });

  test('runs svidecar as a plug-in, with its arguments, its output and its exit code', async () => {
    const words = ['inject', '-q', '-f', 'manifests/demo/frontend.yaml'];
    expect(kubectl('svidecar', ...words).stdout).toBe((await runSvidecar(words)).out);
    expect(kubectl('svidecar', 'check', '-f', 'none.yaml').status).not.toBe(0);
  });

  test('lists it among its plug-ins without a complaint', () => {
    expect(kubectl('plugin', 'list').stdout).toContain('kubectl-svidecar');
  });

  test.each(lines)('completes %j of the plug-in', (typed, offered, other) => {
    const words = kubectl('__complete', 'svidecar', ...typed).stdout.split('\n');
    expect(words).toContain(offered);
    expect(words).not.toContain(other);
  });
});

const lock = createHash('sha256').update(readFileSync('package-lock.json')).digest('hex');
const stamp = 'node_modules/.svidecar-lock';
const isSetUp = existsSync(stamp) && readFileSync(stamp, 'utf8') === lock;

test.skipIf(!isSetUp)(
  'npx svidecar prints what was asked for, and no warning of any engine',
  () => {
    // The machine's own Node and npm: those of the locked packages are not on the path of who types this.
    const own = (process.env['PATH'] ?? '')
      .split(':')
      .filter((path) => !path.includes('node_modules'));
    const { status, stdout, stderr } = spawnSync('npx', ['svidecar', '--version'], {
      encoding: 'utf8',
      env: { PATH: own.join(':'), HOME: folder, npm_config_update_notifier: 'false' },
    });
    expect([status, stdout, stderr]).toEqual([0, `${helperVersion}\n`, '']);
  },
);

test.each([
  ['v20.11.0', 'finds v20.11.0'],
  ['v22.17.1', 'finds v22.17.1'],
])('where Node is %s, one plain line says what is needed', (version, words) => {
  const clone = join(folder, version);
  for (const name of ['svidecar', 'setup', 'env.sh'])
    cpSync(`scripts/${name}`, join(clone, 'scripts', name));
  cpSync('package-lock.json', join(clone, 'package-lock.json'));
  mkdirSync(join(clone, 'node_modules'));
  writeFileSync(join(clone, stamp), lock);
  const node = join(clone, 'bin/node');
  mkdirSync(join(clone, 'bin'));
  writeFileSync(node, `#!/bin/sh\necho ${version}\n`, { mode: 0o755 });
  const { status, stdout, stderr } = spawnSync('bash', [join(clone, 'scripts/svidecar'), 'check'], {
    encoding: 'utf8',
    env: { PATH: `${join(clone, 'bin')}:/usr/bin:/bin` },
  });
  expect([status, stdout]).toEqual([3, '']);
  expect(stderr).toBe(
    `svidecar needs Node.js 24, and ${words}: install it (https://nodejs.org), and run this again\n`,
  );
});
