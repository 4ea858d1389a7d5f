/**
 * What is in an artefact, as SPDX 2.3: the npm packages that a bundle really holds, with the lock file's versions, licences
 * and hashes; the runtime; the distribution's packages behind the shared libraries; every file with its hashes.
 * @see https://spdx.github.io/spdx-spec/v2.3/
 */
import { own } from '#kernel/members.ts';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Runtime } from './architectures.ts';
import { sha256 } from './image-archive.ts';
import { sha256OfFile } from './parts.ts';
import { systemPackagesOf, type SharedLibrary } from './image-libraries.ts';
import type { Contents } from './image-layers.ts';
import type { TarEntry } from './tar.ts';
import { noticesFile } from './third-party-notices.ts';

/** What a document is about. */
export interface ContentSubject {
  readonly purpose: 'APPLICATION' | 'CONTAINER';
  readonly name: string;
  readonly version: string;
  /** SPDX expression. */
  readonly license: string;
}

/** A package as SPDX spells it, but for what is the same in all. */
export interface ContentPart {
  readonly name: string;
  readonly versionInfo: string;
  readonly licenseDeclared?: string;
  readonly licenseComments?: string;
  readonly checksums?: readonly Checksum[];
  readonly externalRefs: readonly {
    readonly referenceCategory: 'PACKAGE-MANAGER' | 'SECURITY';
    readonly referenceType: 'purl' | 'cpe23Type';
    readonly referenceLocator: string;
  }[];
}

interface Checksum {
  readonly algorithm: 'SHA1' | 'SHA256' | 'SHA512';
  readonly checksumValue: string;
}

export function sbomOf(contents: Contents): Buffer {
  const { repository, tag, license, packages, libraries, runtime } = contents;
  const subject = { purpose: 'CONTAINER' as const, name: repository, version: tag, license };
  const parts = [...packages.map(npmPackage), partOf(runtime), ...systemParts(libraries, runtime)];
  return documentOf(subject, parts, contents.layers.flat());
}

/** What is a program for people: an archive of npm's, or an executable. */
export interface Packed {
  readonly name: string;
  readonly version: string;
  /** Folders of the npm packages whose code is inside. */
  readonly packages: readonly string[];
  readonly files: readonly TarEntry[];
  readonly runtime?: Runtime;
}

export function sbomOfPackage({ name, version, packages, files, runtime }: Packed): Buffer {
  const subject = { purpose: 'APPLICATION' as const, name, version, license: 'Apache-2.0' };
  const parts = [...packages.map(npmPackage), ...(runtime === undefined ? [] : [partOf(runtime)])];
  return documentOf(subject, parts, files);
}

/** SPDX asks for a time; equal artefacts have equal documents. */
const created = '1970-01-01T00:00:00Z';
const unknown = 'NOASSERTION';
const root = 'SPDXRef-Artefact';

export function documentOf(
  subject: ContentSubject,
  parts: readonly ContentPart[],
  entries: readonly TarEntry[],
): Buffer {
  const files = filesOf(entries);
  const packages = parts.map((part, index) => ({
    SPDXID: `SPDXRef-Package-${index + 1}`,
    ...always,
    filesAnalyzed: false,
    ...part,
  }));
  const contents = {
    packages: [rootOf(subject, files), ...packages],
    files,
    relationships: [
      related('SPDXRef-DOCUMENT', 'DESCRIBES', root),
      ...[...packages, ...files].map(({ SPDXID }) => related(root, 'CONTAINS', SPDXID)),
    ],
  };
  const { name, version } = subject;
  const digest = sha256(Buffer.from(JSON.stringify(contents)));
  const document = {
    spdxVersion: 'SPDX-2.3',
    dataLicense: 'CC0-1.0',
    SPDXID: 'SPDXRef-DOCUMENT',
    name: `${name}-${version}`,
    documentNamespace: `https://svidecar.dev/spdx/${name}-${version}-${digest}`,
    creationInfo: { created, creators: [`Tool: svidecar-${version}`] },
    ...contents,
  };
  return Buffer.from(`${JSON.stringify(document, undefined, 1)}\n`);
}

const always = {
  downloadLocation: unknown,
  licenseConcluded: unknown,
  licenseDeclared: unknown,
  copyrightText: unknown,
} as const;

type Files = ReturnType<typeof filesOf>;

function rootOf({ name, version, license, purpose }: ContentSubject, files: Files): object {
  const sums = files.map(({ checksums: [{ checksumValue }] }) => checksumValue).sort();
  return {
    SPDXID: root,
    name,
    versionInfo: version,
    ...always,
    licenseDeclared: license,
    primaryPackagePurpose: purpose,
    filesAnalyzed: true,
    packageVerificationCode: { packageVerificationCodeValue: sha1(Buffer.from(sums.join(''))) },
  };
}

