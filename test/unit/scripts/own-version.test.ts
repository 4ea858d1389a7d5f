import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { history, withSection, withVersion } from '../../../scripts/release.d/own-version.ts';
import { helperVersion } from '../../../sidecar/helper/version.ts';

const textOf = (path: string): string => readFileSync(path, 'utf8');
const files = execFileSync('git', ['ls-files', '-z'], { encoding: 'utf8' }).split('\0');
const images = /svidecar\/(?:helper|webhook|demo):(?<tag>\d[\w.]*\w)/g;

/** Has a version of its own. */
const madeUpRelease = /^test\/unit\/scripts\/verify-release.*$/;

describe('the version of this tree', () => {
  test('is in all places the one of the helper', () => {
    const chart = /^version: (?<chart>\S+)\nappVersion: (?<app>\S+)$/m.exec(
      textOf('manifests/helm/svidecar/Chart.yaml'),
    );
    expect(chart?.groups).toMatchObject({ chart: helperVersion, app: helperVersion });
    expect(parse(textOf('package.json'))).toMatchObject({ version: helperVersion });
    const lock = /^\{\s+"name": "svidecar",\s+"version": "(?<top>[^"]+)"/.exec(
      textOf('package-lock.json'),
    );
    expect(lock?.groups?.['top']).toBe(helperVersion);
    expect(textOf('CHANGELOG.md')).toMatch(new RegExp(`^[^#]*# [^#]*## ${helperVersion} - `));
  });

  test('is the tag of every image of ours', () => {
    const others = files.filter(Boolean).flatMap((path) => {
      if (history.test(path) || madeUpRelease.test(path)) return [];
      return [...textOf(path).matchAll(images)]
        .filter(({ groups }) => groups?.['tag'] !== helperVersion)
        .map(([image]) => `${path}: ${image}`);
    });
    expect(others).toEqual([]);
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
