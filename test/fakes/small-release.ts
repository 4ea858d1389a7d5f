/** A release as `scripts/release` lays it out, with images of one file each. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { architectures, type Architecture } from '../../scripts/architectures.ts';
import { sbomPath } from '../../scripts/built-image.ts';
import type { Image } from '../../scripts/image-archive.ts';
import { compressOnce, type Compress } from '../../scripts/oci-archive.ts';
import {
  provenanceFile,
  sumsFile,
  sumsOf,
  sumsText,
  withoutProvenance,
} from '../../scripts/release.d/listed-files.ts';
import { provenance, type Origin } from '../../scripts/release.d/provenance.ts';
import {
  overlays,
  platforms,
  releaseFiles,
  type ReleasedImage,
} from '../../scripts/release.d/release-files.ts';
import { writeImage } from '../../scripts/release.d/release-images.ts';
import { sbomOfPackage } from '../../scripts/sbom.ts';
import { gzippedTar, type TarEntry } from '../../scripts/tar.ts';

const version = '1.0.0';
const packages = ['node_modules/yaml'];
const paths = releaseFiles(version);
const origin: Origin = { version, commit: 'c0ffee00'.repeat(5), registry: '' };

/** Otherwise than a release is built. */
interface Built {
  readonly platforms: readonly Architecture[];
  readonly compress: Compress;
}

export class SmallRelease {
  readonly folder: string;
  #chart: Readonly<Record<string, string>> = {};
  constructor(folder: string) {
    this.folder = folder;
  }

  async make(): Promise<void> {
    const helper = await this.image('helper', 'one');
    const webhook = await this.image('webhook', 'two');
    await this.image('demo', 'three');
    this.package('svidecar', paths.npm, [
      entry('package/a', 'a'),
      entry('package/package.json', JSON.stringify({ name: 'svidecar', version })),
    ]);
    for (const platform of platforms)
      this.package(`svidecar-${platform}`, paths.cli(platform), [entry('svidecar', platform)]);
    const config = `helper:\n  image: svidecar/helper@${helper}\n`;
    const manifests = [
      { kind: 'ConfigMap', data: { 'config.yaml': config } },
      { kind: 'Pod', spec: { containers: [{ image: `svidecar/webhook@${webhook}` }] } },
    ];
    // JSON is YAML.
    const text = manifests.map((each) => `---\n${JSON.stringify(each)}\n`).join('');
    for (const overlay of overlays) this.write(paths.manifests(overlay), text);
    this.chart({
      'values.yaml': `config: {helper: {image: svidecar/helper@${helper}}}
image: {repository: svidecar/webhook, digest: '${webhook}'}
`,
    });
    this.list();
  }

  /** @returns the digest of its index */
  async image(name: ReleasedImage, content: string, built: Partial<Built> = {}): Promise<string> {
    const { platforms = architectures, compress = compressOnce() } = built;
    const images = platforms.map((architecture) => smallImage(name, { architecture, content }));
    const write = (path: string, parts: Buffer | readonly Buffer[]): void => {
      this.write(path, Buffer.concat([parts].flat()));
    };
    const own = { name, built: images, compress };
    return (await writeImage(own, { ...origin, write })).digest;
  }

  package(name: string, at: { archive: string; sbom: string }, files: readonly TarEntry[]): void {
    this.write(at.archive, gzippedTar(files));
    this.write(at.sbom, sbomOfPackage({ name, version, packages, files }));
  }

  /** With other files than those that are there. */
  chart(changed: Readonly<Record<string, string>>): void {
    const about = `version: ${version}\nappVersion: ${version}\n`;
    this.#chart = { 'Chart.yaml': about, ...this.#chart, ...changed };
    const files = Object.entries(this.#chart).map(([path, text]) =>
      entry(`svidecar/${path}`, text),
    );
    this.write(paths.chart, gzippedTar(files));
  }

  write(path: string, content: string | Buffer): void {
    const file = join(this.folder, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, content);
  }

  /** @throws {Error} where the file does not hold it */
  change(path: string, is: string, becomes: string): void {
    const text = readFileSync(join(this.folder, path), 'latin1');
    if (!text.includes(is)) throw new Error(`${path} does not hold ${is}`);
    writeFileSync(join(this.folder, path), text.replace(is, becomes), 'latin1');
  }

  /** As whoever can write the folder can do again. */
  list(stated: Partial<Origin> = {}): void {
    const sums = withoutProvenance(sumsOf(this.folder));
    this.write(provenanceFile, provenance(sums, { ...origin, ...stated, inputs: [] }));
    this.write(sumsFile, sumsText(sumsOf(this.folder)));
  }
}

function entry(path: string, content: string | Buffer): TarEntry {
  return { path, mode: 0o644, content: Buffer.from(content) };
}

interface Told {
  readonly architecture: Architecture;
  readonly content: string;
}

function smallImage(name: string, { architecture, content }: Told): { image: Image; sbom: Buffer } {
  const files = [entry('program', content)];
  const sbom = sbomOfPackage({ name: `svidecar/${name}`, version, packages, files });
  const image = {
    reference: `svidecar/${name}:${version}`,
    architecture,
    layers: [files, [entry(sbomPath, sbom)]],
    config: {
      Entrypoint: ['/program'],
      User: '65532:65532',
      Env: [],
      Labels: { 'org.opencontainers.image.version': version },
    },
  };
  return { image, sbom };
}
