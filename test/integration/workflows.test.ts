/** The workflows for a public forge, which never ran: what can be said of them without it. */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { isObject, objectAt, type JsonObject } from '#kernel/json.ts';
import { describeWithComponents, programPath } from './harness/components.ts';

const files = execFileSync('git', ['ls-files', '--', '.github/workflows'], { encoding: 'utf8' })
  .split('\n')
  .filter(Boolean);

/** What jobs may do on the forge; more than this is a change to think about. */
const rights = {
  'ci.yml test': { contents: 'read' },
  'release.yml make': { contents: 'read' },
  'release.yml draft': { actions: 'read', contents: 'write' },
};

describeWithComponents(['actionlint'], 'the workflows', () => {
  test('pass the linter, their shell too', () => {
    const shellcheck = execFileSync('bash', ['-c', 'command -v shellcheck'], { encoding: 'utf8' });
    const args = ['-no-color', '-shellcheck', shellcheck.trim(), ...files];
    const { status, stdout } = spawnSync(programPath('actionlint'), args, { encoding: 'utf8' });
    expect({ status, stdout }).toEqual({ status: 0, stdout: '' });
  });

  test.each(files)('%s takes actions by their commit alone', (file) => {
    const used = [...readFileSync(file, 'utf8').matchAll(/uses: (?<action>.*)/g)];
    expect(used.length).toBeGreaterThan(0);
    for (const { groups } of used)
      expect(groups?.['action']).toMatch(/^actions\/[a-z-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
  });

  test('give each job the rights that it needs, and none before', () => {
    const given = files.flatMap((file) => {
      const workflow: unknown = parse(readFileSync(file, 'utf8'));
      const whole: JsonObject = isObject(workflow) ? workflow : {};
      expect(whole['permissions']).toEqual({});
      return Object.entries(objectAt(whole, 'jobs')).map(([name, job]) => [
        `${basename(file)} ${name}`,
        isObject(job) ? job['permissions'] : undefined,
      ]);
    });
    expect(Object.fromEntries(given)).toEqual(rights);
  });

  test.each(files)('%s runs what is there', (file) => {
    const paths = [
      ...readFileSync(file, 'utf8').matchAll(/(?<![\w./-])(?:\.ci|scripts)\/[\w./-]+/g),
    ];
    const named = paths.map(([path]) => path).filter((path) => !path.endsWith('.'));
    expect(named).toContain('.ci/run');
    expect(named.filter((path) => !existsSync(path))).toEqual([]);
  });
});
