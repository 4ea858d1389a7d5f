/** What all images have in common: a program of the machine, the libraries it is linked with, and a few files of a system. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TarEntry } from './tar.ts';

/** The binary that the image runs, as an SBOM names it. */
export interface Runtime {
  readonly name: string;
  readonly version: string;
  readonly vendor: string;
  readonly binary: string;
  /** What lies in the image in its place, where the binary is a part of a larger program. */
  readonly executable?: string;
}

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
  /** Shared libraries and tools, where they lie on this machine and in the image. */
  readonly libraries: readonly string[];
  /** Folders of npm packages that the bundle holds. */
  readonly packages: readonly string[];
}

/** @param tools other programs of the machine, which lie in the image where they lie here */
export function withRuntime(
  runtime: Runtime,
  program: string,
  tools: readonly string[] = [],
): Pick<Contents, 'runtime' | 'program' | 'layers' | 'libraries'> {
  const linked = [runtime.binary, ...tools].flatMap(librariesOf);
  const libraries = [...new Set([...linked, ...tools])].sort();
  const layer = [
    ...system,
    ...libraries.map((path) => from(path.slice(1), path, 0o755)),
    from(program, runtime.executable ?? runtime.binary, 0o755),
  ];
  return { runtime, program, libraries, layers: [layer] };
}

function textFile(path: string, text: string): TarEntry {
  return { path, mode: 0o644, content: Buffer.from(text) };
}

const system: readonly TarEntry[] = [
  textFile(
    'etc/passwd',
    'root:x:0:0:root:/:/sbin/nologin\nnonroot:x:65532:65532::/:/sbin/nologin\n',
  ),
  textFile('etc/group', 'root:x:0:\nnonroot:x:65532:\n'),
  textFile('etc/nsswitch.conf', 'hosts: files dns\n'),
  { path: 'tmp/', mode: 0o1777 },
];

/** The dynamic linker and the libraries, where the binary looks for them. */
function librariesOf(binary: string): readonly string[] {
  let listed: string;
  try {
    listed = execFileSync('ldd', [binary], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
  } catch {
    // That is how ldd speaks of a static binary. One that is missing is reported by the reading of its bytes.
    return [];
  }
  return [...new Set(listed.match(/\/\S+\.so\S*/g) ?? [])].sort();
}

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
