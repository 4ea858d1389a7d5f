/** A new release takes the place of an older one, and of nothing else. */
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { messageOf } from '#kernel/errors.ts';
import { provenanceFile, readSums, readUnlisted, sumsFile, sumsOf } from './listed-files.ts';
import { isMadeHere } from './provenance.ts';

/**
 * That nothing is lost when a new release takes the folder's place: it is not there, is empty, or is a release of ours, of which
 * each file has its sum in the list.
 * @param name what it is called in words
 * @throws {Error} which says what else is in it
 */
export function refuseForeignFiles(folder: string, name = folder): void {
  const found = lstatSync(folder, { throwIfNoEntry: false });
  if (found === undefined) return;
  if (!found.isDirectory()) throw new Error(`${name} is there and is no folder, ${kept}`);
  if (readdirSync(folder).length === 0) return;
  const why = whyForeign(folder);
  if (why !== undefined) throw new Error(`${name} ${why}, ${kept}`);
}

const kept = 'so it is not replaced; name another folder, or remove it yourself';

function whyForeign(folder: string): string | undefined {
  if (lstatSync(`${folder}/${sumsFile}`, { throwIfNoEntry: false }) === undefined)
    return `is there and holds no release (it has no ${sumsFile})`;
  try {
    if (!isMadeHere(readUnlisted(folder, provenanceFile)))
      return `holds no release of svidecar's: ${provenanceFile} does not say so`;
    const listed = readSums(readUnlisted(folder, sumsFile));
    // Lists of older releases are without the statement.
    const others = [...sumsOf(folder)].filter(
      ([path, sum]) => listed.get(path) !== sum && (path !== provenanceFile || listed.has(path)),
    );
    const [path] = others[0] ?? [];
    if (path === undefined) return undefined;
    return listed.has(path)
      ? `holds ${path}, which was changed since the release was made`
      : `holds ${path}, which is no file of a release`;
  } catch (thrown) {
    return `holds no whole release (${messageOf(thrown)})`;
  }
}

/** An empty folder beside the one that it will become. @throws {Error} in words, where there can be none */
export function folderBeside(out: string): string {
  inFolderWords(out, () => {
    makeFolder(dirname(out));
  });
  refuseForeignFiles(out);
  return inFolderWords(out, () => mkdtempSync(`${out}.making-`));
}

function inFolderWords<T>(out: string, make: () => T): T {
  try {
    return make();
  } catch (thrown) {
    throw new Error(`cannot make ${out}: ${messageOf(thrown)}; name another folder with --out`);
  }
}

/** One after the other: asked for all at once, Node.js never ends in folders of the kernel. */
function makeFolder(path: string): void {
  if (dirname(path) !== path) makeFolder(dirname(path));
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) mkdirSync(path);
  else if (!found.isDirectory()) throw new Error(`${path} is no folder`);
}

/** The older one is looked at again where nobody puts anything into it any more. */
export function replaceFolder(out: string, made: string): void {
  if (lstatSync(out, { throwIfNoEntry: false }) === undefined) {
    renameSync(made, out);
    return;
  }
  const aside = mkdtempSync(`${out}.replaced-`);
  try {
    renameSync(out, aside);
    refuseForeignFiles(aside, out);
    renameSync(made, out);
  } catch (thrown) {
    if (lstatSync(out, { throwIfNoEntry: false }) === undefined) renameSync(aside, out);
    throw thrown;
  }
  rmSync(aside, { recursive: true });
}

/** What the next step is, where the disk or its rights were in the way. */
export function inWords(thrown: unknown, out: string): unknown {
  const code = (thrown as { readonly code?: unknown } | null)?.code;
  if (code === 'ENOSPC' || code === 'EDQUOT')
    return new Error(
      `the disk is full: a release needs about 2 GB beside ${out}, and 1 GB for temporary files; make room, or name others with --out and TMPDIR`,
    );
  return thrown;
}
