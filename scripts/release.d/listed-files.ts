/** SHA256SUMS, as `sha256sum --check` reads it. */
import { lstatSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { shortened } from '#kernel/text.ts';
import { sha256OfFile } from '../parts.ts';

export const sumsFile = 'SHA256SUMS';
export const signatureFile = 'SHA256SUMS.sig';
export const provenanceFile = 'provenance.json';

/** What cannot list itself, or is made of the list. */
const unlisted: ReadonlySet<string> = new Set([sumsFile, signatureFile]);

/**
 * SHA-256 by path, in order; without those that are made of this list.
 * @throws {Error} where something is neither a file nor a folder (a link leads to what nobody listed, a pipe never ends), or no
 * release has it: an empty folder, a file that runs as its owner
 */
export function sumsOf(folder: string): ReadonlyMap<string, string> {
  const paths = pathsIn(folder, '').filter((path) => !unlisted.has(path));
  return new Map(paths.sort().map((path) => [path, sumOf(folder, path)]));
}

/** What the statement is about: all but itself. */
export function withoutProvenance(sums: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  return new Map([...sums].filter(([path]) => path !== provenanceFile));
}

/** Bytes of the list, the statement or the signature: ours have some thousand. */
const mostToRead = 1024 * 1024;
/** Bytes of a statement or a manifest, which is parsed as a whole: ours have less than a twentieth of it. */
const mostInText = 4 * 1024 * 1024;
/** Bytes of any other: ours have less than half of it. */
const mostInFile = 512 * 1024 * 1024;

/** The list, the statement or the signature. @throws {Error} where it is no ordinary file of reasonable size */
export function readUnlisted(folder: string, name: string): string {
  const found = lstatSync(join(folder, name), { throwIfNoEntry: false });
  if (found === undefined) throw new Error(`${name} is missing: this is no release`);
  if (!found.isFile()) throw new Error(`${name} is no ordinary file: this is no release`);
  refuseLarge(name, found.size, mostToRead);
  return readFileSync(join(folder, name), 'utf8');
}

function pathsIn(folder: string, within: string): readonly string[] {
  const entries = readdirSync(join(folder, within), { withFileTypes: true });
  if (entries.length === 0 && within !== '')
    throw new Error(`${within} is an empty folder: it does not belong here`);
  return entries.flatMap((entry) => {
    const path = join(within, entry.name);
    if (entry.name.includes('\ufffd'))
      throw new Error(`${path} has a name that is not UTF-8: it does not belong here`);
    if (entry.isDirectory()) return pathsIn(folder, path);
    if (entry.isFile()) return [path];
    const what = entry.isSymbolicLink() ? 'a symbolic link' : 'no ordinary file';
    throw new Error(`${path} is ${what}: it does not belong here`);
  });
}

function sumOf(folder: string, path: string): string {
  const { mode, size } = lstatSync(join(folder, path));
  const bits = mode & 0o7000;
  if (bits !== 0)
    throw new Error(`${path} has the mode bits ${bits.toString(8)}: no file of a release has any`);
  refuseLarge(path, size, mostIn(path));
  return sha256OfFile(join(folder, path));
}

function mostIn(path: string): number {
  if (path === provenanceFile) return mostToRead;
  return /\.(?:json|yaml)$/.test(path) ? mostInText : mostInFile;
}

function refuseLarge(path: string, size: number, most: number): void {
  if (size > most)
    throw new Error(`${path} has ${size} bytes, and no release's has more than ${most}`);
}

export function sumsText(sums: ReadonlyMap<string, string>): string {
  return [...sums].map(([path, sum]) => `${sum}  ${path}\n`).join('');
}

/** @throws {Error} where a line is not one of `sha256sum`, or two are about one file */
export function readSums(text: string): ReadonlyMap<string, string> {
  const sums = new Map<string, string>();
  for (const line of text.split('\n').filter((each) => each !== '')) {
    const [, sum, path] = /^([0-9a-f]{64}) [ *](.+)$/.exec(line) ?? [];
    if (sum === undefined || path === undefined)
      throw new Error(`${sumsFile} has a line that is not "SHA256  PATH": ${shortened(line)}`);
    if (sums.has(path)) throw new Error(`${sumsFile} has two lines about ${path}`);
    sums.set(path, sum);
  }
  return sums;
}
