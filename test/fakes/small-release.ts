/** A release as `scripts/release` lays it out, with images of one file each. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { architectures, type Architecture } from '../../scripts/architectures.ts';
import { sbomPath, settingsOf, starts } from '../../scripts/image-settings.ts';
import type { Image } from '../../scripts/image-archive.ts';
import { compressOnce, type Compress } from '../../scripts/oci-archive.ts';
import {
  provenanceFile,
  sumsFile,
  sumsOf,
  sumsText,
  withoutProvenance,
} from '../../scripts/release.d/listed-files.ts';
import { packageJson } from '../../scripts/release.d/npm-package.ts';
import { provenance, type Origin } from '../../scripts/release.d/provenance.ts';
import {
  overlays,
  platforms,
  releaseFiles,
  type Platform,
  type ReleasedImage,
} from '../../scripts/release.d/release-files.ts';
import { writeImage } from '../../scripts/release.d/release-images.ts';
import { sbomOf, sbomOfPackage } from '../../scripts/sbom.ts';
import { gzippedTar, tarEntries, type TarEntry } from '../../scripts/tar.ts';
import { noticesFile, noticesOf } from '../../scripts/third-party-notices.ts';

const version = '1.0.0';
const packages = ['node_modules/yaml'];
const paths = releaseFiles(version);
const origin: Origin = { version, commit: 'c0ffee00'.repeat(5), registry: '' };

/** Otherwise than a release is built. */
interface Built {
  readonly platforms: readonly Architecture[];
  readonly compress: Compress;
  readonly changed: (image: Image) => Image;
}

export class SmallRelease {
  readonly folder: string;
  constructor(folder: string) {
    this.folder = folder;
  }

  async make(): Promise<void> {
    const helper = await this.image('helper', 'one');
    const webhook = await this.image('webhook', 'two');
    await this.image('demo', 'three');
    this.package('svidecar', paths.npm, packageFiles());
    for (const platform of platforms)
      this.package(`svidecar-${platform}`, paths.cli(platform), programFiles(platform));
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
    const { platforms = architectures, compress = compressOnce(), changed } = built;
    const images = platforms.map((architecture) => {
      const { image, sbom } = smallImage(name, { architecture, content });
      return { image: changed?.(image) ?? image, sbom };
    });
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
    const file = join(this.folder, paths.chart);
    const there = existsSync(file) ? tarEntries(gunzipSync(readFileSync(file))) : [];
    const texts = new Map([
      ['svidecar/Chart.yaml', about],
      ...there.map(({ path, content }) => [path, String(content)] as const),
      ...Object.entries(changed).map(([path, text]) => [`svidecar/${path}`, text] as const),
    ]);
    this.write(paths.chart, gzippedTar([...texts].map(([path, text]) => entry(path, text))));
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

/** Of npm's. */
export function packageFiles(): readonly TarEntry[] {
  return [
    entry('package/LICENSE', 'a'),
    entry(`package/${noticesFile}`, noticesOf({ packages })),
    { ...entry('package/bin/svidecar.mjs', ''), mode: 0o755 },
    entry('package/package.json', packageJson(version, 'small')),
  ];
}

export function programFiles(platform: Platform): readonly TarEntry[] {
  return [
    entry('LICENSE', 'a'),
    entry(noticesFile, noticesOf({ packages })),
    { ...entry('svidecar', programFor(platform)), mode: 0o755 },
  ];
}

/** The first bytes of one. */
export function programFor(platform: Platform, content = ''): Buffer {
  const starts = {
    'linux-x64': '7f454c460201000000000000000000000000' + '3e00',
    'linux-arm64': '7f454c460201000000000000000000000000' + 'b700',
    'darwin-x64': 'cffaedfe' + '07000001',
    'darwin-arm64': 'cffaedfe' + '0c000001',
  };
  return Buffer.concat([Buffer.from(starts[platform], 'hex'), Buffer.from(content)]);
}

interface Told {
  readonly architecture: Architecture;
  readonly content: string;
}

/** Any file will do in place of the program. */
const runtime = { name: 'node', version: '24.0.0', vendor: 'nodejs', binary: 'LICENSE' };

function smallImage(
  name: ReleasedImage,
  { architecture, content }: Told,
): { image: Image; sbom: Buffer } {
  const own = { ...runtime, architecture };
  const start = starts[name];
  const program = programFor(architecture === 'amd64' ? 'linux-x64' : 'linux-arm64', content);
  const paths = start.entrypoint.map((path) => path.slice(1));
  const files = [
    ...paths.map((path, nth) =>
      nth === 0 ? { ...entry(path, program), mode: 0o755 } : entry(path, content),
    ),
    entry(`usr/share/doc/svidecar/${noticesFile}`, noticesOf({ packages, runtime: own })),
  ];
  const about = { repository: `svidecar/${name}`, tag: version, license: 'Apache-2.0' };
  const contents = { ...about, runtime: own, packages, libraries: [], layers: [files] };
  const sbom = sbomOf({
    ...contents,
    ...start,
    program: paths[0] ?? '',
    arguments: start.entrypoint.slice(1),
  });
  const image = {
    reference: `svidecar/${name}:${version}`,
    architecture,
    layers: [files, [entry(sbomPath, sbom)]],
    config: settingsOf({ ...start, ...about, runtime: `${own.name} ${own.version}` }),
  };
  return { image, sbom };
}
