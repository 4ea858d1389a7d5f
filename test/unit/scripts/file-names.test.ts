/** A file is called by its name, in talk, in messages and in an editor's tabs: two of one name are taken for each other. */
import { globSync } from 'node:fs';
import { basename } from 'node:path';
import { expect, test } from 'vitest';

const sources = ['bans', 'certs', 'images', 'scripts', 'sidecar', 'webhook'].flatMap((room) =>
  globSync(`${room}/**/*.{ts,tsx}`),
);
/** Named by others: entry points by custom, commands by what people type, generated code by its `.proto` file. */
const isNamedByOthers = (file: string): boolean =>
  /^main\.tsx?$/.test(basename(file)) ||
  file.startsWith('webhook/cli/commands/') ||
  file.startsWith('sidecar/gen/') ||
  file.startsWith('webhook/spire/gen/');

test('no two source files have one name', () => {
  const places = new Map<string, string[]>();
  for (const file of sources.filter((one) => !isNamedByOthers(one)))
    places.set(basename(file), [...(places.get(basename(file)) ?? []), file]);
  expect(places.size).toBeGreaterThan(300);
  expect([...places.values()].filter((files) => files.length > 1)).toEqual([]);
});

test('no source file has a name that fits any', () => {
  const vague = /^(common|constants|helpers|index|manager|misc|ports|types|utils?)\.tsx?$/;
  expect(sources.filter((file) => vague.test(basename(file)))).toEqual([]);
});
