/** What a release holds, by its version: the names under which it is made are those under which it is looked for. */
import { architectures, type Architecture } from '../architectures.ts';

export const releasedImages = ['helper', 'webhook', 'demo'] as const;
export type ReleasedImage = (typeof releasedImages)[number];

export const overlays = ['kind', 'production'] as const;
export type Overlay = (typeof overlays)[number];

export const platforms = ['linux-x64', 'linux-arm64', 'darwin-x64', 'darwin-arm64'] as const;
export type Platform = (typeof platforms)[number];

/** @param registry goes before the name; may be empty */
export function repositoryUnder(registry: string, name: string): string {
  return `${registry === '' ? '' : `${registry}/`}svidecar/${name}`;
}

/** What is packed, and beside it what is inside. */
interface Packed {
  readonly archive: string;
  readonly sbom: string;
}

export interface ReleaseFiles {
  readonly npm: Packed;
  readonly cli: (platform: Platform) => Packed;
  /** A docker-archive. */
  readonly image: (name: ReleasedImage, architecture: Architecture) => Packed;
  /** An OCI layout for all architectures. */
  readonly layout: (name: ReleasedImage) => string;
  readonly chart: string;
  readonly manifests: (overlay: Overlay) => string;
}

export function releaseFiles(version: string): ReleaseFiles {
  const packed = (path: string, ending: string): Packed => ({
    archive: `${path}.${ending}`,
    sbom: `${path}.spdx.json`,
  });
  const image = (name: ReleasedImage): string => `images/svidecar-${name}-${version}`;
  return {
    npm: packed(`npm/svidecar-${version}`, 'tgz'),
    cli: (platform) => packed(`cli/svidecar-${version}-${platform}`, 'tar.gz'),
    image: (name, architecture) => packed(`${image(name)}-linux-${architecture}`, 'tar'),
    layout: (name) => `${image(name)}.oci.tar`,
    chart: `chart/svidecar-${version}.tgz`,
    manifests: (overlay) => `manifests/install-${overlay}.yaml`,
  };
}

/** All, but for the list, its signature and the statement. */
export function pathsOfRelease(version: string): readonly string[] {
  const { npm, cli, image, layout, chart, manifests } = releaseFiles(version);
  const packed = [
    npm,
    ...platforms.map(cli),
    ...releasedImages.flatMap((name) => architectures.map((each) => image(name, each))),
  ];
  return [
    ...packed.flatMap(({ archive, sbom }) => [archive, sbom]),
    ...releasedImages.map(layout),
    chart,
    ...overlays.map(manifests),
  ].sort();
}
