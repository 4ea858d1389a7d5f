/** `scripts/version VERSION`: the whole tree calls itself by another version. */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { versionForm, withSection, withVersion } from './release.d/own-version.ts';

const [to = '', ...rest] = process.argv.slice(2);
if (!versionForm.test(to) || rest.length > 0) {
  console.error('usage: scripts/version VERSION, as 1.2.3 or 1.2.3-rc.1');
  process.exit(2);
}
// Our own package.json.
const { version: from } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
const files = execFileSync('git', ['ls-files', '-z'], { encoding: 'utf8' }).split('\0');
const changed = files.filter(Boolean).filter((path) => {
  const text = readFileSync(path, 'utf8');
  const raised =
    path === 'CHANGELOG.md' && from !== to
      ? withSection(text, to)
      : withVersion(path, text, { from, to });
  if (raised === text) return false;
  writeFileSync(path, raised);
  return true;
});
console.log(`${from} became ${to} in ${changed.length} files; docs/releases.md says what is next`);
