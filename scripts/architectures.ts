/**
 * The kinds of machine that images are made for, and where the programs are that carry our bundles there. For this machine's
 * own kind they are the lock file's packages, which npm installs; for the other, components: the same versions, by their hashes.
 */
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { programPath } from './pins.ts';

export const architectures = ['amd64', 'arm64'] as const;
/** As images name it. */
export type Architecture = (typeof architectures)[number];

export const ownArchitecture: Architecture = process.arch === 'arm64' ? 'arm64' : 'amd64';

/** The binary that an image runs, as an SBOM names it. */
export interface Runtime {
  readonly name: string;
  readonly version: string;
  readonly vendor: string;
  readonly binary: string;
  readonly architecture: Architecture;
  /** What lies in the image in its place, where the binary is a part of a larger program. */
  readonly executable?: string;
}

/** Its package; optional: where it cannot be had, there is no such folder. */
export const folderOfBun = `node_modules/@oven/${process.arch === 'arm64' ? 'bun-linux-aarch64' : 'bun-linux-x64'}`;
/** This machine's. */
export const bunBinary = `${folderOfBun}/bin/bun`;

export function nodeRuntime(architecture: Architecture): Runtime {
  const version = process.version.slice(1);
  const binary =
    architecture === ownArchitecture
      ? realpathSync(process.execPath)
      : component(`node-${architecture}`);
  return { name: 'node', version, vendor: 'nodejs', binary, architecture };
}

export function bunRuntime(architecture: Architecture): Runtime {
  // The package's own description.
  const { version } = JSON.parse(readFileSync(join(folderOfBun, 'package.json'), 'utf8')) as {
    version: string;
  };
  const binary =
    architecture === ownArchitecture ? realpathSync(bunBinary) : component(`bun-${architecture}`);
  return { name: 'bun', version, vendor: 'oven', binary, architecture };
}

/** @throws {Error} that names what brings it, where it is not installed */
export function component(name: string): string {
  const path = programPath(name);
  if (!existsSync(path))
    throw new Error(`${name} is not at ${path}: run scripts/components ${name}`);
  return path;
}
