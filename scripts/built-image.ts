/** An image of ours or of another project, with what is in it stated beside it and inside. */
import { contentsOf, type ImageName, type Options } from './image-contents.ts';
import type { Image } from './image-archive.ts';
import type { Contents } from './image-layers.ts';
import { sbomOf } from './sbom.ts';

export interface BuiltImage {
  readonly image: Image;
  readonly sbom: Buffer;
  readonly contents: Contents;
}

/** Where the statement of what is inside lies in each image. */
export const sbomPath = 'usr/share/svidecar/sbom.spdx.json';

export async function buildImage(name: ImageName, options: Options): Promise<BuiltImage> {
  const contents = await contentsOf(name, options);
  const sbom = sbomOf(contents);
  return { image: imageOf(contents, sbom), sbom, contents };
}

function imageOf(contents: Contents, sbom: Buffer): Image {
  const { repository, tag, environment, program, layers, runtime } = contents;
  const own = layers.at(-1) ?? [];
  const document = { path: sbomPath, mode: 0o644, content: sbom };
  // A layer of its own where the last one is shared with others.
  const all = layers.length > 1 ? [...layers.slice(0, -1), [...own, document]] : [own, [document]];
  return {
    reference: `${repository}:${tag}`,
    architecture: runtime.architecture,
    layers: all,
    config: {
      Entrypoint: [`/${program}`, ...contents.arguments],
      // A number, so that the kubelet can check runAsNonRoot.
      User: '65532:65532',
      Env: [
        'PATH=/usr/local/bin:/usr/sbin:/usr/bin:/bin',
        ...Object.entries(environment).map(([name, value]) => `${name}=${value}`),
      ],
      Labels: {
        'org.opencontainers.image.title': repository,
        'org.opencontainers.image.description': contents.description,
        'org.opencontainers.image.version': tag,
        'org.opencontainers.image.licenses': contents.license,
        'dev.svidecar.image.runtime': `${runtime.name} ${runtime.version}`,
        'dev.svidecar.image.sbom': `/${sbomPath}`,
      },
    },
  };
}
