/** TypeScript does not qualify names by folder: a name that two files export means two things to whoever reads it. */
import { globSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const sources = ['bans', 'certs', 'images', 'scripts', 'sidecar', 'webhook'].flatMap((room) =>
  globSync(`${room}/**/*.{ts,tsx}`),
);
/** Generated: a type and the functions for it share a name, as protobuf-ts makes them. */
const isGenerated = (file: string): boolean => /^(sidecar|webhook\/spire)\/gen\//.test(file);

test('no type name is exported by two files', () => {
  const files = new Map<string, string[]>();
  for (const file of sources.filter((one) => !isGenerated(one)))
    for (const [, name = ''] of readFileSync(file, 'utf8').matchAll(
      /^export (?:abstract )?(?:class|enum|interface|type) (\w+)/gm,
    ))
      files.set(name, [...(files.get(name) ?? []), file]);
  expect(files.size).toBeGreaterThan(300);
  expect([...files].filter(([, exporters]) => exporters.length > 1)).toEqual([]);
});
