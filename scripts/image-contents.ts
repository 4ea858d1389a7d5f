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
import { runtimePath, starts } from './image-settings.ts';
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
            ...starts.helper,
            runtime: options.runtime === 'bun' ? bunRuntime(options.architecture) : node,
            file: 'opt/svidecar/helper.cjs',
          });
    case 'webhook':
      return ourImage('webhook', {
        ...starts.webhook,
        runtime: node,
        file: bundleOf('webhook'),
        // The program looks for package.json and templates one folder up, as in the repository.
        beside: [
          { path: 'opt/svidecar/package.json', mode: 0o644, content: asJson({ version }) },
          ...trackedFilesIn('templates', 'opt/svidecar/templates'),
        ],
      });
    case 'demo':
      return ourImage('demo', {
        ...starts.demo,
        runtime: node,
        file: bundleOf('demo'),
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

/** In the image. */
function bundleOf(name: Program): string {
  return starts[name].entrypoint[1]?.slice(1) ?? '';
}

/** One program, which needs neither a script nor anything that could be written to. */
async function executableImage(architecture: Architecture): Promise<Contents> {
  const work = mkdtempSync(join(tmpdir(), 'svidecar-image-'));
  const executable = join(work, 'auth-helper');
  const packages = await buildExecutable(executable, architecture);
  const { description, environment, entrypoint } = starts.helper;
  const path = entrypoint.join('').slice(1);
  const base = withRuntime({ ...bunRuntime(architecture), executable }, path);
  rmSync(work, { recursive: true });
  return {
    ...base,
    ...described('helper', description),
    arguments: [],
    environment,
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
  const base = withRuntime(ours.runtime, runtimePath);
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
