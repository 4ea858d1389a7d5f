/** A release as `scripts/release` lays it out, with images of one file each. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { architectures, type Architecture } from '../../scripts/architectures.ts';
import { sbomPath } from '../../scripts/built-image.ts';
import type { Image } from '../../scripts/image-archive.ts';
import { compressOnce } from '../../scripts/oci-archive.ts';
import { provenance, provenanceFile } from '../../scripts/release.d/listed-files.ts';
import { sumsFile, sumsOf, sumsText } from '../../scripts/release.d/listed-files.ts';
import { writeImage } from '../../scripts/release.d/release-images.ts';
import { sbomOfPackage } from '../../scripts/sbom.ts';
import { gzippedTar, type TarEntry } from '../../scripts/tar.ts';

const version = '1.0.0';

export class SmallRelease {
  readonly folder: string;
  constructor(folder: string) {
    this.folder = folder;
  }

  async make(): Promise<void> {
    const helper = await this.image('helper', 'one');
    const webhook = await this.image('webhook', 'two');
    const files = [entry('package/a', 'a')];
    this.write('npm/svidecar-1.0.0.tgz', gzippedTar(files));
    const packed = { name: 'svidecar', version, packages: [], files };
    this.write('npm/svidecar-1.0.0.spdx.json', sbomOfPackage(packed));
    const images = `image: svidecar/helper@${helper}\nimage: svidecar/webhook@${webhook}\n`;
    this.write('manifests/install-kind.yaml', images);
    this.chart(`helper: svidecar/helper@${helper}\nimage:\n  digest: ${webhook}\n`);
    this.list();
  }

  /** @returns the digest of its index */
  async image(name: 'helper' | 'webhook', content: string): Promise<string> {
    const built = architectures.map((architecture) => smallImage(name, { architecture, content }));
    const write = (path: string, parts: Buffer | readonly Buffer[]): void => {
      this.write(path, Buffer.concat([parts].flat()));
    };
    const options = { version, commit: 'c0ffee', registry: '', write };
    return (await writeImage({ name, built, compress: compressOnce() }, options)).digest;
  }

  chart(values: string): void {
    const files = [entry('svidecar/values.yaml', values)];
    this.write('chart/svidecar-1.0.0.tgz', gzippedTar(files));
  }

  write(path: string, content: string | Buffer): void {
    const file = join(this.folder, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, content);
  }

  /** As whoever can write the folder can do again. */
  list(): void {
    const sums = sumsOf(this.folder);
    this.write(sumsFile, sumsText(sums));
    const origin = { version, commit: 'c0ffee', registry: '', inputs: [] };
    this.write(provenanceFile, provenance(sums, origin));
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
  const sbom = sbomOfPackage({ name, version, packages: [], files });
  const image = {
    reference: `svidecar/${name}:${version}`,
    architecture,
    layers: [files, [entry(sbomPath, sbom)]],
    config: { Entrypoint: ['/program'], User: '65532:65532', Env: [], Labels: {} },
  };
  return { image, sbom };
}
