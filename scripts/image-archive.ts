/** Writes images as a docker-archive of one architecture, which `docker load`, `ctr images import` and `kind load image-archive` read. */
import { createHash } from 'node:crypto';
import { tar, tarParts, type TarEntry } from './tar.ts';

export interface Image {
  /** `repository:tag`. */
  readonly reference: string;
  readonly architecture: 'amd64' | 'arm64';
  /** Lowest first. Layers that are equal stand once in an archive, and are imported once. */
  readonly layers: readonly (readonly TarEntry[])[];
  readonly config: {
    readonly Entrypoint: readonly string[];
    readonly User: string;
    readonly Env: readonly string[];
    readonly Labels: Readonly<Record<string, string>>;
  };
}

/** The one time in an image: equal input gives equal bytes. */
const created = '1970-01-01T00:00:00Z';

/** An image as runtimes read it, whatever archive it travels in. */
export interface PackedImage {
  readonly reference: string;
  readonly architecture: Image['architecture'];
  /** JSON. */
  readonly config: Buffer;
  readonly layers: readonly PackedLayer[];
}

interface PackedLayer {
  /** SHA-256 of the archive. */
  readonly digest: string;
  readonly archive: Buffer;
}

export function packedImage(image: Image): PackedImage {
  const layers = image.layers.map((entries) => {
    const archive = tar(withFolders(entries));
    return { digest: sha256(archive), archive };
  });
  const { reference, architecture } = image;
  const digests = layers.map(({ digest }) => digest);
  return { reference, architecture, config: configOf(image, digests), layers };
}

/** @returns its parts, which share the images' memory */
export function dockerArchive(images: readonly PackedImage[]): readonly Buffer[] {
  const blobs = new Map<string, Buffer>();
  const manifest = images.map(({ reference, config, layers }) => {
    for (const { digest, archive } of layers) blobs.set(`${digest}.tar`, archive);
    const named = `${sha256(config)}.json`;
    blobs.set(named, config);
    const paths = layers.map(({ digest }) => `${digest}.tar`);
    return { Config: named, RepoTags: [reference], Layers: paths };
  });
  const entries = [...blobs].map(([path, content]) => ({ path, mode: 0o644, content }));
  const listed = { path: 'manifest.json', mode: 0o644, content: asJson(manifest) };
  return tarParts([...entries, listed]);
}

/** @param layers SHA-256 of each, unpacked */
export function configOf(
  { architecture, config }: Pick<Image, 'architecture' | 'config'>,
  layers: readonly string[],
): Buffer {
  return asJson({
    architecture,
    os: 'linux',
    created,
    config,
    rootfs: { type: 'layers', diff_ids: layers.map((digest) => `sha256:${digest}`) },
    history: layers.map(() => ({ created, created_by: 'scripts/image' })),
  });
}

/** The files in order, each folder before what is in it. */
export function withFolders(entries: readonly TarEntry[]): readonly TarEntry[] {
  const folders = new Set<string>();
  for (const { path } of entries) {
    const parts = path.split('/').slice(0, -1);
    parts.forEach((_, index) => folders.add(`${parts.slice(0, index + 1).join('/')}/`));
  }
  for (const { path } of entries) folders.delete(path);
  const made = [...folders].map((path) => ({ path, mode: 0o755 }));
  return [...made, ...entries].sort((a, b) => (a.path < b.path ? -1 : 1));
}

export function asJson(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}

export function sha256(...parts: readonly Buffer[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
}
