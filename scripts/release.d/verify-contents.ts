/** Whether the files of a release agree with each other: images in their forms, manifests, the chart, and what is said to be inside. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isObject, listAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { sha256 } from '../image-archive.ts';
import { provenanceFile } from './listed-files.ts';
import type { Origin } from './provenance.ts';
import { pathsOfRelease, releasedImages, releaseFiles, repositoryUnder } from './release-files.ts';
import { filesOf, gunzipped } from './verify-archives.ts';
import { readDockerArchive, readIndex, type ReleasedIndex } from './verify-images.ts';

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
      faults.push(`${path}: ${thrown instanceof Error ? thrown.message : String(thrown)}`);
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
    lookAtReferences(readFileSync(join(release.folder, path), 'utf8'), release.indexes);
  else if (/^chart\/.*\.tgz$/.test(path)) lookIntoChart(path, release);
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
  compareFiles(document, new Map([...files].filter(([inside]) => inside !== own[0])));
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
  compareFiles(document, files);
  if (path.startsWith('cli/')) return;
  const description: unknown = JSON.parse(files.get('package/package.json')?.toString() ?? '{}');
  const version = isObject(description) ? stringAt(description, 'version') : undefined;
  compare("its package.json's version", version, origin.version);
}

/** @throws {Error} that names the first file of which the document says something else */
function compareFiles(document: Buffer, files: ReadonlyMap<string, Buffer>): void {
  const parsed: unknown = JSON.parse(document.toString());
  const listed = listAt(isObject(parsed) ? parsed : {}, 'files').filter(isObject);
  const stated = new Map(listed.map((file) => [stringAt(file, 'fileName') ?? '', sumOf(file)]));
  for (const [path, content] of files)
    if (stated.get(`./${path}`) !== sha256(content))
      throw new Error(`its SBOM says nothing of ${path}, or something else`);
  if (stated.size !== files.size) throw new Error('its SBOM names files that are not inside');
}

function sumOf(file: JsonObject): string | undefined {
  const sums = listAt(file, 'checksums').filter(isObject);
  const sum = sums.find(({ algorithm }) => algorithm === 'SHA256');
  return sum && stringAt(sum, 'checksumValue');
}

/** Of ours; other images are named by others. */
const reference = /(?:^|[\s"'/])svidecar\/([a-z]+)([:@][^\s"']*)/gm;

function lookAtReferences(text: string, indexes: Indexes): void {
  for (const [, name = '', version = ''] of text.matchAll(reference)) {
    const digest = indexes.get(name)?.digest;
    if (version !== `@${digest ?? ''}`)
      throw new Error(
        `it asks for svidecar/${name}${version}, and the image here is ${digest ?? 'missing'}`,
      );
  }
}

function lookIntoChart(path: string, { folder, indexes }: Release): void {
  const values = unpacked(join(folder, path)).get('svidecar/values.yaml')?.toString() ?? '';
  const [, digest] = /^ {2}digest: (\S+)$/m.exec(values) ?? [];
  const own = indexes.get('webhook')?.digest;
  if (digest !== own)
    throw new Error(
      `its values name ${digest ?? 'no digest'}, and the webhook here is ${own ?? 'missing'}`,
    );
  // What is an example is a comment.
  lookAtReferences(values.replace(/^\s*#.*$/gm, ''), indexes);
}
