import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { runSvidecar } from '../../../fakes/fake-terminal.ts';
import { workloadReaders } from '../../../fakes/manifest-readers.ts';

const demo = 'manifests/demo';
const frontend = `${demo}/frontend.yaml`;
const backend = `${demo}/backend.yaml`;
const folder = mkdtempSync(join(tmpdir(), 'svidecar-paths-'));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

test.each(workloadReaders)('svidecar %s takes files by -f as by arguments', async (command) => {
  const words = command.split(' ');
  const byArgument = await runSvidecar([...words, backend, frontend]);
  for (const line of [
    ['-f', backend, '-f', frontend],
    [`--filename=${backend}`, frontend],
    ['-f', `${backend},${frontend}`],
  ])
    expect(await runSvidecar([...words, ...line])).toEqual(byArgument);
});

test('a folder, and a file whose name has a comma', async () => {
  const odd = join(folder, 'a,b.yaml');
  cpSync(frontend, odd);
  expect(await runSvidecar(['inject', '-f', folder])).toEqual(
    await runSvidecar(['inject', '-f', odd]),
  );
});

test('-f - is standard input, also where the cluster would be asked without files', async () => {
  const { code, out } = await runSvidecar(['check', '-f', '-'], { stdin: '' });
  expect([code, out]).toEqual([0, expect.stringContaining('files: ')]);
});

test.each([
  ['none.yaml', 3, '-f none.yaml: there is no such file or folder'],
  ['deployment/web', 3, '-f deployment/web: there is no such file'],
  ['https://shop.test/a.yaml', 2, 'only files are read; fetch it first'],
])('-f %s is refused in words, and no cluster is asked', async (path, code, words) => {
  const told = await runSvidecar(['explain', '-f', path]);
  expect([told.code, told.out]).toEqual([code, '']);
  expect(told.err).toContain(words);
});
