/** Real Envoy has the last word about how its command line is taken apart. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readOptions } from '../../webhook/injection/reads/envoy-options.ts';
import { knownText } from '../../webhook/injection/reads/partial-text.ts';
import { programPath } from './harness/components.ts';
import { runCommand } from './harness/processes.ts';
import { createWorkFolder } from './harness/work-folder.ts';

const forms: readonly (readonly string[])[] = [
  ['-c', 'A'],
  ['--config-path', 'A'],
  ['--config-path A'],
  ['-c A'],
  ['-c ', 'A'],
  ['', '-', '-c', 'A'],
  ['--service-node', '-c', '-c', 'A'],
  ['--log-level info', '-c', 'A'],
  ['-c', 'A', '--', '-c', 'B'],
  ['-c', 'A', '--config-yaml', ''],
  ['-c', 'A', '-c', 'B'],
  ['-c A', '--config-path B'],
  ['-c', 'A', 'B'],
  ['-c'],
  ['--', '-c', 'A'],
  [],
];

test('each form reads the same file in Envoy as here, or none', async () => {
  const work = await createWorkFolder('envoy-reads');
  try {
    for (const name of ['A', 'B'])
      await writeFile(join(work.path, `${name}.yaml`), `marker_${name}: 1\n`);
    for (const form of forms) {
      const words = form.map((word) =>
        word.replace(/[AB]$/, (name) => join(work.path, `${name}.yaml`)),
      );
      const args = ['--mode', 'validate', ...words];
      const { stdout, stderr } = await runCommand(programPath('envoy'), args);
      const read = readOptions(args.map((word) => [word]));
      const path = read.kind === 'options' ? knownText(read.options.configPath ?? []) : '';
      const seen = /no such field: 'marker_([AB])'|marker_([AB])/.exec(stdout + stderr);
      expect([form, path ?? '']).toEqual([
        form,
        seen === null ? '' : join(work.path, `${seen[1] ?? seen[2] ?? ''}.yaml`),
      ]);
    }
  } finally {
    await work.remove();
  }
});
