/** What all images have in common: a program, the libraries it is linked with, and a few files of a system. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Runtime } from './architectures.ts';
import { librariesOf, type SharedLibrary } from './image-libraries.ts';
import type { TarEntry } from './tar.ts';

export interface Contents {
  readonly repository: string;
  readonly tag: string;
  readonly description: string;
  /** SPDX expression. */
  readonly license: string;
  readonly runtime: Runtime;
  /** Path of the binary in the image. */
  readonly program: string;
  readonly arguments: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** Lowest first: what several images share, then what is this one's. */
  readonly layers: readonly (readonly TarEntry[])[];
  /** Shared libraries and tools. */
  readonly libraries: readonly SharedLibrary[];
  /** Folders of npm packages that the bundle holds. */
  readonly packages: readonly string[];
}

/** @param tools other programs of the machine, which lie in the image where they lie here */
export function withRuntime(
  runtime: Runtime,
  program: string,
  tools: readonly string[] = [],
): Pick<Contents, 'runtime' | 'program' | 'layers' | 'libraries'> {
  const libraries = librariesOf(runtime, tools);
  const layer = [
    ...system,
    ...libraries.map(({ path, source }) => from(path.slice(1), source, 0o755)),
    from(program, runtime.executable ?? runtime.binary, 0o755),
  ];
  return { runtime, program, libraries, layers: [layer] };
}

function textFile(path: string, text: string): TarEntry {
  return { path, mode: 0o644, content: Buffer.from(text) };
}

/** In each image. */
export const system: readonly TarEntry[] = [
  textFile(
    'etc/passwd',
    'root:x:0:0:root:/:/sbin/nologin\nnonroot:x:65532:65532::/:/sbin/nologin\n',
  ),
  textFile('etc/group', 'root:x:0:\nnonroot:x:65532:\n'),
  textFile('etc/nsswitch.conf', 'hosts: files dns\n'),
  { path: 'tmp/', mode: 0o1777 },
];

export function from(path: string, source: string, mode: number): TarEntry {
  return { path, mode, content: readFileSync(source) };
}

/** All files of a folder, in order. */
export function filesIn(source: string, target: string): readonly TarEntry[] {
  return readdirSync(source, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
    .map((path) => from(join(target, path.slice(source.length)), path, 0o644));
}
