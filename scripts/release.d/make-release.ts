/** What a user installs, in one folder: the npm package, images, the chart, plain manifests, and what proves them. */
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { sha256 } from '../image-archive.ts';
import { sizeOf, writeParts } from '../parts.ts';
import { sbomOfPackage } from '../sbom.ts';
import { cleanCommit } from '../tracked-files.ts';
import { provenanceFile, signatureFile, sumsFile, sumsOf, sumsText } from './listed-files.ts';
import { inputs } from './inputs.ts';
import { executables } from './executables.ts';
import { npmPackage, type NpmPackage } from './npm-package.ts';
import { pinnedChart, pinnedOverlay } from './pinned-manifests.ts';
import { provenance } from './provenance.ts';
import { overlays, releaseFiles } from './release-files.ts';
import { writeImages } from './release-images.ts';
import { folderBeside, inWords, replaceFolder } from './replaced-folder.ts';
import { npmCache, refuseChangedFiles } from './installed-files.ts';
import { refuseOtherPackages } from './installed-packages.ts';
import { sign, trySigning } from './signing.ts';
import { mayStop, stoppable, stopped } from './stopping.ts';

export interface ReleaseOptions {
  readonly version: string;
  /** Is replaced, if it holds a release. */
  readonly out: string;
  /** Where the images will be pulled from; goes before their names. Empty: they are named as in the tree. */
  readonly registry: string;
  /** A private key for ssh-keygen; absent: nothing is signed. */
  readonly key: string | undefined;
}

/** @throws {Error} in words, where the tree is not clean or says another version, or it was stopped */
export async function makeRelease(options: ReleaseOptions): Promise<void> {
  const { version, out, key } = options;
  const commit = cleanCommit();
  refuseOtherVersion(version);
  refuseOtherPackages();
  if (key !== undefined) trySigning(key);
  const made = folderBeside(out);
  // All that is made on the way lies in it, so that one removal is enough.
  const work = mkdtempSync(join(tmpdir(), 'svidecar-release-'));
  process.env['TMPDIR'] = work;
  try {
    await stoppable(async () => {
      tellOfUncompared(refuseChangedFiles(npmCache()));
      await mayStop();
      await writeRelease({ ...options, out: made }, commit);
      // A temporary folder is for its owner alone.
      chmodSync(made, 0o755);
      await mayStop();
      // Only now: until the new one is whole, the old one stays.
      replaceFolder(out, made);
    });
  } catch (thrown) {
    throw inWords(thrown, out);
  } finally {
    for (const folder of [made, work])
      rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  }
}

function tellOfUncompared(packages: readonly string[]): void {
  if (packages.length > 0)
    console.log(
      `npm does not have the archives of ${packages.length} packages any more (${packages[0] ?? ''} is one): their files were not compared; \`npm ci\` gets them`,
    );
}

async function writeRelease(options: ReleaseOptions, commit: string): Promise<void> {
  const { version, out, key, registry } = options;
  const files = releaseFiles(version);
  const npm = await npmPackage(version);
  writeNpmPackage(out, version, npm);
  for (const { platform, archive, sbom } of await executables(version, npm)) {
    write(out, files.cli(platform).archive, archive);
    write(out, files.cli(platform).sbom, sbom);
  }
  const images = await writeImages({
    version,
    commit,
    registry,
    write: (path, content) => {
      write(out, path, content);
    },
  });
  write(out, files.chart, pinnedChart(images));
  for (const name of overlays) write(out, files.manifests(name), pinnedOverlay(name, images));
  const sums = sumsOf(out);
  const statement = provenance(sums, { version, commit, registry, inputs: inputs() });
  write(out, provenanceFile, statement);
  // With the statement: who signs the list signs it too.
  const all = new Map([...sums, [provenanceFile, sha256(Buffer.from(statement))]]);
  write(out, sumsFile, sumsText(all));
  await mayStop();
  if (key === undefined) return;
  sign(join(out, sumsFile), key);
  console.log(signatureFile);
}

function write(out: string, path: string, content: string | Buffer | readonly Buffer[]): void {
  stopped.throwIfAborted();
  const file = join(out, path);
  mkdirSync(dirname(file), { recursive: true });
  const parts = typeof content === 'string' ? [Buffer.from(content)] : [content].flat();
  writeParts(file, parts);
  console.log(`${path} ${sizeOf(parts)} bytes`);
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

function writeNpmPackage(out: string, version: string, npm: NpmPackage): void {
  const { archive, packages, files } = npm;
  const own = releaseFiles(version).npm;
  write(out, own.archive, archive);
  const sbom = sbomOfPackage({ name: 'svidecar', version, packages, files });
  write(out, own.sbom, sbom);
}
