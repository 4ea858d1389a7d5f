/** SHA256SUMS, as `sha256sum --check` reads it, and the statement of where the files come from. */
import { existsSync, lstatSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isObject, listAt, objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { shortened } from '#kernel/text.ts';
import type { Input } from './inputs.ts';
import { sha256OfFile } from '../parts.ts';

export const sumsFile = 'SHA256SUMS';
export const signatureFile = 'SHA256SUMS.sig';
export const provenanceFile = 'provenance.json';

/** What cannot list itself, or is made of the list. */
const unlisted: ReadonlySet<string> = new Set([sumsFile, signatureFile, provenanceFile]);

/**
 * SHA-256 by path, in order; without those that are made of this list.
 * @throws {Error} where something is neither a file nor a folder: a link leads to what nobody listed, a pipe never ends
 */
export function sumsOf(folder: string): ReadonlyMap<string, string> {
  const paths = pathsIn(folder, '').filter((path) => !unlisted.has(path));
  return new Map(paths.sort().map((path) => [path, sha256OfFile(join(folder, path))]));
}

/** Bytes of the list, the statement or the signature: ours have some thousand. */
const mostToRead = 1024 * 1024;

/** The list, the statement or the signature. @throws {Error} where it is no ordinary file of reasonable size */
export function readUnlisted(folder: string, name: string): string {
  const found = lstatSync(join(folder, name), { throwIfNoEntry: false });
  if (found === undefined) throw new Error(`${name} is missing: this is no release`);
  if (!found.isFile()) throw new Error(`${name} is no ordinary file: this is no release`);
  if (found.size > mostToRead)
    throw new Error(
      `${name} has ${found.size} bytes, and no release's has more than ${mostToRead}`,
    );
  return readFileSync(join(folder, name), 'utf8');
}

function pathsIn(folder: string, within: string): readonly string[] {
  return readdirSync(join(folder, within), { withFileTypes: true }).flatMap((entry) => {
    const path = join(within, entry.name);
    if (entry.isDirectory()) return pathsIn(folder, path);
    if (entry.isFile()) return [path];
    const what = entry.isSymbolicLink() ? 'a symbolic link' : 'no ordinary file';
    throw new Error(`${path} is ${what}: it does not belong here`);
  });
}

/**
 * That nothing is lost when a new release takes the folder's place: it is not there, is empty, or holds a release, of which
 * each file is in its list.
 * @throws {Error} which says what else is in it
 */
export function refuseForeignFiles(folder: string): void {
  if (!existsSync(folder) || readdirSync(folder).length === 0) return;
  const next = 'so it is not replaced; name another folder, or remove it yourself';
  if (!existsSync(join(folder, sumsFile)))
    throw new Error(`${folder} is there and holds no release (it has no ${sumsFile}), ${next}`);
  const listed = readSums(readUnlisted(folder, sumsFile));
  const foreign = pathsIn(folder, '').find((path) => !unlisted.has(path) && !listed.has(path));
  if (foreign !== undefined)
    throw new Error(`${folder} holds ${foreign}, which is no file of a release, ${next}`);
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

interface Origin {
  readonly version: string;
  /** Of the tree. */
  readonly commit: string;
  /** Before the images' names; may be empty. */
  readonly registry: string;
  readonly inputs: readonly Input[];
}

/**
 * Without a time, so that the same tree gives the same bytes.
 * @see https://in-toto.io/Statement/v1 and https://slsa.dev/spec/v1.0/provenance
 */
export function provenance(sums: ReadonlyMap<string, string>, origin: Origin): string {
  const { version, commit, registry, inputs } = origin;
  const statement = {
    _type: 'https://in-toto.io/Statement/v1',
    subject: [...sums].map(([name, sum]) => ({ name, digest: { sha256: sum } })),
    predicateType: 'https://slsa.dev/provenance/v1',
    predicate: {
      buildDefinition: {
        buildType: 'urn:svidecar:release:v1',
        externalParameters: { version, registry },
        resolvedDependencies: [
          { uri: 'urn:svidecar:repository', digest: { gitCommit: commit } },
          ...inputs,
        ],
      },
      runDetails: { builder: { id: 'urn:svidecar:scripts/release' } },
    },
  };
  return `${JSON.stringify(statement, undefined, 1)}\n`;
}

/** Name → SHA-256 of what a statement is about. @throws {Error} where it is no statement */
export function subjectsOfProvenance(text: string): ReadonlyMap<string, string> {
  const subjects = listAt(statementIn(text), 'subject').map((each): [string, string] => {
    const subject = isObject(each) ? each : {};
    const digest = stringAt(objectAt(subject, 'digest'), 'sha256');
    return [stringAt(subject, 'name') ?? '', digest ?? ''];
  });
  return new Map(subjects);
}

function statementIn(text: string): JsonObject {
  try {
    const statement: unknown = JSON.parse(text);
    if (isObject(statement) && Array.isArray(statement['subject'])) return statement;
  } catch {
    // Said below.
  }
  throw new Error(`${provenanceFile} is no in-toto statement`);
}
