/** The images of a release: for each a docker-archive an architecture, one OCI layout for all, and what is inside. */
import { architectures, type Architecture } from '../architectures.ts';
import { buildImage, type BuiltImage } from '../built-image.ts';
import { dockerArchive, packedImage, type Image, type PackedImage } from '../image-archive.ts';
import { ofCommit } from '../image-settings.ts';
import { compressOnce, ociArchive, type Compress } from '../oci-archive.ts';
import { releaseFiles, repositoryUnder, type ReleasedImage } from './release-files.ts';

/** Image → where it is pulled from, by its digest: `svidecar/helper@sha256:…`. */
export type PinnedImages = Readonly<Record<ReleasedImage, PinnedImage>>;

export interface PinnedImage {
  readonly repository: string;
  /** `sha256:…`. */
  readonly digest: string;
}

export interface ImageOptions {
  readonly version: string;
  /** Of the tree. */
  readonly commit: string;
  /** Goes before the images' names; empty: none. */
  readonly registry: string;
  readonly write: (path: string, content: Buffer | readonly Buffer[]) => void;
}

export async function writeImages(options: ImageOptions): Promise<PinnedImages> {
  const compress = compressOnce();
  const written = async (name: ReleasedImage): Promise<PinnedImage> => {
    const built = await Promise.all(architectures.map((each) => buildFor(each, name)));
    return writeImage({ name, built, compress }, options);
  };
  // One after the other: an image is large, and its architectures already keep two cores busy.
  const helper = await written('helper');
  const webhook = await written('webhook');
  return { helper, webhook, demo: await written('demo') };
}

interface Built {
  readonly name: ReleasedImage;
  /** One for each architecture. */
  readonly built: readonly Pick<BuiltImage, 'image' | 'sbom'>[];
  readonly compress: Compress;
}

export async function writeImage(
  { name, built, compress }: Built,
  options: ImageOptions,
): Promise<PinnedImage> {
  const { version, write, registry } = options;
  const files = releaseFiles(version);
  const packed = built.map(({ image, sbom }) => {
    const file = files.image(name, image.architecture);
    const own = packedAs(image, options);
    write(file.archive, dockerArchive([own]));
    write(file.sbom, sbom);
    return own;
  });
  const { archive, digest } = await ociArchive(packed, compress);
  write(files.layout(name), archive);
  return { repository: repositoryUnder(registry, name), digest };
}

function buildFor(architecture: Architecture, name: ReleasedImage): Promise<BuiltImage> {
  return buildImage(name, { runtime: 'executable', architecture });
}

/** Under the release's registry, and with the commit that it was made of. */
function packedAs(image: Image, { registry, commit }: ImageOptions): PackedImage {
  return packedImage({
    ...image,
    reference: `${registry === '' ? '' : `${registry}/`}${image.reference}`,
    config: ofCommit(image.config, commit),
  });
}
