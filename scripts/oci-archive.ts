/**
 * Writes one image for several architectures as an OCI image layout in one tar, which skopeo, containerd, podman and the
 * registries' tools read. What registries and manifests call the image's digest is that of its index.
 * @see https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md
 */
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { asJson, sha256, type PackedImage } from './image-archive.ts';
import { tarParts } from './tar.ts';

export const mediaTypes = {
  index: 'application/vnd.oci.image.index.v1+json',
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar+gzip',
} as const;

export interface Descriptor {
  readonly mediaType: string;
  /** `sha256:…`. */
  readonly digest: string;
  readonly size: number;
}

export interface OciArchive {
  /** In parts. */
  readonly archive: readonly Buffer[];
  /** Of the index: `sha256:…`. */
  readonly digest: string;
}

/** Compresses layers, each once: images share them. */
export type Compress = (layer: PackedImage['layers'][number]) => Promise<Buffer>;

const gzipped = promisify(gzip);

/** Compressed, because tools that push layers compress them, which would change the digest. Programs hardly get smaller by more. */
export function compressOnce(): Compress {
  const done = new Map<string, Promise<Buffer>>();
  return ({ digest, archive }) => {
    const known = done.get(digest) ?? gzipped(archive, { level: 1 });
    done.set(digest, known);
    return known;
  };
}

/**
 * @param images one for each architecture, of one reference
 * @throws {TypeError} where there is none
 */
export async function ociArchive(
  images: readonly PackedImage[],
  compress: Compress,
): Promise<OciArchive> {
  const compressed = await Promise.all(
    images.map(async (image) => ({
      ...image,
      layers: await Promise.all(image.layers.map(compress)),
    })),
  );
  return ociLayout(compressed);
}

/** An image whose layers are compressed. */
export type CompressedImage = Omit<PackedImage, 'layers'> & { readonly layers: readonly Buffer[] };

/** @throws {TypeError} where there is none */
export function ociLayout(images: readonly CompressedImage[]): OciArchive {
  const reference = images[0]?.reference;
  if (reference === undefined) throw new TypeError('an index needs an image');
  const blobs = new Map<string, Buffer>();
  const store = (content: Buffer, mediaType: string): Descriptor => {
    const hash = sha256(content);
    blobs.set(`blobs/sha256/${hash}`, content);
    return { mediaType, digest: `sha256:${hash}`, size: content.length };
  };
  const manifests: object[] = [];
  for (const image of images) {
    const manifest = {
      schemaVersion: 2,
      mediaType: mediaTypes.manifest,
      config: store(image.config, mediaTypes.config),
      layers: image.layers.map((layer) => store(layer, mediaTypes.layer)),
    };
    const platform = { architecture: image.architecture, os: 'linux' };
    manifests.push({ ...store(asJson(manifest), mediaTypes.manifest), platform });
  }
  const list = { schemaVersion: 2, mediaType: mediaTypes.index, manifests };
  const index = store(asJson(list), mediaTypes.index);
  return { archive: layoutOf(index, reference, blobs), digest: index.digest };
}

function layoutOf(
  index: Descriptor,
  reference: string,
  blobs: ReadonlyMap<string, Buffer>,
): readonly Buffer[] {
  const files = [
    ['oci-layout', asJson({ imageLayoutVersion: '1.0.0' })],
    ['index.json', entranceOf(index, reference)],
    ...blobs,
  ] as const;
  const folders = ['blobs/', 'blobs/sha256/'].map((path) => ({ path, mode: 0o755 }));
  return tarParts([
    ...folders,
    ...files.map(([path, content]) => ({ path, mode: 0o644, content })),
  ]);
}

/** The index under two names for containerd, so that pods that ask for the digest find what was imported. */
export function entranceOf(index: Descriptor, reference: string): Buffer {
  const [, repository = '', tag = ''] = /^(.+):([^:/]+)$/.exec(reference) ?? [];
  const name = fullName(repository);
  const entries = [
    {
      ...index,
      annotations: {
        'org.opencontainers.image.ref.name': tag,
        'io.containerd.image.name': `${name}:${tag}`,
      },
    },
    { ...index, annotations: { 'io.containerd.image.name': `${name}@${index.digest}` } },
  ];
  return asJson({ schemaVersion: 2, mediaType: mediaTypes.index, manifests: entries });
}

/** As containerd and the kubelet write it: a name without a host is one of Docker's registry. */
function fullName(repository: string): string {
  const [host = ''] = repository.split('/');
  return /[.:]|^localhost$/.test(host) ? repository : `docker.io/${repository}`;
}
