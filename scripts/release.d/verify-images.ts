/** Whether the archives of images hold what they say: every blob by its digest, both architectures, one image in two forms. */
import { readFileSync } from 'node:fs';
import { isObject, listAt, objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { architectures } from '../architectures.ts';
import { sha256 } from '../image-archive.ts';
import { entranceOf, mediaTypes } from '../oci-archive.ts';
import { filesOf, gunzipped } from './verify-archives.ts';

export interface ReleasedIndex {
  /** `sha256:…`. */
  readonly digest: string;
  /** Digest of the configuration, by architecture. */
  readonly configs: ReadonlyMap<string, string>;
}

type Blobs = ReadonlyMap<string, Buffer>;

/** @param reference `repository:tag`, which alone it may be imported as. @throws {Error} that says what is wrong with it */
export function readIndex(file: string, reference: string): ReleasedIndex {
  const files = filesOf(readFileSync(file));
  const blobs = blobsIn(files);
  const entrance = listAt(jsonIn(files.get('index.json'), 'index.json'), 'manifests');
  const digest = stringAt(objectOf(entrance[0]), 'digest') ?? '';
  const index = {
    mediaType: mediaTypes.index,
    digest,
    size: blobs.get(digest)?.length ?? 0,
  };
  if (files.get('index.json')?.equals(entranceOf(index, reference)) !== true)
    throw new Error(`its index.json is not that of one index, named ${reference}`);
  const used = new Set([digest]);
  const configs = configsIn(digest, { blobs, used });
  const spare = [...blobs.keys()].find((each) => !used.has(each));
  if (spare !== undefined) throw new Error(`the blob ${spare} belongs to no image`);
  return { digest, configs };
}

function blobsIn(files: ReadonlyMap<string, Buffer>): Blobs {
  const blobs = new Map<string, Buffer>();
  for (const [path, content] of files) {
    if (path === 'index.json' || path === 'oci-layout') continue;
    const [, hash] = /^blobs\/sha256\/([0-9a-f]{64})$/.exec(path) ?? [];
    if (hash === undefined) throw new Error(`it holds ${path}, which is no part of an image`);
    if (sha256(content) !== hash) throw new Error(`the blob sha256:${hash} has another digest`);
    blobs.set(`sha256:${hash}`, content);
  }
  return blobs;
}

interface Layout {
  readonly blobs: Blobs;
  /** Is added to. */
  readonly used: Set<string>;
}

/** One image for each architecture, and no other: pullers take the first that fits. */
function configsIn(index: string, layout: Layout): ReadonlyMap<string, string> {
  const entries = listAt(blobJson(index, layout.blobs), 'manifests').map(objectOf);
  const platforms = entries.map((entry) => JSON.stringify(entry['platform']));
  const wanted = architectures.map((architecture) => JSON.stringify({ architecture, os: 'linux' }));
  if (platforms.join() !== wanted.join())
    throw new Error(
      `it holds images for ${platforms.join(', ')}, and must hold one each for ${architectures.join(', ')}`,
    );
  return new Map(
    entries.map((entry, nth) => {
      const architecture = architectures[nth] ?? '';
      return [architecture, configOf(entry, { ...layout, architecture })];
    }),
  );
}

interface OneOf extends Layout {
  readonly architecture: string;
}

/** @returns the digest of the configuration of an image whose layers are those that it states */
function configOf(entry: JsonObject, { blobs, used, architecture }: OneOf): string {
  const own = stringAt(entry, 'digest') ?? '';
  const manifest = blobJson(own, blobs);
  const parts = [objectAt(manifest, 'config'), ...listAt(manifest, 'layers').map(objectOf)];
  for (const part of [entry, ...parts]) {
    const digest = stringAt(part, 'digest') ?? '';
    if (blobs.get(digest)?.length !== part['size'])
      throw new Error(`the blob ${digest} is missing, or of another size`);
    used.add(digest);
  }
  const [digest = '', ...layers] = parts.map((part) => stringAt(part, 'digest') ?? '');
  const config = blobJson(digest, blobs);
  if (stringAt(config, 'architecture') !== architecture)
    throw new Error(`the image for ${architecture} is for another architecture`);
  const unpacked = layers.map((each) => sha256(gunzipped(blobs.get(each) ?? Buffer.alloc(0))));
  if (unpacked.map((sum) => `sha256:${sum}`).join() !== diffIds(config).join())
    throw new Error(`the layers for ${architecture} are not those that its configuration states`);
  return digest;
}

function diffIds(config: JsonObject): readonly string[] {
  return textsAt(objectAt(config, 'rootfs'), 'diff_ids');
}

function objectOf(value: unknown): JsonObject {
  return isObject(value) ? value : {};
}

function blobJson(digest: string, blobs: Blobs): JsonObject {
  return jsonIn(blobs.get(digest), `the blob ${digest}`);
}

function jsonIn(bytes: Buffer | undefined, what: string): JsonObject {
  if (bytes === undefined) throw new Error(`${what} is missing`);
  const value: unknown = JSON.parse(bytes.toString());
  if (!isObject(value)) throw new Error(`${what} is no object`);
  return value;
}

export interface DockerArchive {
  /** Digest of the configuration. */
  readonly config: string;
  readonly labels: JsonObject;
  /** Files of all layers, by path. */
  readonly files: ReadonlyMap<string, Buffer>;
}

/** @param reference `repository:tag`. @throws {Error} that says what is wrong with it */
export function readDockerArchive(file: string, reference: string): DockerArchive {
  const files = filesOf(readFileSync(file));
  const list: unknown = JSON.parse(files.get('manifest.json')?.toString() ?? '[]');
  const [image, ...others] = Array.isArray(list) ? list.filter(isObject) : [];
  if (image === undefined || others.length > 0) throw new Error('it must hold one image');
  if (textsAt(image, 'RepoTags').join(' ') !== reference)
    throw new Error(`it is not named ${reference} alone`);
  const named = files.get(stringAt(image, 'Config') ?? '');
  const config = jsonIn(named, 'the configuration');
  const layers = textsAt(image, 'Layers').map((path) => files.get(path) ?? Buffer.alloc(0));
  if (layers.map((layer) => `sha256:${sha256(layer)}`).join() !== diffIds(config).join())
    throw new Error('its layers are not those that its configuration states');
  return {
    config: `sha256:${sha256(named ?? Buffer.alloc(0))}`,
    labels: objectAt(objectAt(config, 'config'), 'Labels'),
    files: new Map(layers.flatMap((layer) => [...filesOf(layer)])),
  };
}

function textsAt(object: JsonObject, key: string): readonly string[] {
  return listAt(object, key).map((each) => (typeof each === 'string' ? each : ''));
}
