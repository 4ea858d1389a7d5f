/** scripts/components with a table of pins, ready-made programs and a `go` of the test's own: no network. */
import { createHash } from 'node:crypto';
import { chmod, copyFile, mkdir, readFile, readdir, readlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { runCommand, type CommandResult } from './harness/processes.ts';
import { createWorkFolder, type WorkFolder } from './harness/work-folder.ts';

const program = '#!/bin/sh\necho I am real\n';
const sha256 = createHash('sha256').update(program).digest('hex');

/** Says what it was asked to build in `asked`, writes half a program and fails. */
const brokenGo = `#!/bin/sh
pwd > "$ASKED"; cat go.mod >> "$ASKED"; echo "$@" >> "$ASKED"
printf half > ../kubernetes
echo no network >&2
exit 1
`;
/** Builds what ready-made programs are elsewhere. */
const workingGo = `#!/bin/sh
cat go.mod > "$ASKED"; echo "$@" >> "$ASKED"
while [ "$1" != -o ]; do shift; done
printf '%s\\n' '#!/bin/sh' 'echo I was built' > "$2"
`;
const goMod = `module example.org/kubernetes
require (
\tk8s.io/component-base v0.36.2
\tk8s.io/kubernetes v1.36.2
)
require (
\texample.org/other v1.36.2 // indirect
)
replace (
\tk8s.io/api => k8s.io/api v0.36.2
)
`;

let work: WorkFolder;
let at: (...names: string[]) => string;

beforeEach(async () => {
  work = await createWorkFolder('components');
  at = (...names) => join(work.path, ...names);
  const module = at('scripts', 'components.d', 'kubernetes');
  await mkdir(module, { recursive: true });
  for (const folder of ['bin', 'ready', 'cache']) await mkdir(at(folder));
  for (const name of ['components', 'progress.sh'])
    await copyFile(new URL(`../../scripts/${name}`, import.meta.url), at('scripts', name));
  await writeFile(
    at('scripts', 'components.d', 'pins'),
    `# name when version how from sha256 programs
kubernetes always 1.36.2 go kubernetes:. ${sha256} kube-apiserver,kubectl
helm asked 3.19.2 go helm:. ${sha256} helm
`,
  );
  await writeFile(join(module, 'go.mod'), goMod);
  await writeFile(join(module, 'go.sum'), '');
  await useGo(brokenGo);
});
afterEach(async () => {
  await work.remove();
});

async function useGo(script: string): Promise<void> {
  await writeFile(at('bin', 'go'), script);
  await chmod(at('bin', 'go'), 0o755);
}

async function putReadyMade(content: string): Promise<void> {
  const plain = at('ready', 'kubernetes-1.36.2');
  await writeFile(plain, content);
  await runCommand('xz', [plain]);
}

function components(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<CommandResult> {
  return runCommand('bash', [at('scripts', 'components'), ...args], {
    env: {
      PATH: `${at('bin')}:${process.env['PATH'] ?? ''}`,
      SVIDECAR_COMPONENTS: at('cache'),
      SVIDECAR_READY_MADE: at('ready'),
      SVIDECAR_KUBERNETES: '1.36.2',
      ASKED: at('asked'),
      ...env,
    },
  });
}

test('a ready-made program with the pinned checksum is taken, once, and linked for PATH', async () => {
  await putReadyMade(program);
  const first = await components([]);
  expect(first.stdout).toMatch(/^ready-made kubernetes 1\.36\.2 \(\d+ s\)\n$/);
  expect(first.code).toBe(0);
  expect((await runCommand(at('cache', 'bin', 'kubectl'), [])).stdout).toBe('I am real\n');
  expect(await components([])).toMatchObject({ code: 0, stdout: 'there kubernetes 1.36.2\n' });
});

test.each([
  ['with another checksum', `${program}# and more\n`],
  ['cut off', 'short'],
])('a ready-made program %s does not count, nor does half a build', async (how, content) => {
  await putReadyMade(content);
  if (how === 'cut off') {
    const packed = await readFile(at('ready', 'kubernetes-1.36.2.xz'));
    await writeFile(at('ready', 'kubernetes-1.36.2.xz'), packed.subarray(0, packed.length / 2));
  }
  const { code, stdout, stderr } = await components([]);
  expect(stderr).toContain('does not match its pinned checksum');
  expect(stderr).toContain('no network');
  expect(stdout).toMatch(/^missing kubernetes 1\.36\.2: see .*kubernetes-1\.36\.2\.log\n$/);
  expect(code).toBe(1);
  expect(await readdir(at('cache'))).not.toContain('kubernetes-1.36.2');
  expect(await readdir(at('cache', 'bin'))).toEqual([]);
});

test('what an interrupted run left behind is started over', async () => {
  await mkdir(at('cache', '.partial-kubernetes-1.36.2', 'kubernetes'), { recursive: true });
  await useGo(workingGo);
  expect((await components([])).stdout).toMatch(/^built kubernetes 1\.36\.2/);
  expect((await runCommand(at('cache', 'bin', 'kube-apiserver'), [])).stdout).toBe('I was built\n');
  expect(await readdir(at('cache', 'kubernetes-1.36.2'))).toEqual([
    'kube-apiserver',
    'kubectl',
    'kubernetes',
  ]);
});

test('a build whose sources go.sum does not all name is refused', async () => {
  await useGo(workingGo.replace('#!/bin/sh', '#!/bin/sh\necho example.org/more v1 h1: >> go.sum'));
  const { code, stderr } = await components([]);
  expect(stderr).toContain('does not name all the sources');
  expect(code).toBe(1);
});

test('another Kubernetes is built from its own requirements and leaves PATH alone', async () => {
  await putReadyMade(program);
  await components([]);
  await useGo(workingGo);
  const { code, stdout } = await components([], { SVIDECAR_KUBERNETES: '1.35.4' });
  expect(stdout).toMatch(/^built kubernetes 1\.35\.4/);
  expect(code).toBe(0);
  const asked = await readFile(at('asked'), 'utf8');
  expect(asked).toContain('k8s.io/kubernetes v1.35.4');
  expect(asked).toContain('k8s.io/api => k8s.io/api v0.35.4');
  expect(asked).not.toMatch(/36\.2|indirect/);
  expect(asked).toContain('gitVersion=v1.35.4');
  expect(asked).toContain('gitMinor=35');
  expect(await readlink(at('cache', 'bin', 'kubectl'))).toBe('../kubernetes-1.36.2/kubectl');
});

test.each([
  [['nope'], {}, 'no component called nope'],
  [[], { SVIDECAR_KUBERNETES: '1.35' }, 'full version such as'],
])('wrong usage %j %j is exit code 2', async (args, env, message) => {
  const { code, stderr } = await components(args, env);
  expect(stderr).toContain(message);
  expect(code).toBe(2);
});

test('help names every component and what is optional', async () => {
  const { code, stdout } = await components(['--help']);
  expect(stdout).toMatch(/kubernetes +1\.36\.2[\s\S]*helm +3\.19\.2 +only when asked for/);
  expect(code).toBe(0);
});
