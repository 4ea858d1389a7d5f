/** What each image holds: a program of the machine with the libraries it is linked with, and our bundle beside it. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bundle, type Program } from './bundle.ts';
import { memoryEnvironment } from './memory-environment.ts';
import { programPath, programVersion } from './pins.ts';
import type { TarEntry } from './tar.ts';

/** The binary that the image runs, as an SBOM names it. */
export interface Runtime {
  readonly name: string;
  readonly version: string;
  readonly vendor: string;
  readonly binary: string;
}

export interface Contents {
  readonly repository: string;
  readonly tag: string;
  readonly description: string;
  readonly runtime: Runtime;
  /** Path of the binary in the image. */
  readonly program: string;
  readonly arguments: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** Lowest first: what several images share, then what is this one's. */
  readonly layers: readonly (readonly TarEntry[])[];
  /** Shared libraries, where they lie on this machine and in the image. */
  readonly libraries: readonly string[];
  /** Folders of npm packages that the bundle holds. */
  readonly packages: readonly string[];
}

export interface Options {
  /** The helper's. */
  readonly runtime: 'bun' | 'node';
}

// Our own package.json.
const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };

export const imageNames = ['helper', 'webhook', 'demo', 'envoy'] as const;
export type ImageName = (typeof imageNames)[number];

/** Lays an image out. Bundles with esbuild, reads the machine's libraries; the rest comes from the lock file's packages. */
export async function contentsOf(name: ImageName, options: Options): Promise<Contents> {
  switch (name) {
    case 'helper':
      return ourImage('helper', {
        description: 'The auth-helper: Envoy asks it about each request.',
        runtime: options.runtime === 'bun' ? bun() : node(),
        file: 'opt/svidecar/helper.cjs',
        environment: memoryEnvironment,
      });
    case 'webhook':
      return ourImage('webhook', {
        description: 'The admission webhook and the command line.',
        runtime: node(),
        // The program looks for package.json and templates one folder up, as in the repository.
        file: 'opt/svidecar/webhook/main.mjs',
        environment: { NODE_ENV: 'production' },
        beside: [
          { path: 'opt/svidecar/package.json', mode: 0o644, content: readFileSync('package.json') },
          ...folder('templates', 'opt/svidecar/templates'),
        ],
      });
    case 'demo':
      return ourImage('demo', {
        description: 'The demo: accounts behind an Envoy, and a page that shows one.',
        runtime: node(),
        file: 'opt/svidecar/demo.mjs',
        environment: { NODE_ENV: 'production', NODE_OPTIONS: '--max-semi-space-size=1' },
      });
    case 'envoy':
      return envoyImage();
    default:
      return name satisfies never;
  }
}

interface Ours {
  readonly description: string;
  readonly runtime: Runtime;
  /** Path of the bundle in the image. */
  readonly file: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly beside?: readonly TarEntry[];
}

async function ourImage(name: Program, ours: Ours): Promise<Contents> {
  const work = mkdtempSync(join(tmpdir(), 'svidecar-image-'));
  const out = join(work, 'bundle');
  const packages = await bundle(name, out);
  const own = [...(ours.beside ?? []), from(ours.file, out, 0o644)];
  rmSync(work, { recursive: true });
  const base = withRuntime(ours.runtime, 'usr/local/bin/runtime');
  return {
    ...base,
    repository: `svidecar/${name}`,
    tag: version,
    description: ours.description,
    arguments: [`/${ours.file}`],
    environment: ours.environment,
    layers: [...base.layers, own],
    packages,
  };
}

/** Envoy as its own image is called, for machines without a registry. */
function envoyImage(): Contents {
  const envoy = programVersion('envoy');
  const binary = programPath('envoy');
  const base = withRuntime(
    { name: 'envoy', version: envoy, vendor: 'envoyproxy', binary },
    'usr/local/bin/envoy',
  );
  return {
    ...base,
    repository: 'envoyproxy/envoy',
    tag: `v${envoy}`,
    description: 'Envoy, from the pinned package; stands in for the published image.',
    arguments: [],
    environment: {},
    packages: [],
  };
}

function withRuntime(
  runtime: Runtime,
  program: string,
): Pick<Contents, 'runtime' | 'program' | 'layers' | 'libraries'> {
  const libraries = librariesOf(runtime.binary);
  const layer = [
    ...system,
    ...libraries.map((path) => from(path.slice(1), path, 0o755)),
    from(program, runtime.binary, 0o755),
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

function node(): Runtime {
  const binary = realpathSync(process.execPath);
  return { name: 'node', version: process.version.slice(1), vendor: 'nodejs', binary };
}

function bun(): Runtime {
  const name = process.arch === 'arm64' ? 'bun-linux-aarch64' : 'bun-linux-x64';
  const home = realpathSync(`node_modules/@oven/${name}`);
  // The package's own description.
  const { version } = JSON.parse(readFileSync(join(home, 'package.json'), 'utf8')) as {
    version: string;
  };
  return { name: 'bun', version, vendor: 'oven', binary: join(home, 'bin/bun') };
}

/** The dynamic linker and the libraries, where the binary looks for them. */
function librariesOf(binary: string): readonly string[] {
  const listed = execFileSync('ldd', [binary], { encoding: 'utf8' });
  return [...new Set(listed.match(/\/\S+\.so\S*/g) ?? [])].sort();
}

function folder(source: string, target: string): readonly TarEntry[] {
  return readdirSync(source, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .map((path) => from(join(target, path.slice(source.length)), path, 0o644));
}

function from(path: string, source: string, mode: number): TarEntry {
  return { path, mode, content: readFileSync(source) };
}
