import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { versionsIn, withSection, withVersion } from '../../../scripts/release.d/own-version.ts';
import { helperVersion } from '../../../sidecar/helper/version.ts';

const textOf = (path: string): string => readFileSync(path, 'utf8');
const files = execFileSync('git', ['ls-files', '-z'], { encoding: 'utf8' }).split('\0');

/** Has a version of its own. */
const madeUpRelease = /^test\/unit\/scripts\/verify-release.*$/;

/** Path and version, of each place that another version would be written to. */
const found = files
  .filter((path) => path !== '' && !madeUpRelease.test(path))
  .flatMap((path) => versionsIn(path, textOf(path)).map((version) => ({ path, version })));

describe('the version of this tree', () => {
  test('is in all places the one of the helper', () => {
    expect(found.filter(({ version }) => version !== helperVersion)).toEqual([]);
    expect(textOf('CHANGELOG.md')).toMatch(new RegExp(`^[^#]*# [^#]*## ${helperVersion} - `));
  });

  test.each([
    ['package.json', 1],
    ['package-lock.json', 2],
    ['sidecar/helper/version.ts', 1],
    ['manifests/helm/svidecar/Chart.yaml', 2],
    ['docs/releases.md', 3],
    ['manifests/kustomize/base/deployment.yaml', 1],
  ])('stands in %s as often as it has to: %i', (file, times) => {
    expect(found.filter(({ path }) => path === file)).toHaveLength(times);
  });
});

describe('another version', () => {
  const change = { from: '0.2.0', to: '1.0.0-rc.1' };

  test.each([
    ['a/b.yaml', 'image: r.example/svidecar/helper:0.2.0'],
    ['package.json', '{\n  "name": "svidecar",\n  "version": "0.2.0",'],
    ['package-lock.json', '"": {\n      "name": "svidecar",\n      "version": "0.2.0",'],
    ['sidecar/helper/version.ts', "export const helperVersion = '0.2.0';"],
    ['manifests/helm/svidecar/Chart.yaml', 'type: a\nversion: 0.2.0\nappVersion: 0.2.0\n#'],
    ['docs/releases.md', 'scripts/release 0.2.0 --key'],
  ])('is written in %s: %s', (path, text) => {
    expect(withVersion(path, text, change)).toBe(text.replaceAll('0.2.0', '1.0.0-rc.1'));
  });

  test.each([
    ['CHANGELOG.md', 'svidecar/helper:0.2.0'],
    ['docs/adr/0001-a.md', 'svidecar/helper:0.2.0'],
    ['a.yaml', `svidecar/helper:${change.from}1, other/helper:0.2.0 and 0.2.0`],
    ['b.yaml', 'svidecar/helper:0x2.0, svidecar/helper:0.2x0'],
    ['package-lock.json', '"name": "other",\n      "version": "0.2.0",'],
  ])('is not written in %s: %s', (path, text) => {
    expect(withVersion(path, text, change)).toBe(text);
  });

  test('has a section of the changelog, which is that of a version that never came out', () => {
    const released = '# C\n\n## 0.1.0 - 2026-11-30\n\n- a\n';
    const open = withSection(released, '0.2.0');
    expect(open).toBe('# C\n\n## 0.2.0 - unreleased\n\n## 0.1.0 - 2026-11-30\n\n- a\n');
    expect(withSection(open, '1.0.0')).toBe(open.replace('0.2.0', '1.0.0'));
  });
});
