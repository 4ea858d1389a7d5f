/** Whether the archives of images hold what they say: every blob by its digest, both architectures, one image in two forms. */
import { readFileSync } from 'node:fs';
import { isObject, listAt, objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { architectures, type Architecture } from '../architectures.ts';
import { dockerArchive, sha256 } from '../image-archive.ts';
import { layerFiles, lookAtConfig, type ImageOf } from './verify-layers.ts';
import { entranceOf, mediaTypes, ociLayout, type CompressedImage } from '../oci-archive.ts';
import { filesOf, gunzipped, isMadeOf, jsonOf } from './verify-archives.ts';

export interface ReleasedIndex {
  /** `sha256:…`. */
  readonly digest: string;
  /** Digest of the configuration, by architecture. */
  readonly configs: ReadonlyMap<string, string>;
}

type Blobs = ReadonlyMap<string, Buffer>;

/** @param reference `repository:tag`, which alone it may be imported as. @throws {Error} that says what is wrong with it */
export function readIndex(file: string, reference: string): ReleasedIndex {
  const archive = readFileSync(file);
  const files = filesOf(archive);
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
  const images = imagesIn(digest, { blobs, used });
  const spare = [...blobs.keys()].find((each) => !used.has(each));
  if (spare !== undefined) throw new Error(`the blob ${spare} belongs to no image`);
  // Whatever else is in it, such as another place to fetch a layer from.
  if (!isMadeOf(archive, ociLayout(images.map((each) => ({ ...each, reference }))).archive))
    throw new Error('it says more than the layout of a release, or something else');
  const configs = images.map(
    (each) => [each.architecture, `sha256:${sha256(each.config)}`] as const,
  );
  return { digest, configs: new Map(configs) };
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
function imagesIn(index: string, layout: Layout): readonly UnnamedImage[] {
  const entries = listAt(blobJson(index, layout.blobs), 'manifests').map(objectOf);
  const platforms = entries.map((entry) => JSON.stringify(entry['platform']));
  const wanted = architectures.map((architecture) => JSON.stringify({ architecture, os: 'linux' }));
  if (platforms.join() !== wanted.join())
    throw new Error(
      `it holds images for ${platforms.join(', ')}, and must hold one each for ${architectures.join(', ')}`,
    );
  return architectures.map((architecture, nth) =>
    imageIn(objectOf(entries[nth]), { ...layout, architecture }),
  );
}

type UnnamedImage = Omit<CompressedImage, 'reference'>;

interface OneOf extends Layout {
  readonly architecture: Architecture;
}

/** Its layers are those that its configuration states. */
function imageIn(entry: JsonObject, { blobs, used, architecture }: OneOf): UnnamedImage {
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
  const packed = layers.map((each) => blobs.get(each) ?? Buffer.alloc(0));
  const unpacked = packed.map((each) => sha256(gunzipped(each)));
  if (unpacked.map((sum) => `sha256:${sum}`).join() !== diffIds(config).join())
    throw new Error(`the layers for ${architecture} are not those that its configuration states`);
  return { architecture, config: blobs.get(digest) ?? Buffer.alloc(0), layers: packed };
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
  if (bytes === undefined || bytes.length === 0) throw new Error(`${what} is missing`);
  const value = jsonOf(bytes, what);
  if (!isObject(value)) throw new Error(`${what} is no object`);
  return value;
}

export interface DockerArchive {
  /** Digest of the configuration. */
  readonly config: string;
  /** Name and version of what runs it, as its label says. */
  readonly runtime: string;
  /** Files of all layers, by path. */
  readonly files: ReadonlyMap<string, Buffer>;
}

/** @throws {Error} that says what is wrong with it */
export function readDockerArchive(file: string, image: ImageOf): DockerArchive {
  const archive = readFileSync(file);
  const files = filesOf(archive);
  const listed = listedIn(files, image.reference);
  const named = files.get(stringAt(listed, 'Config') ?? '') ?? Buffer.alloc(0);
  const config = jsonIn(named, 'the configuration');
  const layers = textsAt(listed, 'Layers').map((path) => {
    const layer = files.get(path) ?? Buffer.alloc(0);
    return { digest: sha256(layer), archive: layer };
  });
  if (layers.map(({ digest }) => `sha256:${digest}`).join() !== diffIds(config).join())
    throw new Error('its layers are not those that its configuration states');
  if (!isMadeOf(archive, dockerArchive([{ ...image, config: named, layers }])))
    throw new Error('it holds more than the archive of a release, or something else');
  const inside = layerFiles(layers, image);
  const runtime = lookAtConfig(named, { ...image, files: inside, layers });
  return { config: `sha256:${sha256(named)}`, runtime, files: inside };
}

function listedIn(files: ReadonlyMap<string, Buffer>, reference: string): JsonObject {
  const list = jsonOf(files.get('manifest.json') ?? Buffer.from('[]'), 'manifest.json');
  const [listed, ...others] = Array.isArray(list) ? list.filter(isObject) : [];
  if (listed === undefined || others.length > 0) throw new Error('it must hold one image');
  if (textsAt(listed, 'RepoTags').join(' ') !== reference)
    throw new Error(`it is not named ${reference} alone`);
  return listed;
}

function textsAt(object: JsonObject, key: string): readonly string[] {
  return listAt(object, key).map((each) => (typeof each === 'string' ? each : ''));
}
