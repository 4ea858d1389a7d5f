/** What each image holds: a runtime and our bundle beside it, or a program of another project. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import {
  bunRuntime,
  nodeRuntime,
  ownArchitecture,
  type Architecture,
  type Runtime,
} from './architectures.ts';
import { besideHelper, bundle, bundleHelper, partsFolder, type Program } from './bundle.ts';
import { buildExecutable } from './helper-executable.ts';
import { asJson } from './image-archive.ts';
import { filesIn, from, withRuntime, type Contents } from './image-layers.ts';
import { isStandIn, standIn, standIns, type StandIn } from './image-stand-ins.ts';
import { memoryEnvironment } from './memory-environment.ts';
import type { TarEntry } from './tar.ts';
import { noticesIn } from './third-party-notices.ts';
import { trackedFilesIn } from './tracked-files.ts';

/** How the helper's image runs it: as an executable with Bun inside, or as a script on one of these. */
export const helperRuntimes = ['executable', 'bun', 'node'] as const;

export interface Options {
  /** The helper's. */
  readonly runtime: (typeof helperRuntimes)[number];
  readonly architecture: Architecture;
}

// Our own package.json.
const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };

export const imageNames = ['helper', 'webhook', 'demo', ...standIns] as const;
export type ImageName = Program | StandIn;

/** Lays an image out. Bundles with esbuild, reads the machine's libraries; the rest comes from the lock file's packages. */
export async function contentsOf(name: ImageName, options: Options): Promise<Contents> {
  if (isStandIn(name)) return standInHere(name, options.architecture);
  const node = nodeRuntime(options.architecture);
  switch (name) {
    case 'helper':
      return options.runtime === 'executable'
        ? executableImage(options.architecture)
        : ourImage('helper', {
            description: helperDescription,
            runtime: options.runtime === 'bun' ? bunRuntime(options.architecture) : node,
            file: 'opt/svidecar/helper.cjs',
            environment: memoryEnvironment,
          });
    case 'webhook':
      return ourImage('webhook', {
        description: 'The admission webhook and the command line.',
        runtime: node,
        // The program looks for package.json and templates one folder up, as in the repository.
        file: 'opt/svidecar/webhook/main.mjs',
        environment: { NODE_ENV: 'production' },
        beside: [
          { path: 'opt/svidecar/package.json', mode: 0o644, content: asJson({ version }) },
          ...trackedFilesIn('templates', 'opt/svidecar/templates'),
        ],
      });
    case 'demo':
      return ourImage('demo', {
        description: 'The demo: accounts behind an Envoy, and a page that shows one.',
        runtime: node,
        file: 'opt/svidecar/demo.mjs',
        environment: { NODE_ENV: 'production', NODE_OPTIONS: '--max-semi-space-size=1' },
      });
    default:
      return name satisfies never;
  }
}

/** They are programs of this machine. @throws {TypeError} where another architecture is asked for */
function standInHere(name: StandIn, architecture: Architecture): Contents {
  if (architecture !== ownArchitecture)
    throw new TypeError(`${name} is made for ${ownArchitecture} only: leave --architecture out`);
  return standIn(name);
}

const helperDescription = 'The auth-helper: Envoy asks it about each request.';

/** One program, which needs neither a script nor anything that could be written to. */
async function executableImage(architecture: Architecture): Promise<Contents> {
  const work = mkdtempSync(join(tmpdir(), 'svidecar-image-'));
  const executable = join(work, 'auth-helper');
  const packages = await buildExecutable(executable, architecture);
  const base = withRuntime(
    { ...bunRuntime(architecture), executable },
    'usr/local/bin/auth-helper',
  );
  rmSync(work, { recursive: true });
  return {
    ...base,
    ...described('helper', helperDescription),
    arguments: [],
    environment: memoryEnvironment,
    layers: [...base.layers, noticesIn({ ...base, packages })],
    packages,
  };
}

function described(
  name: Program,
  description: string,
): Pick<Contents, 'repository' | 'tag' | 'description' | 'license'> {
  return { repository: `svidecar/${name}`, tag: version, description, license: 'Apache-2.0' };
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
  const out = join(work, basename(ours.file));
  const packages = name === 'helper' ? await bundleHelper(out) : await bundle(name, out);
  // The helper looks for them in its own folder.
  const apart = name === 'helper' ? besideHelper : [];
  const base = withRuntime(ours.runtime, 'usr/local/bin/runtime');
  const own = [
    ...(ours.beside ?? []),
    ...noticesIn({ ...base, packages }),
    from(ours.file, out, 0o644),
    ...apart.map((file) => from(join(dirname(ours.file), file), join(work, file), 0o644)),
    ...partsIn(work, dirname(ours.file)),
  ];
  rmSync(work, { recursive: true });
  return {
    ...base,
    ...described(name, ours.description),
    arguments: [`/${ours.file}`],
    environment: ours.environment,
    layers: [...base.layers, own],
    packages,
  };
}

/** Those of a bundle in parts. */
function partsIn(work: string, folderOfBundle: string): readonly TarEntry[] {
  const parts = join(work, partsFolder);
  return existsSync(parts) ? filesIn(parts, join(folderOfBundle, partsFolder)) : [];
}
