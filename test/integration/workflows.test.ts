/** The workflows for a public forge, which never ran: what can be said of them without it. */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { isObject, objectAt, type JsonObject } from '#kernel/json.ts';
import { describeWithComponents, programPath } from './harness/components.ts';

const files = execFileSync('git', ['ls-files', '--', '.github/workflows'], { encoding: 'utf8' })
  .split('\n')
  .filter(Boolean);

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

  test.each(files)('%s gives each job the rights that it needs, and none before', (file) => {
    const workflow: unknown = parse(readFileSync(file, 'utf8'));
    const whole: JsonObject = isObject(workflow) ? workflow : {};
    expect(whole['permissions']).toEqual({});
    for (const [name, job] of Object.entries(objectAt(whole, 'jobs'))) {
      const rights = Object.keys(objectAt(isObject(job) ? job : {}, 'permissions'));
      expect(rights.length, name).toBeGreaterThan(0);
      expect(JSON.stringify(rights)).not.toContain('all');
    }
  });

  test('run what is there', () => {
    for (const file of files) {
      const scripts = [...readFileSync(file, 'utf8').matchAll(/bash (?<path>[\w./-]+)/g)];
      for (const { groups } of scripts) expect(existsSync(groups?.['path'] ?? '')).toBe(true);
    }
  });
});