function related(spdxElementId: string, relationshipType: string, relatedSpdxElement: string) {
  return { spdxElementId, relationshipType, relatedSpdxElement };
}

/** SPDX wants SHA-1 beside whatever else there is. */
function filesOf(entries: readonly TarEntry[]) {
  return entries
    .flatMap(({ path, content }) => (content === undefined ? [] : [{ path, content }]))
    .map(({ path, content }, index) => ({
      SPDXID: `SPDXRef-File-${index + 1}`,
      fileName: `./${path}`,
      checksums: [
        { algorithm: 'SHA1', checksumValue: sha1(content) },
        { algorithm: 'SHA256', checksumValue: sha256(content) },
      ] as const,
      licenseConcluded: unknown,
      copyrightText: unknown,
    }));
}

function sha1(bytes: Buffer): string {
  return createHash('sha1').update(bytes).digest('hex');
}

export interface Locked {
  readonly version?: string;
  readonly license?: string;
  readonly integrity?: string;
}

function npmPackage(folder: string): ContentPart {
  return lockedPart(folder, own(lockedPackages(), folder));
}

/** @throws {TypeError} where the lock file has none, or none with a version */
export function lockedPart(folder: string, locked: Locked | undefined): ContentPart {
  if (locked?.version === undefined) throw new TypeError(`${folder} is not in package-lock.json`);
  const { version, license, integrity = '' } = locked;
  const name = folder.slice(folder.lastIndexOf('node_modules/') + 'node_modules/'.length);
  const sum = Buffer.from(integrity.replace(/^sha512-/, ''), 'base64').toString('hex');
  return {
    name,
    versionInfo: version,
    ...(license === undefined ? {} : { licenseDeclared: license }),
    ...(sum === '' ? {} : { checksums: [{ algorithm: 'SHA512', checksumValue: sum }] }),
    externalRefs: references.npm(name, version),
  };
}

/** Under which names an archive of packages, or a list of faults, knows a part. */
export const references = {
  npm: (name: string, version: string): ContentPart['externalRefs'] => [
    purl(`pkg:npm/${name.replace('@', '%40')}@${version}`),
  ],
  runtime: (name: string, version: string, vendor: string): ContentPart['externalRefs'] => [
    purl(`pkg:generic/${name}@${version}`),
    {
      referenceCategory: 'SECURITY',
      referenceType: 'cpe23Type',
      referenceLocator: `cpe:2.3:a:${vendor}:${name === 'node' ? 'node.js' : name}:${version}:*:*:*:*:*:*:*`,
    },
  ],
  system: (name: string, version: string, architecture: string): ContentPart['externalRefs'] => [
    purl(`pkg:deb/debian/${name}@${encodeURIComponent(version)}?arch=${architecture}`),
  ],
} as const;

function purl(referenceLocator: string): ContentPart['externalRefs'][number] {
  return { referenceCategory: 'PACKAGE-MANAGER', referenceType: 'purl', referenceLocator };
}

const ofOwnCode = `Of its own code; what it is linked with is named in ${noticesFile}.`;

/** By their folders. */
export function lockedPackages(root = '.'): Readonly<Record<string, Locked>> {
  // npm's own file, read by its documented shape.
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, Locked>;
  };
  return packages;
}

/** Of their own code; what they are linked with has more. */
const licensesOfRuntimes: Readonly<
  Record<string, Pick<ContentPart, 'licenseDeclared' | 'licenseComments'>>
> = {
  node: { licenseDeclared: 'MIT', licenseComments: ofOwnCode },
  bun: { licenseDeclared: 'MIT', licenseComments: ofOwnCode },
};

function partOf({ name, version, vendor, binary }: Runtime): ContentPart {
  return {
    name,
    versionInfo: version,
    ...(own(licensesOfRuntimes, name) ?? {}),
    checksums: [{ algorithm: 'SHA256', checksumValue: sha256OfFile(binary) }],
    externalRefs: references.runtime(name, version, vendor),
  };
}

function systemParts(
  libraries: readonly SharedLibrary[],
  { architecture: ofRuntime }: Runtime,
): readonly ContentPart[] {
  return systemPackagesOf(libraries, ofRuntime).map(({ name, version, architecture }) => ({
    name,
    versionInfo: version,
    licenseComments: `In words: /usr/share/doc/${name}/copyright of the package.`,
    externalRefs: references.system(name, version, architecture),
  }));
}
