/** An image of ours or of another project, with what is in it stated beside it and inside. */
import { contentsOf, type ImageName, type Options } from './image-contents.ts';
import type { Image } from './image-archive.ts';
import type { Contents } from './image-layers.ts';
import { sbomPath, settingsOf } from './image-settings.ts';
import { sbomOf } from './sbom.ts';

export interface BuiltImage {
  readonly image: Image;
  readonly sbom: Buffer;
  readonly contents: Contents;
}

export async function buildImage(name: ImageName, options: Options): Promise<BuiltImage> {
  const contents = await contentsOf(name, options);
  const sbom = sbomOf(contents);
  return { image: imageOf(contents, sbom), sbom, contents };
}

function imageOf(contents: Contents, sbom: Buffer): Image {
  const { repository, tag, program, layers, runtime } = contents;
  const own = layers.at(-1) ?? [];
  const document = { path: sbomPath, mode: 0o644, content: sbom };
  // A layer of its own where the last one is shared with others.
  const all = layers.length > 1 ? [...layers.slice(0, -1), [...own, document]] : [own, [document]];
  return {
    reference: `${repository}:${tag}`,
    architecture: runtime.architecture,
    layers: all,
    config: settingsOf({
      ...contents,
      entrypoint: [`/${program}`, ...contents.arguments],
      runtime: `${runtime.name} ${runtime.version}`,
    }),
  };
}
