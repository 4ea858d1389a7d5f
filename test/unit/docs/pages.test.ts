/** What all pages of Markdown have in common: short lines, and links, commands and pictures that are there. */
import { existsSync } from 'node:fs';
import { join, normalize } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { runSvidecar } from '../../fakes/fake-terminal.ts';
import { allPages, anchorsOf, codeIn, linksIn, pagesAt, root, textOf } from './pages.ts';

/** What a pattern finds on all pages and is not as it should be, each behind its page. */
function wrongOn(
  findIn: (text: string) => readonly string[],
  isRight: (found: string, page: string) => boolean,
): readonly string[] {
  return allPages.flatMap((page) =>
    findIn(textOf(page))
      .filter((found) => !isRight(found, page))
      .map((found) => `${page}: ${found}`),
  );
}

const inCode =
  (pattern: RegExp) =>
  (text: string): readonly string[] =>
    [...codeIn(text).matchAll(pattern)].map(([, name = '']) => name);

test('there are pages', () => {
  expect(allPages).toEqual(
    expect.arrayContaining(['README.md', 'docs/install.md', 'templates/jwt-inject/README.md']),
  );
});

test('no line outside a table is longer than 140 characters', () => {
  const pages = ['*.md', 'docs/*.md', 'docs/runbooks/*.md', 'templates/*/*.md'];
  const exempt = ['AGENTS.md', 'CHANGELOG.md'];
  const tooLong = pagesAt(...pages)
    .filter((page) => !exempt.includes(page))
    .flatMap((page) =>
      textOf(page)
        .split('\n')
        .map((line, index) => ({ line, place: `${page}:${index + 1}` }))
        .filter(({ line }) => line.length > 140 && !line.startsWith('|'))
        .map(({ place }) => place),
    );
  expect(tooLong).toEqual([]);
});

test('relative links lead to a file, and to a heading of it', () => {
  const leadsSomewhere = (link: string, page: string): boolean => {
    if (/^https?:/.test(link)) return true;
    const [path = '', anchor] = link.split('#');
    const target = path === '' ? page : normalize(join(page, '..', path));
    if (!existsSync(join(root, target))) return false;
    return anchor === undefined || anchorsOf(textOf(target)).has(anchor);
  };
  expect(wrongOn(linksIn, leadsSomewhere)).toEqual([]);
});

describe('commands', () => {
  let help: readonly string[];
  beforeAll(async () => {
    const { out } = await runSvidecar(['--help']);
    const [, listed = ''] = /\nCommands:\n([^]*?)\n\n/.exec(out) ?? [];
    help = [...listed.matchAll(/^ {2}(\w+)/gm)].map(([, name = '']) => name);
  });

  test('README.md shows npm start and npm test', () => {
    const shown = [...textOf('README.md').matchAll(/^\$ (.*)$/gm)].map(([, command]) => command);
    expect(shown).toEqual(expect.arrayContaining(['npm start', 'npm test']));
  });

  test('scripts of npm are in package.json', () => {
    const { scripts } = JSON.parse(textOf('package.json')) as { readonly scripts: object };
    const names = inCode(/\bnpm (?:run )?((?<=run )[\w:-]+|start|test)\b/g);
    expect(wrongOn(names, (name) => Object.hasOwn(scripts, name))).toEqual([]);
  });

  test('programs of scripts/ are there', () => {
    const names = inCode(/(?<![\w/.-])(scripts\/[\w./-]*\w)/g);
    expect(wrongOn(names, (name) => existsSync(join(root, name)))).toEqual([]);
  });

  test('commands of svidecar are commands of the program', () => {
    const names = inCode(/(?:^|npx |[|$(] ?)svidecar ([a-z]+)\b/gm);
    // A decision may name a command that was not built.
    const isRight = (name: string, page: string): boolean =>
      help.includes(name) || page.startsWith('docs/adr/');
    expect(wrongOn(names, isRight)).toEqual([]);
  });

  test('docs/cli.md has a row for every command of the program, and no other', () => {
    const rows = [...textOf('docs/cli.md').matchAll(/^\| `(\w+)[^`]*` \|/gm)];
    const documented = new Set(rows.map(([, name]) => name));
    expect([...documented].sort()).toEqual(help.filter((name) => name !== 'help').sort());
  });
});

test('README.md shows what explain prints, shortened where it has …', async () => {
  const words = 'explain manifests/demo/frontend.yaml';
  const [, block = ''] = textOf('README.md').split(`$ npx svidecar ${words}\n`);
  const shown = (block.split('\n```')[0] ?? '').split('\n');
  const { out } = await runSvidecar(words.split(' '));
  const real = out.trimEnd().split('\n');
  const expected = real.map((line, index) => {
    const [begin = '', cut] = shown[index]?.split('…') ?? [];
    return cut !== undefined && line.startsWith(begin) ? `${begin}…` : line;
  });
  expect(shown).toEqual(expected);
});

test('pictures for light and dark backgrounds differ in nothing but their style', () => {
  const lights = pagesAt('docs/pictures/*-light.svg');
  expect(lights.length).toBeGreaterThan(0);
  const drawing = (picture: string): string =>
    textOf(picture).replace(/<style>[^]*?<\/style>/, '<style/>');
  for (const light of lights) {
    const dark = light.replace('-light.svg', '-dark.svg');
    expect(drawing(dark)).toBe(drawing(light));
    expect(textOf(dark)).not.toBe(textOf(light));
  }
});
