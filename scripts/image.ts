/** Builds images without a registry and without a builder. See `scripts/image`. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { parseArgs } from 'node:util';
import { architectures, ownArchitecture } from './architectures.ts';
import { buildImage } from './built-image.ts';
import { writeImageFolder } from './image-folder.ts';
import { dockerArchive, packedImage, sha256, type PackedImage } from './image-archive.ts';
import { helperRuntimes, imageNames, type ImageName } from './image-contents.ts';
import { sizeOf, writeParts } from './parts.ts';
import { ProgressLine, progressColumns } from '../webhook/cli/progress-line.ts';

const usage = `usage: scripts/image NAME… [--out FILE | --folder FOLDER] [--architecture ${architectures.join('|')}] [--runtime ${helperRuntimes.join('|')}]   names: ${imageNames.join(' ')}`;

function isImageName(name: string): name is ImageName {
  return imageNames.some((known) => known === name);
}

const { values, positionals: names } = parseArgs({
  allowPositionals: true,
  options: {
    runtime: { type: 'string', default: 'executable' },
    architecture: { type: 'string', default: ownArchitecture },
    out: { type: 'string' },
    folder: { type: 'string' },
  },
});
const runtime = helperRuntimes.find((known) => known === values.runtime);
const architecture = architectures.find((known) => known === values.architecture);
if (
  runtime === undefined ||
  architecture === undefined ||
  names.length === 0 ||
  !names.every(isImageName) ||
  (values.folder !== undefined && (names.length > 1 || values.out !== undefined))
) {
  console.error(usage);
  process.exit(2);
}
const [only] = names;
if (values.folder !== undefined && only !== undefined) {
  const { image } = await buildImage(only, { runtime, architecture });
  writeImageFolder(values.folder, image);
  console.log(`${values.folder} ${image.reference}`);
  process.exit();
}
const out =
  values.out ?? `dist/${names.length === 1 ? `svidecar-${names.join('')}` : 'images'}.tar`;
mkdirSync(dirname(out), { recursive: true });
const columns = progressColumns(process.stderr, process.env);
const progress =
  columns === undefined
    ? undefined
    : new ProgressLine({ write: (text) => process.stderr.write(text), columns, now: Date.now });
const images: PackedImage[] = [];
for (const [at, name] of names.entries()) {
  progress?.tell(`image ${name} (${at + 1} of ${names.length})`);
  const { image, sbom } = await buildImage(name, { runtime, architecture });
  const ending = `${names.length === 1 ? '' : `.${name}`}.spdx.json`;
  writeFileSync(out.replace(/(\.tar)?$/, ending), sbom);
  images.push(packedImage(image));
}
progress?.tell(`archive of ${names.length} images`);
const archive = dockerArchive(images);
writeParts(out, archive);
progress?.clear();
const references = images.map(({ reference }) => reference).join(' ');
console.log(`${out} ${references} ${sizeOf(archive)} bytes sha256:${sha256(...archive)}`);
