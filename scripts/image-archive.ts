/** Writes images as a docker-archive, which `docker load`, `ctr images import` and `kind load image-archive` read. */
import { createHash } from 'node:crypto';
import { tar, type TarEntry } from './tar.ts';

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

export function dockerArchive(images: readonly Image[]): Buffer {
  const blobs = new Map<string, Buffer>();
  const store = (content: Buffer, extension: string): string => {
    const path = `${sha256(content)}.${extension}`;
    blobs.set(path, content);
    return path;
  };
  const manifest = images.map((image) => {
    const layers = image.layers.map((entries) => store(tar(withFolders(entries)), 'tar'));
    const config = store(configOf(image, layers), 'json');
    return { Config: config, RepoTags: [image.reference], Layers: layers };
  });
  const entries = [...blobs].map(([path, content]) => ({ path, mode: 0o644, content }));
  const listed = { path: 'manifest.json', mode: 0o644, content: asJson(manifest) };
  return tar([...entries, listed]);
}

function configOf({ architecture, config }: Image, layers: readonly string[]): Buffer {
  const diffIds = layers.map((path) => `sha256:${path.slice(0, -'.tar'.length)}`);
  return asJson({
    architecture,
    os: 'linux',
    created,
    config,
    rootfs: { type: 'layers', diff_ids: diffIds },
    history: layers.map(() => ({ created, created_by: 'scripts/image' })),
  });
}

/** The files in order, each folder before what is in it. */
function withFolders(entries: readonly TarEntry[]): readonly TarEntry[] {
  const folders = new Set<string>();
  for (const { path } of entries) {
    const parts = path.split('/').slice(0, -1);
    parts.forEach((_, index) => folders.add(`${parts.slice(0, index + 1).join('/')}/`));
  }
  for (const { path } of entries) folders.delete(path);
  const made = [...folders].map((path) => ({ path, mode: 0o755 }));
  return [...made, ...entries].sort((a, b) => (a.path < b.path ? -1 : 1));
}

function asJson(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}

export function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
