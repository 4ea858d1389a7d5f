/** Each package whose code is bundled has a licence text, or an exception that is still needed. Images and releases are made so. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { licenceFilesOf, noticesOf, withoutText } from '../../../scripts/third-party-notices.ts';

const work = mkdtempSync(join(tmpdir(), 'svidecar-notices-'));
afterAll(() => {
  rmSync(work, { recursive: true });
});

test.each([...withoutText.keys()])('%s still has no licence text', (folder) => {
  expect(licenceFilesOf(folder)).toEqual([]);
  const name = folder.replace('node_modules/', '');
  expect(readFileSync('docs/releases.md', 'utf8')).toContain(`\`${name}\``);
  expect(String(noticesOf({ packages: [folder] }))).toMatch(/Copyright [^]*(Permission|"License")/);
});

test('a package without one is refused, a notice alone is none', () => {
  writeFileSync(join(work, 'package.json'), '{"name":"x","version":"1.0.0","license":"MIT"}');
  writeFileSync(join(work, 'NOTICE'), 'by somebody');
  expect(() => noticesOf({ packages: [work] })).toThrow(`${work} has no licence text`);
  writeFileSync(join(work, 'COPYING'), 'as you like');
  const notices = String(noticesOf({ packages: [work] }));
  expect(notices).toMatch(/\nx 1\.0\.0 \(MIT\)\n=+\n\nas you like\n\nby somebody\n$/);
});
