import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const folder = 'docs/adr';
const pages = readdirSync(folder).filter((name) => /^\d{4}-.*\.md$/.test(name));
const headingOf = (name: string): string =>
  readFileSync(`${folder}/${name}`, 'utf8').split('\n', 1)[0]?.slice(2) ?? '';

test.each(pages)('%s: number, title, status and date', (name) => {
  const [heading, , status] = readFileSync(`${folder}/${name}`, 'utf8').split('\n');
  expect(heading).toMatch(new RegExp(`^# ${name.slice(0, 4)}: \\S`));
  expect(status).toMatch(
    /^\*\*Status\.\*\* (?:Accepted|Replaced by \[\d{4}\]\(\S+\)), \d{4}-\d\d-\d\d\.$/,
  );
});

test('the index names each decision once, by number', () => {
  const listed = readFileSync(`${folder}/README.md`, 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('- '));
  expect(listed).toEqual(pages.sort().map((name) => `- [${headingOf(name)}](${name})`));
});
