/** The rooms: each folder has one, none imports from above, and AGENTS.md says the same as the rules. */
import { globSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { rooms, type Room } from '../../../scripts/lint/rooms.ts';

const folders = rooms.map(({ folder }) => folder);
const sources = ['bans', 'certs', 'images', 'sidecar', 'webhook'].flatMap((top) =>
  globSync(`${top}/**/*.{ts,tsx}`),
);

/** `| folder | what happens there | may import |` */
function rowOf(line: string): Room | undefined {
  const [first = '', meaning = '', third = ''] = line.replace(/^\| | \|$/g, '').split(' | ');
  const folder = /^`([^`<]+)\/`/.exec(first)?.[1];
  if (folder === undefined || !folders.includes(folder)) return undefined;
  const names = third === 'nothing' ? [] : third.split(', ').map((name) => fullName(name, folder));
  return { folder, isPure: meaning.endsWith('(pure)'), imports: names };
}

/** The folder of that name beside the one that names it, or the only one. */
function fullName(name: string, folder: string): string {
  const plain = name.replaceAll('`', '');
  const beside = `${folder.slice(0, folder.indexOf('/'))}/${plain}`;
  if (folders.includes(beside)) return beside;
  return folders.find((each) => each.endsWith(`/${plain}`)) ?? plain;
}

test('each source file is in a room, but for what connects them', () => {
  const outside = sources.filter(
    (file) => !folders.some((folder) => file.startsWith(`${folder}/`)),
  );
  expect(outside.sort()).toEqual([
    'sidecar/main.ts',
    'webhook/main.ts',
    'webhook/serve-certificate.ts',
    'webhook/serve.ts',
  ]);
});

test('each room has files', () => {
  const isEmpty = (folder: string): boolean =>
    !sources.some((file) => file.startsWith(`${folder}/`));
  expect(folders.filter(isEmpty)).toEqual([]);
});

test('a room imports only rooms that stand before it', () => {
  const upwards = rooms.flatMap(({ folder, imports }, at) =>
    imports
      .filter((name) => !name.endsWith('.ts') && !folders.slice(0, at).includes(name))
      .map((name) => `${folder} → ${name}`),
  );
  expect(upwards).toEqual([]);
});

test('a pure room imports only pure rooms', () => {
  const pure = new Set(rooms.filter(({ isPure }) => isPure).map(({ folder }) => folder));
  const impure = rooms.filter(({ isPure }) => isPure).flatMap(({ imports }) => imports);
  expect(impure.filter((name) => !pure.has(name))).toEqual([]);
});

test('the table of AGENTS.md says the same', () => {
  const rows = readFileSync('AGENTS.md', 'utf8')
    .split('\n')
    .flatMap((line) => rowOf(line) ?? []);
  const byFolder = (all: readonly Room[]): readonly Room[] =>
    all
      .map((row) => ({ ...row, imports: [...row.imports].sort() }))
      .sort((a, b) => (a.folder < b.folder ? -1 : 1));
  expect(byFolder(rows)).toEqual(byFolder(rooms));
});
