/**
 * The licence texts of what is by others in an artefact, as one text: of the npm packages whose code a bundle holds, of the
 * runtime, and of the distribution's packages behind the shared libraries. Equal input gives equal text.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Runtime } from './architectures.ts';
import { from } from './image-layers.ts';
import { systemPackagesOf, type SharedLibrary } from './image-libraries.ts';
import type { TarEntry } from './tar.ts';

/** Its name wherever it lies. */
export const noticesFile = 'THIRD-PARTY-NOTICES';
/** In an image, beside our own licence. */
const noticesFolder = 'usr/share/doc/svidecar';

/** What an artefact holds of others. */
interface Foreign {
  /** Folders of npm packages. */
  readonly packages: readonly string[];
  readonly runtime?: Runtime;
  readonly libraries?: readonly SharedLibrary[];
}

/** For an image. @throws as {@link noticesOf} */
export function noticesIn(foreign: Foreign): readonly TarEntry[] {
  return [
    from(`${noticesFolder}/LICENSE`, 'LICENSE', 0o644),
    { path: `${noticesFolder}/${noticesFile}`, mode: 0o644, content: noticesOf(foreign) },
  ];
}

/** @throws {Error} where something has no licence text, and no exception here says why */
export function noticesOf({ packages, runtime, libraries = [] }: Foreign): Buffer {
  const ofSystem =
    runtime === undefined ? [] : debianSections(systemPackagesOf(libraries, runtime.architecture));
  const sections = [
    ...(runtime === undefined ? [] : [runtimeSection(runtime)]),
    ...ofSystem,
    ...[...new Set(packages)].sort().map(packageSection),
  ];
  return Buffer.from([preamble, ...sections].join('\n'));
}

const preamble = `svidecar is under Apache-2.0: see LICENSE. What follows are the licences of what is by others in here.
`;

/** What stands above the texts of each kind. */
export const titleOf = {
  npm: (name: string, version: string, license: string): string =>
    `${name} ${version} (${license})`,
  runtime: (name: string, version: string): string => `${name} ${version} (MIT, and what it names)`,
  system: (name: string, version: string): string => `${name} ${version} (Debian)`,
} as const;

const line = '='.repeat(80);

/** Those of a text that was made here, but for the licences that several share. */
export function titlesIn(notices: string): readonly string[] {
  return [...notices.matchAll(new RegExp(`^${line}\n(.*)\n${line}$`, 'gm'))]
    .map(([, title = '']) => title)
    .filter((title) => !title.startsWith(`${commonFolder}/`));
}

function section(title: string, texts: readonly string[]): string {
  const body = texts.map((text) => text.replaceAll('\r\n', '\n').trim()).join('\n\n');
  return `${line}\n${title}\n${line}\n\n${body}\n`;
}

function ownText(name: string): string {
  return readFileSync(join(import.meta.dirname, 'licences', name), 'utf8');
}

/** What a package without a licence text says elsewhere. */
interface Said {
  readonly copyright: string;
  readonly standardText: () => string;
  /** Files of it that begin with conditions of their own. */
  readonly sources: readonly string[];
}

/** Each declares a licence in its package.json, and leaves the text in its repository. */
export const withoutText: ReadonlyMap<string, Said> = new Map([
  [
    'node_modules/@bufbuild/protobuf',
    {
      copyright: 'Copyright 2021-2026 Buf Technologies, Inc.',
      standardText: () => readFileSync('LICENSE', 'utf8'),
      sources: ['dist/esm/wire/varint.js'],
    },
  ],
  [
    'node_modules/@redis/client',
    {
      copyright: 'Copyright (c) 2022-2025, Redis, inc.',
      standardText: () => ownText('MIT.txt'),
      sources: ['dist/lib/utils/calculate-slot.js'],
    },
  ],
  [
    'node_modules/abstract-logging',
    {
      copyright: 'Copyright (c) James Sumners',
      standardText: () => ownText('MIT.txt'),
      sources: [],
    },
  ],
]);

/** As packages name such files: LICENSE.md, LICENCE, COPYING, UNLICENSE, NOTICE, CopyrightNotice.txt. */
const licenceFile = /^(un)?licen[cs]e|^copying|^notice|^copyright/i;
const conditions = /^(un)?licen[cs]e|^copying/i;

function packageSection(folder: string): string {
  // The border to npm: a package.json has these.
  const { name, version, license } = JSON.parse(
    readFileSync(join(folder, 'package.json'), 'utf8'),
  ) as { readonly name: string; readonly version: string; readonly license: string };
  return section(titleOf.npm(name, version, license), textsOfPackage(folder));
}

function textsOfPackage(folder: string): readonly string[] {
  const files = licenceFilesOf(folder);
  const texts = files.map((file) => readFileSync(join(folder, file), 'utf8'));
  if (files.some((file) => conditions.test(file))) return texts;
  const said = withoutText.get(folder);
  if (said === undefined)
    throw new Error(
      `${folder} has no licence text: put what it says elsewhere into scripts/third-party-notices.ts`,
    );
  const sources = said.sources.map((file) => noticeIn(join(folder, file)));
  return [said.copyright, said.standardText(), ...sources, ...texts];
}

/** In order. */
export function licenceFilesOf(folder: string): readonly string[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isFile() && licenceFile.test(entry.name))
    .map(({ name }) => name)
    .sort();
}

/** The first comment with a copyright. @throws {Error} where there is none: the exception is out of date */
function noticeIn(file: string): string {
  const comments = readFileSync(file, 'utf8').match(/\/\*[^]*?\*\/|(?:^\/\/.*\n)+/gm) ?? [];
  const notice = comments.find((comment) => comment.includes('Copyright'));
  if (notice === undefined) throw new Error(`${file} has no copyright notice any more`);
  return notice;
}

/** The same for each architecture: of the lock file's package for this one. */
const folderOfNode = `node_modules/node-linux-${process.arch}`;

function runtimeSection({ name, version }: Runtime): string {
  const title = titleOf.runtime(name, version);
  if (name === 'bun')
    return section(title, ['bun.txt', 'MIT.txt', 'LGPL-2.0.txt', 'LGPL-2.1.txt'].map(ownText));
  if (name === 'node') return section(title, [readFileSync(join(folderOfNode, 'LICENSE'), 'utf8')]);
  throw new Error(`no licence text is known for the runtime ${name}`);
}

/** @throws {Error} where the system was installed without its documentation */
function copyrightIn(path: string): string {
  if (!existsSync(path))
    throw new Error(`${path} is missing: install that package again, with its documentation`);
  return readFileSync(path, 'utf8');
}

const commonFolder = '/usr/share/common-licenses';

/** What Debian says of each, and once each the texts that it leaves to a folder that images do not have. */
function debianSections(packages: ReturnType<typeof systemPackagesOf>): readonly string[] {
  const said = packages.map(({ name, version, copyright }) => ({
    title: titleOf.system(name, version),
    text: copyrightIn(copyright),
  }));
  const named = said.flatMap(({ text }) =>
    [...text.matchAll(/\/usr\/share\/common-licenses\/([A-Z]\w*(?:-\d+(?:\.\d+)?)?)/g)].map(
      ([, name = '']) => name,
    ),
  );
  const common = [...new Set(named)].sort().filter((name) => existsSync(join(commonFolder, name)));
  return [
    ...said.map(({ title, text }) => section(title, [text])),
    ...common.map((name) =>
      section(`${commonFolder}/${name}`, [readFileSync(join(commonFolder, name), 'utf8')]),
    ),
  ];
}
