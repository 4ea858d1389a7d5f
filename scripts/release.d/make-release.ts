/** What a user installs, in one folder: the npm package, images, the chart, plain manifests, and what proves them. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { sha256 } from '../image-archive.ts';
import { filesIn } from '../image-layers.ts';
import { sbomOfPackages } from '../image-sbom.ts';
import { programPath } from '../pins.ts';
import { gzippedTar } from '../tar.ts';
import {
  provenance,
  provenanceFile,
  signatureFile,
  sumsFile,
  sumsOf,
  sumsText,
} from './listed-files.ts';
import { npmPackage } from './npm-package.ts';
import { signatureNamespace } from './verify-release.ts';

export interface ReleaseOptions {
  readonly version: string;
  /** Is emptied first. */
  readonly out: string;
  /** A private key for ssh-keygen; absent: nothing is signed. */
  readonly key: string | undefined;
}

const images = ['helper', 'webhook', 'demo'] as const;
const overlays = ['kind', 'production'] as const;

/** @throws {Error} in words, where the tree is not clean or says another version */
export async function makeRelease({ version, out, key }: ReleaseOptions): Promise<void> {
  const commit = cleanCommit();
  refuseOtherVersion(version);
  rmSync(out, { recursive: true, force: true });
  await writeNpmPackage(out, version);
  for (const name of images) writeImage(out, name, version);
  const chart = filesIn('manifests/helm/svidecar', 'svidecar');
  write(out, `chart/svidecar-${version}.tgz`, gzippedTar(chart));
  for (const name of overlays)
    write(out, `manifests/install-${name}.yaml`, rendered(`manifests/kustomize/overlays/${name}`));
  const sums = sumsOf(out);
  const lock = sha256(readFileSync('package-lock.json'));
  write(out, provenanceFile, provenance(sums, { version, commit, lock }));
  write(out, sumsFile, sumsText(sums));
  if (key !== undefined) sign(join(out, sumsFile), key);
}

function write(out: string, path: string, content: string | Buffer): void {
  const file = join(out, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, content);
  console.log(`${path} ${content.length} bytes`);
}

function git(...args: readonly string[]): string {
  return execFileSync('git', args, { encoding: 'utf8' }).trim();
}

function cleanCommit(): string {
  const changed = git('status', '--porcelain').split('\n').filter(Boolean);
  if (changed.length > 0)
    throw new Error(
      `a release is made of what is committed, and ${changed.length} files are not: ${changed.slice(0, 5).join(', ')}`,
    );
  return git('rev-parse', 'HEAD');
}

/** Wherever the version stands it is compared with package.json's by a test. */
function refuseOtherVersion(version: string): void {
  // Our own package.json.
  const own = JSON.parse(readFileSync('package.json', 'utf8')) as { readonly version: string };
  if (own.version !== version)
    throw new Error(
      `this tree is version ${own.version}, not ${version}: change it first, as docs/releases.md says`,
    );
}

async function writeNpmPackage(out: string, version: string): Promise<void> {
  const { archive, packages } = await npmPackage(version);
  write(out, `npm/svidecar-${version}.tgz`, archive);
  const sbom = sbomOfPackages('svidecar', version, packages);
  write(out, `npm/svidecar-${version}.cdx.json`, sbom);
}

function writeImage(out: string, name: (typeof images)[number], version: string): void {
  const architecture = process.arch === 'arm64' ? 'arm64' : 'amd64';
  const file = join(out, `images/svidecar-${name}-${version}-linux-${architecture}.tar`);
  const args = ['scripts/image.ts', name, '--out', file];
  process.stdout.write(execFileSync(process.execPath, args, { encoding: 'utf8' }));
}

function rendered(overlay: string): string {
  const installed = programPath('kubectl');
  const kubectl = existsSync(installed) ? installed : 'kubectl';
  return execFileSync(kubectl, ['kustomize', overlay], { encoding: 'utf8' });
}

function sign(file: string, key: string): void {
  const args = ['-Y', 'sign', '-f', key, '-n', signatureNamespace, file];
  execFileSync('ssh-keygen', args, { stdio: ['ignore', 'ignore', 'inherit'] });
  console.log(signatureFile);
}
