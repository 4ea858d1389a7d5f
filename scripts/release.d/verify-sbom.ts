/**
 * Whether the document of what is inside an artefact is the one that is made for it: written again from the artefact's files and
 * the parts that it names, it has the same bytes. The parts themselves are those whose licences are beside it, and as the lock
 * file has them.
 */
import { isDeepStrictEqual } from 'node:util';
import { isObject, listAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { documentOf, references, type ContentPart, type ContentSubject } from '../sbom.ts';
import { titleOf, titlesIn } from '../third-party-notices.ts';
import type { Architecture } from '../architectures.ts';

/** What a document has to be about. */
export interface Described extends Pick<ContentSubject, 'purpose' | 'name' | 'version'> {
  readonly files: ReadonlyMap<string, Buffer>;
  readonly architecture?: Architecture;
  /** Path of the licences of others, of whom each is a part. */
  readonly notices: string;
  /** Of the commit that it was made of; absent: it cannot be had. */
  readonly lock?: LockedParts | undefined;
}

/** By name and version: each as the lock file has it. */
export type LockedParts = ReadonlyMap<string, Pick<ContentPart, 'licenseDeclared' | 'checksums'>>;

/**
 * @returns name and version of the program of others that runs it, if there is one
 * @throws {Error} that names the first thing of which the document says something else
 */
export function lookIntoSbom(bytes: Buffer, described: Described): string | undefined {
  const { name, version, purpose, files } = described;
  const document = documentIn(bytes);
  const [artefact = {}, ...others] = listAt(document, 'packages').filter(isObject);
  const about = `${stringAt(artefact, 'name') ?? ''} ${stringAt(artefact, 'versionInfo') ?? ''}`;
  if (about !== `${name} ${version}`)
    throw new Error(`its SBOM is about ${about}, not ${name} ${version}`);
  if (others.length === 0) throw new Error('its SBOM names no package that is inside');
  const parts = others.map((each) => partOf(each, described.architecture));
  lookAtNotices(parts, described);
  if (described.lock !== undefined) lookAtLock(parts, described.lock);
  const entries = entriesOf(document, files);
  const subject = { purpose, name, version, license: 'Apache-2.0' };
  if (!documentOf(subject, parts.map(asWritten), entries).equals(bytes))
    throw new Error('its SBOM is not the one that is made for these files and parts');
  const runtimes = parts.filter(({ kind }) => kind === 'runtime');
  return runtimes.map((each) => `${each.name} ${each.versionInfo}`)[0];
}

function documentIn(bytes: Buffer): JsonObject {
  try {
    const parsed: unknown = JSON.parse(bytes.toString());
    if (isObject(parsed)) return parsed;
  } catch {
    // Said below.
  }
  throw new Error('its SBOM is no object in JSON');
}

/** In the order of the document. */
function entriesOf(document: JsonObject, files: ReadonlyMap<string, Buffer>) {
  const listed = listAt(document, 'files').filter(isObject);
  const paths = listed.map((file) => (stringAt(file, 'fileName') ?? '').replace(/^\.\//, ''));
  const missing = [...files.keys()].find((path) => !paths.includes(path));
  if (missing !== undefined) throw new Error(`its SBOM says nothing of ${missing}`);
  const spare = paths.find((path, nth) => !files.has(path) || paths.indexOf(path) !== nth);
  if (spare !== undefined)
    throw new Error(`its SBOM names files that are not inside, or twice: ${spare}`);
  return paths.map((path) => ({ path, mode: 0o644, content: files.get(path) ?? Buffer.alloc(0) }));
}

type Kind = keyof typeof references;
type Read = ContentPart & { readonly kind: Kind; readonly title: string };

/** By the type of their purl. */
const kinds: ReadonlyMap<string, Kind> = new Map([
  ['npm', 'npm'],
  ['generic', 'runtime'],
  ['deb', 'system'],
]);
const vendors: ReadonlyMap<string, string> = new Map([
  ['node', 'nodejs'],
  ['bun', 'oven'],
]);

/** As it would be written, of what it says of itself. @throws {Error} where it is of no kind that we have */
function partOf(stated: JsonObject, architecture: Architecture | undefined): Read {
  const text = (key: string): string => stringAt(stated, key) ?? '';
  const name = text('name');
  const version = text('versionInfo');
  const license = text('licenseDeclared');
  const kind = kindOf(stated);
  if (kind === undefined) throw new Error(`its SBOM names ${name}, which is of no kind of ours`);
  const comments = stringAt(stated, 'licenseComments');
  const checksums = listAt(stated, 'checksums').filter(isObject).map(checksumOf);
  const further = kind === 'runtime' ? vendors.get(name) : architecture;
  return {
    kind,
    name,
    versionInfo: version,
    licenseDeclared: license,
    ...(comments === undefined ? {} : { licenseComments: comments }),
    ...(checksums.length === 0 ? {} : { checksums }),
    externalRefs: references[kind](name, version, further ?? ''),
    title: titleOf[kind](name, version, license),
  };
}

function kindOf(stated: JsonObject): Kind | undefined {
  const [first = {}] = listAt(stated, 'externalRefs').filter(isObject);
  const [, type = ''] = /^pkg:([a-z]+)\//.exec(stringAt(first, 'referenceLocator') ?? '') ?? [];
  return kinds.get(type);
}

function checksumOf(stated: JsonObject): NonNullable<ContentPart['checksums']>[number] {
  const algorithm = stringAt(stated, 'algorithm') === 'SHA512' ? 'SHA512' : 'SHA256';
  return { algorithm, checksumValue: stringAt(stated, 'checksumValue') ?? '' };
}

function asWritten({ kind: _kind, title: _title, ...part }: Read): ContentPart {
  return part;
}

function lookAtNotices(parts: readonly Read[], { files, notices }: Described): void {
  const titles = titlesIn(files.get(notices)?.toString() ?? '');
  const unlicensed = parts.find(({ title }) => !titles.includes(title));
  if (unlicensed !== undefined)
    throw new Error(`its SBOM names ${unlicensed.title}, of which ${notices} has no licence`);
  const named = new Set(parts.map(({ title }) => title));
  const unnamed = titles.find((title) => !named.has(title));
  if (unnamed !== undefined)
    throw new Error(`its SBOM does not name ${unnamed}, of which ${notices} has the licence`);
}

function lookAtLock(parts: readonly Read[], lock: LockedParts): void {
  for (const { kind, name, versionInfo, licenseDeclared, checksums } of parts) {
    if (kind !== 'npm') continue;
    const locked = lock.get(`${name} ${versionInfo}`);
    const isSame =
      locked !== undefined &&
      licenseDeclared === (locked.licenseDeclared ?? 'NOASSERTION') &&
      isDeepStrictEqual(checksums, locked.checksums);
    if (!isSame)
      throw new Error(`its SBOM names ${name} ${versionInfo} otherwise than the lock file`);
  }
}
