/** Whether the archives of images hold what they say: every blob by its digest, both architectures, one image in two forms. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isObject, listAt, objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { architectures } from '../architectures.ts';
import { sha256 } from '../image-archive.ts';
import { tarEntries } from '../tar.ts';

export interface ReleasedIndex {
  /** `sha256:…`. */
  readonly digest: string;
  /** Digest of the configuration, by architecture. */
  readonly configs: ReadonlyMap<string, string>;
}

type Blobs = ReadonlyMap<string, Buffer>;

/** @throws {Error} that says what is wrong with it */
export function readIndex(file: string): ReleasedIndex {
  const files = filesOf(readFileSync(file));
  const blobs = new Map(
    [...files]
      .filter(([path]) => path.startsWith('blobs/sha256/'))
      .map(([path, content]) => [`sha256:${path.slice('blobs/sha256/'.length)}`, content]),
  );
  for (const [digest, content] of blobs)
    if (`sha256:${sha256(content)}` !== digest)
      throw new Error(`the blob ${digest} has another digest`);
  const digests = new Set(
    listAt(jsonIn(files.get('index.json'), 'index.json'), 'manifests').map((each) =>
      isObject(each) ? stringAt(each, 'digest') : undefined,
    ),
  );
  const [digest, ...others] = digests;
  if (digest === undefined || others.length > 0) throw new Error('it must name one index');
  return { digest, configs: configsIn(digest, blobs) };
}

function configsIn(index: string, blobs: Blobs): ReadonlyMap<string, string> {
  const manifests = listAt(blobJson(index, blobs), 'manifests').filter(isObject);
  const configs = manifests.map((entry): [string, string] => {
    const manifest = blobJson(stringAt(entry, 'digest') ?? '', blobs);
    const config = objectAt(manifest, 'config');
    for (const part of [config, ...listAt(manifest, 'layers').filter(isObject)]) {
      const digest = stringAt(part, 'digest') ?? '';
      if (blobs.get(digest)?.length !== part['size'])
        throw new Error(`the blob ${digest} is missing, or of another size`);
    }
    const digest = stringAt(config, 'digest') ?? '';
    const architecture = stringAt(objectAt(entry, 'platform'), 'architecture') ?? '';
    if (stringAt(blobJson(digest, blobs), 'architecture') !== architecture)
      throw new Error(`the image for ${architecture} is for another architecture`);
    return [architecture, digest];
  });
  const missing = architectures.filter((each) => !configs.some(([found]) => found === each));
  if (missing.length > 0) throw new Error(`there is no image for ${missing.join(', ')}`);
  return new Map(configs);
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

function filesOf(archive: Buffer): Map<string, Buffer> {
  return new Map(
    tarEntries(archive).flatMap(({ path, content }) =>
      content === undefined ? [] : [[path, content] as const],
    ),
  );
}

export interface DockerArchive {
  /** Digest of the configuration. */
  readonly config: string;
  readonly labels: JsonObject;
  /** Files of all layers, by path. */
  readonly files: ReadonlyMap<string, Buffer>;
}

/** @throws {Error} that says what is wrong with it */
export function readDockerArchive(folder: string, path: string): DockerArchive {
  const files = filesOf(readFileSync(join(folder, path)));
  const list: unknown = JSON.parse(files.get('manifest.json')?.toString() ?? '[]');
  const [image, ...others] = Array.isArray(list) ? list.filter(isObject) : [];
  if (image === undefined || others.length > 0) throw new Error('it must hold one image');
  const named = files.get(stringAt(image, 'Config') ?? '');
  const config = jsonIn(named, 'the configuration');
  const layers = textsAt(image, 'Layers').map((path) => files.get(path) ?? Buffer.alloc(0));
  const stated = textsAt(objectAt(config, 'rootfs'), 'diff_ids');
  if (layers.map((layer) => `sha256:${sha256(layer)}`).join() !== stated.join())
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
