/** Builds images without a registry and without a builder. See `scripts/image`. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { parseArgs } from 'node:util';
import { dockerArchive, sha256, type Image } from './image-archive.ts';
import { contentsOf, helperRuntimes, imageNames, type ImageName } from './image-contents.ts';
import type { Contents } from './image-layers.ts';
import { sbomOf } from './image-sbom.ts';
import { ProgressLine, progressColumns } from '../webhook/cli/progress-line.ts';

const usage = `usage: scripts/image NAME… [--out FILE] [--runtime ${helperRuntimes.join('|')}]   names: ${imageNames.join(' ')}`;

function isImageName(name: string): name is ImageName {
  return imageNames.some((known) => known === name);
}

function imageOf(contents: Contents, sbom: Buffer): Image {
  const { repository, tag, environment, program, layers } = contents;
  const own = layers.at(-1) ?? [];
  const document = { path: 'usr/share/svidecar/sbom.cdx.json', mode: 0o644, content: sbom };
  // A layer of its own where the last one is shared with others.
  const all = layers.length > 1 ? [...layers.slice(0, -1), [...own, document]] : [own, [document]];
  return {
    reference: `${repository}:${tag}`,
    architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
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
        'dev.svidecar.image.runtime': `${contents.runtime.name} ${contents.runtime.version}`,
        'dev.svidecar.image.sbom': `/${document.path}`,
      },
    },
  };
}

const { values, positionals: names } = parseArgs({
  allowPositionals: true,
  options: { runtime: { type: 'string', default: 'executable' }, out: { type: 'string' } },
});
const runtime = helperRuntimes.find((known) => known === values.runtime);
if (runtime === undefined || names.length === 0 || !names.every(isImageName)) {
  console.error(usage);
  process.exit(2);
}
const out =
  values.out ?? `dist/${names.length === 1 ? `svidecar-${names.join('')}` : 'images'}.tar`;
mkdirSync(dirname(out), { recursive: true });
const columns = progressColumns(process.stderr, process.env);
const progress =
  columns === undefined
    ? undefined
    : new ProgressLine({ write: (text) => process.stderr.write(text), columns, now: Date.now });
const images: Image[] = [];
for (const [at, name] of names.entries()) {
  progress?.tell(`image ${name} (${at + 1} of ${names.length})`);
  const contents = await contentsOf(name, { runtime });
  const sbom = sbomOf(contents);
  writeFileSync(out.replace(/(\.tar)?$/, `${names.length === 1 ? '' : `.${name}`}.cdx.json`), sbom);
  images.push(imageOf(contents, sbom));
}
progress?.tell(`archive of ${names.length} images`);
const archive = dockerArchive(images);
writeFileSync(out, archive);
progress?.clear();
const references = images.map(({ reference }) => reference).join(' ');
console.log(`${out} ${references} ${archive.length} bytes sha256:${sha256(archive)}`);
