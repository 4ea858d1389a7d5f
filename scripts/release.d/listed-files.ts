/** SHA256SUMS, as `sha256sum --check` reads it, and the statement of where the files come from. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { sha256OfFile } from '../parts.ts';

export const sumsFile = 'SHA256SUMS';
export const signatureFile = 'SHA256SUMS.sig';
export const provenanceFile = 'provenance.json';

/** What cannot list itself, or is made of the list. */
const unlisted: ReadonlySet<string> = new Set([sumsFile, signatureFile, provenanceFile]);

/** SHA-256 by path, in order; without those that are made of this list. */
export function sumsOf(folder: string): ReadonlyMap<string, string> {
  const paths = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .filter((path) => !unlisted.has(path))
    .sort();
  return new Map(paths.map((path) => [path, sha256OfFile(join(folder, path))]));
}

export function sumsText(sums: ReadonlyMap<string, string>): string {
  return [...sums].map(([path, sum]) => `${sum}  ${path}\n`).join('');
}

/** @throws {Error} where a line is not one of `sha256sum` */
export function readSums(text: string): ReadonlyMap<string, string> {
  const lines = text.split('\n').filter((line) => line !== '');
  return new Map(
    lines.map((line): [string, string] => {
      const [, sum, path] = /^([0-9a-f]{64}) [ *](.+)$/.exec(line) ?? [];
      if (sum === undefined || path === undefined)
        throw new Error(`${sumsFile} has a line that is not "SHA256  PATH": ${line}`);
      return [path, sum];
    }),
  );
}

interface Origin {
  readonly version: string;
  /** Of the tree. */
  readonly commit: string;
  /** Before the images' names; may be empty. */
  readonly registry: string;
  /** SHA-256 of package-lock.json, which names each package by its hash. */
  readonly lock: string;
}

/**
 * Without a time, so that the same tree gives the same bytes.
 * @see https://in-toto.io/Statement/v1 and https://slsa.dev/spec/v1.0/provenance
 */
export function provenance(sums: ReadonlyMap<string, string>, origin: Origin): string {
  const { version, commit, registry, lock } = origin;
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
          { uri: 'urn:svidecar:package-lock.json', digest: { sha256: lock } },
        ],
      },
      runDetails: { builder: { id: 'urn:svidecar:scripts/release' } },
    },
  };
  return `${JSON.stringify(statement, undefined, 1)}\n`;
}

/** Name → SHA-256 of what a statement is about. @throws {Error} where it is no statement */
export function subjectsOfProvenance(text: string): ReadonlyMap<string, string> {
  const statement: unknown = JSON.parse(text);
  const isStatement = (value: unknown): value is { readonly subject: readonly unknown[] } =>
    typeof value === 'object' &&
    value !== null &&
    'subject' in value &&
    Array.isArray(value.subject);
  if (!isStatement(statement)) throw new Error(`${provenanceFile} is no in-toto statement`);
  // What of it is not of this shape is compared as undefined, and told as a difference.
  const subjects = statement.subject as readonly {
    readonly name?: string;
    readonly digest?: { readonly sha256?: string };
  }[];
  return new Map(subjects.map(({ name = '', digest }) => [name, digest?.sha256 ?? '']));
}
