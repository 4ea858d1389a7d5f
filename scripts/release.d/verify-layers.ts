/** What is in the layers of an image, and whether it is started as that image of a release is. */
import { isObject, objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import type { Architecture } from '../architectures.ts';
import { system } from '../image-layers.ts';
import { configOf, type PackedImage } from '../image-archive.ts';
import { ofCommit, runtimeLabel, settingsOf, starts } from '../image-settings.ts';
import type { ReleasedImage } from './release-files.ts';
import { filesOf, jsonOf } from './verify-archives.ts';
import { demandPlatform } from './verify-programs.ts';

/** Which image one has to be. */
export interface ImageOf {
  readonly name: ReleasedImage;
  readonly architecture: Architecture;
  /** `repository:tag`. */
  readonly reference: string;
  readonly version: string;
  readonly commit: string;
}

const runs = (path: string): boolean => /^(?:lib|lib64|usr\/local\/bin)\//.test(path);
/** Besides what is started, and the files of {@link system}. */
const inEach = [
  /^lib(?:64)?\/(?:[\w-]+\/)?[\w.+-]+$/,
  /^usr\/share\/(?:doc\/svidecar\/(?:LICENSE|THIRD-PARTY-NOTICES)|svidecar\/sbom\.spdx\.json)$/,
];
const inWebhook = [
  /^opt\/svidecar\/(?:package\.json|webhook\/parts\/[\w-]+\.mjs)$/,
  /^opt\/svidecar\/templates\/[a-z0-9-]+\/(?:README\.md|template\.yaml)$/,
];
const platforms = { amd64: 'linux-x64', arm64: 'linux-arm64' } as const;

/** By path. @throws {Error} where a layer covers a file of another, or a program is for another machine */
export function layerFiles(
  layers: PackedImage['layers'],
  { name, architecture }: ImageOf,
): ReadonlyMap<string, Buffer> {
  const files = new Map<string, Buffer>();
  for (const { archive } of layers)
    for (const [path, content] of filesOf(archive, runs)) {
      if (files.has(path)) throw new Error(`a layer covers ${path} of another one`);
      if (runs(path)) demandPlatform(path, content, platforms[architecture]);
      files.set(path, content);
    }
  lookAtPlaces(files, name);
  return files;
}

/** A system reads files that no program of ours names, such as /etc/ld.so.preload. */
function lookAtPlaces(files: ReadonlyMap<string, Buffer>, name: ReleasedImage): void {
  const started = new Set(starts[name].entrypoint.map((path) => path.slice(1)));
  const own = name === 'webhook' ? [...inEach, ...inWebhook] : inEach;
  const ofSystem = new Map(system.map(({ path, content }) => [path, content]));
  for (const [path, content] of files) {
    const usual = ofSystem.get(path);
    if (usual !== undefined && !usual.equals(content))
      throw new Error(`its ${path} is not the one of our images`);
    if (usual === undefined && !started.has(path) && !own.some((each) => each.test(path)))
      throw new Error(`it holds ${path}, which is no file of the image ${name}`);
  }
}

interface Inside extends ImageOf {
  readonly files: ReadonlyMap<string, Buffer>;
  readonly layers: PackedImage['layers'];
}

/** @returns what runs it, as its label says. @throws {Error} where it is not the configuration of that image of that commit */
export function lookAtConfig(
  bytes: Buffer,
  { name, architecture, version, commit, files, layers }: Inside,
): string {
  const parsed = jsonOf(bytes, 'the configuration');
  const stated: JsonObject = isObject(parsed) ? parsed : {};
  const labels = objectAt(objectAt(stated, 'config'), 'Labels');
  compare('version', stringAt(labels, 'org.opencontainers.image.version'), version);
  compare('commit', stringAt(labels, 'org.opencontainers.image.revision'), commit);
  const runtime = stringAt(labels, runtimeLabel) ?? '';
  const start = starts[name];
  const missing = start.entrypoint.find((path) => !files.has(path.slice(1)));
  if (missing !== undefined) throw new Error(`it starts ${missing}, and does not hold it`);
  const about = { repository: `svidecar/${name}`, tag: version, license: 'Apache-2.0' };
  const config = ofCommit(settingsOf({ ...start, ...about, runtime }), commit);
  const digests = layers.map(({ digest }) => digest);
  if (!configOf({ architecture, config }, digests).equals(bytes))
    throw new Error(`it is not started as the image ${name} of a release`);
  return runtime;
}

function compare(what: string, is: string | undefined, stated: string): void {
  if (is !== stated)
    throw new Error(
      `its label of the ${what} is ${is ?? 'missing'}, and provenance.json states ${stated}`,
    );
}
