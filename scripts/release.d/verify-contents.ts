/** Whether the files of a release agree with each other: images in their forms, manifests, the chart, and what is said to be inside. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf } from '#kernel/errors.ts';
import { architectures, type Architecture } from '../architectures.ts';
import { sbomPath } from '../image-settings.ts';
import { noticesFile } from '../third-party-notices.ts';
import type { Installed } from './pinned-manifests.ts';
import { provenanceFile } from './listed-files.ts';
import type { Origin, Statement } from './provenance.ts';
import {
  overlays,
  platforms,
  releasedImages,
  releaseFiles,
  repositoryUnder,
  type Platform,
  type ReleaseFiles,
  type ReleasedImage,
} from './release-files.ts';
import type { PinnedImage } from './release-images.ts';
import { filesOf, gunzipped, type Runs } from './verify-archives.ts';
import { readDockerArchive, readIndex, type ReleasedIndex } from './verify-images.ts';
import {
  lookIntoPackage,
  lookIntoProgram,
  packageFolder,
  packageProgram,
  programName,
} from './verify-package.ts';
import { lookIntoChart, lookIntoManifests } from './verify-references.ts';
import { lookIntoSbom, type LockedParts } from './verify-sbom.ts';
import type { Tree } from './verify-tree.ts';

/** @param tree of the commit, if it can be had. @returns one sentence for each that is wrong */
export function faultsInside(
  folder: string,
  origin: Statement,
  tree: Tree | undefined,
): readonly string[] {
  const faults: string[] = [];
  const told = <Found>(path: string, look: () => Found): Found | undefined => {
    try {
      return look();
    } catch (thrown) {
      faults.push(`${path}: ${messageOf(thrown)}`);
      return undefined;
    }
  };
  const files = releaseFiles(origin.version);
  const indexes = new Map<ReleasedImage, ReleasedIndex>();
  for (const name of releasedImages) {
    const path = files.layout(name);
    const index = told(path, () => readIndex(join(folder, path), referenceOf(name, origin)));
    if (index) indexes.set(name, index);
  }
  const release = { folder, files, indexes, origin, tree, lock: tree?.lock() };
  told(provenanceFile, () => tree?.lookAtInputs(origin.inputs));
  for (const [path, look] of looks(release)) told(path, look);
  return faults;
}

/** `repository:tag`. */
function referenceOf(name: string, { registry, version }: Origin): string {
  return `${repositoryUnder(registry, name)}:${version}`;
}

interface Release {
  readonly folder: string;
  readonly files: ReleaseFiles;
  readonly indexes: ReadonlyMap<ReleasedImage, ReleasedIndex>;
  readonly origin: Origin;
  readonly tree: Tree | undefined;
  readonly lock: LockedParts | undefined;
}

type Look = readonly [path: string, look: () => void];

/** At each file, and what is stated beside it. */
function looks(release: Release): readonly Look[] {
  const { files } = release;
  const images = releasedImages.flatMap((name) =>
    architectures.map((architecture): Look => [
      files.image(name, architecture).archive,
      () => {
        lookAtImage(release, name, architecture);
      },
    ]),
  );
  const programs = platforms.map((platform): Look => [
    files.cli(platform).archive,
    () => {
      lookAtProgram(release, platform);
    },
  ]);
  const manifests = overlays.map((overlay): Look => [
    files.manifests(overlay),
    () => {
      const text = read(release, files.manifests(overlay)).toString();
      lookIntoManifests(text, installed(release));
      release.tree?.lookAtManifests(text, overlay, installed(release));
    },
  ]);
  const chart = (): void => {
    const found = unpacked(release, files.chart);
    lookIntoChart(found, release.origin.version, installed(release));
    release.tree?.lookAtChart(found, installed(release));
  };
  const npm = (): void => {
    lookAtPackage(release);
  };
  return [[files.npm.archive, npm], ...programs, ...images, [files.chart, chart], ...manifests];
}

function read({ folder }: Release, path: string): Buffer {
  return readFileSync(join(folder, path));
}

function unpacked(release: Release, path: string, runs?: Runs): ReadonlyMap<string, Buffer> {
  return filesOf(gunzipped(read(release, path)), runs);
}

function lookAtImage(release: Release, name: ReleasedImage, architecture: Architecture): void {
  const { folder, files, indexes, origin, tree, lock } = release;
  const { version, commit } = origin;
  const at = files.image(name, architecture);
  const image = { name, architecture, version, commit, reference: referenceOf(name, origin) };
  const { config, runtime, files: inside } = readDockerArchive(join(folder, at.archive), image);
  if (indexes.get(name)?.configs.get(architecture) !== config)
    throw new Error(`it is not the image for ${architecture} of the layout for ${name}`);
  const document = read(release, at.sbom);
  if (inside.get(sbomPath)?.equals(document) !== true)
    throw new Error(`${at.sbom} is not the one inside`);
  const stated = lookIntoSbom(document, {
    purpose: 'CONTAINER',
    name: `svidecar/${name}`,
    version,
    architecture,
    files: new Map([...inside].filter(([path]) => path !== sbomPath)),
    notices: `${docs}/${noticesFile}`,
    lock,
  });
  if (stated !== runtime)
    throw new Error(
      `its label says that ${runtime} runs it, and its SBOM names ${stated ?? 'none'}`,
    );
  const templates = { 'templates/': 'opt/svidecar/templates' };
  const texts = name === 'webhook' ? templates : {};
  tree?.lookAtTexts(inside, { LICENSE: `${docs}/LICENSE`, ...texts });
}

/** In images. */
const docs = 'usr/share/doc/svidecar';

function lookAtProgram(release: Release, platform: Platform): void {
  const { files, origin, tree, lock } = release;
  const at = files.cli(platform);
  const inside = unpacked(release, at.archive, (path) => path === programName);
  lookIntoProgram(inside, platform);
  lookIntoSbom(read(release, at.sbom), {
    purpose: 'APPLICATION',
    name: `svidecar-${platform}`,
    version: origin.version,
    files: inside,
    notices: noticesFile,
    lock,
  });
  tree?.lookAtTexts(inside, { LICENSE: 'LICENSE' });
}

function lookAtPackage(release: Release): void {
  const { files, origin, tree, lock } = release;
  const inside = unpacked(release, files.npm.archive, (path) => path === packageProgram);
  lookIntoPackage(inside, origin.version);
  lookIntoSbom(read(release, files.npm.sbom), {
    purpose: 'APPLICATION',
    name: 'svidecar',
    version: origin.version,
    files: inside,
    notices: `${packageFolder}${noticesFile}`,
    lock,
  });
  const texts = ['README.md', 'LICENSE', 'CHANGELOG.md', 'templates/', 'manifests/demo/'];
  const placed = texts.map((path) => [path, `${packageFolder}${path.replace(/\/$/, '')}`]);
  tree?.lookAtTexts(inside, Object.fromEntries(placed) as Record<string, string>);
}

/** What is installed comes from where the statement says. @throws {Error} where an image is missing */
function installed({ indexes, origin }: Release): Installed {
  const pinned = (name: ReleasedImage): PinnedImage => {
    const digest = indexes.get(name)?.digest;
    if (digest === undefined) throw new Error(`the image for ${name} is missing, or wrong`);
    return { repository: repositoryUnder(origin.registry, name), digest };
  };
  return { webhook: pinned('webhook'), helper: pinned('helper') };
}
