/** Whether the files of a release agree with each other: images in their forms, manifests, the chart, and what is said to be inside. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf } from '#kernel/errors.ts';
import { isObject, stringAt } from '#kernel/json.ts';
import { provenanceFile } from './listed-files.ts';
import type { Origin } from './provenance.ts';
import {
  pathsOfRelease,
  releasedImages,
  releaseFiles,
  repositoryUnder,
  type ReleasedImage,
} from './release-files.ts';
import type { PinnedImage } from './release-images.ts';
import { filesOf, gunzipped } from './verify-archives.ts';
import { readDockerArchive, readIndex, type ReleasedIndex } from './verify-images.ts';
import { lookIntoChart, lookIntoManifests, type Installed } from './verify-references.ts';
import { lookIntoSbom } from './verify-sbom.ts';

/** Index by the image's name. */
type Indexes = ReadonlyMap<string, ReleasedIndex>;

const packagePath = /^((?:npm|cli)\/.*)\.(?:tgz|tar\.gz)$/;
const dockerPath = /^images\/svidecar-([a-z]+)-.+-linux-([a-z0-9]+)\.tar$/;

/** @returns one sentence for each that is wrong */
export function faultsInside(folder: string, origin: Origin): readonly string[] {
  const faults: string[] = [];
  const told = <Found>(path: string, look: () => Found): Found | undefined => {
    try {
      return look();
    } catch (thrown) {
      faults.push(`${path}: ${messageOf(thrown)}`);
      return undefined;
    }
  };
  const all = pathsOfRelease(origin.version);
  const indexes = new Map<string, ReleasedIndex>();
  for (const name of releasedImages) {
    const path = releaseFiles(origin.version).layout(name);
    const index = told(path, () => readIndex(join(folder, path), referenceOf(name, origin)));
    if (index) indexes.set(name, index);
  }
  const release = { folder, indexes, origin };
  for (const path of all)
    told(path, () => {
      lookInside(path, release);
    });
  return faults;
}

/** `repository:tag`. */
function referenceOf(name: string, { registry, version }: Origin): string {
  return `${repositoryUnder(registry, name)}:${version}`;
}

interface Release {
  readonly folder: string;
  readonly indexes: Indexes;
  readonly origin: Origin;
}

function lookInside(path: string, release: Release): void {
  if (dockerPath.test(path)) lookIntoImage(path, release);
  else if (packagePath.test(path)) lookIntoPackage(path, release);
  else if (/^manifests\/.*\.yaml$/.test(path))
    lookIntoManifests(readFileSync(join(release.folder, path), 'utf8'), installed(release));
  else if (/^chart\/.*\.tgz$/.test(path))
    lookIntoChart(unpacked(join(release.folder, path)), release.origin.version, installed(release));
}

function lookIntoImage(path: string, { folder, indexes, origin }: Release): void {
  const [, name = '', architecture = ''] = dockerPath.exec(path) ?? [];
  const { config, files, labels } = readDockerArchive(
    join(folder, path),
    referenceOf(name, origin),
  );
  if (indexes.get(name)?.configs.get(architecture) !== config)
    throw new Error(`it is not the image for ${architecture} of the layout for ${name}`);
  compare('its label of the version', stringAt(labels, `${label}.version`), origin.version);
  compare('its label of the commit', stringAt(labels, `${label}.revision`), origin.commit);
  const beside = path.replace(/\.tar$/, '.spdx.json');
  const document = readFileSync(join(folder, beside));
  const own = [...files].find(([, content]) => content.equals(document));
  if (own === undefined) throw new Error(`${beside} is not the one inside`);
  lookIntoSbom(document, {
    name: `svidecar/${name}`,
    version: origin.version,
    files: new Map([...files].filter(([inside]) => inside !== own[0])),
  });
}

/** Of all labels that OCI names. */
const label = 'org.opencontainers.image';

function compare(what: string, is: string | undefined, stated: string): void {
  if (is !== stated)
    throw new Error(`${what} is ${is ?? 'missing'}, and ${provenanceFile} states ${stated}`);
}

function unpacked(file: string): ReadonlyMap<string, Buffer> {
  return filesOf(gunzipped(readFileSync(file)));
}

function lookIntoPackage(path: string, { folder, origin }: Release): void {
  const document = readFileSync(join(folder, path.replace(packagePath, '$1.spdx.json')));
  const files = unpacked(join(folder, path));
  const [, platform] = /^cli\/.*?-((?:linux|darwin)-[a-z0-9]+)\.tar\.gz$/.exec(path) ?? [];
  const name = platform === undefined ? 'svidecar' : `svidecar-${platform}`;
  if (platform === undefined) lookAtDescription(files, origin);
  lookIntoSbom(document, { name, version: origin.version, files });
}

/** Of npm's package. */
function lookAtDescription(files: ReadonlyMap<string, Buffer>, origin: Origin): void {
  const description: unknown = JSON.parse(files.get('package/package.json')?.toString() ?? '{}');
  const version = isObject(description) ? stringAt(description, 'version') : undefined;
  compare("its package.json's version", version, origin.version);
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
