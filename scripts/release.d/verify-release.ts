/** Whether a folder holds what was released, and nothing else. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf } from '#kernel/errors.ts';
import {
  provenanceFile,
  readSums,
  readUnlisted,
  signatureFile,
  sumsFile,
  sumsOf,
  sumsText,
  withoutProvenance,
} from './listed-files.ts';
import { readProvenance, type Statement } from './provenance.ts';
import { pathsOfRelease } from './release-files.ts';
import { faultsInside } from './verify-contents.ts';
import { withTree, type Tree } from './verify-tree.ts';

/** Namespace of the signatures. @see ssh-keygen(1), -Y */
export const signatureNamespace = 'svidecar-release';

/** Who may have signed. */
export interface Signers {
  /** File of ssh-keygen's ALLOWED SIGNERS form. */
  readonly file: string;
  readonly identity: string;
}

export interface VerifiedRelease {
  /** One sentence each; none: all is as it should be. */
  readonly faults: readonly string[];
  /** What was looked at, and what was not. */
  readonly notes: readonly string[];
}

export function verifyRelease(folder: string, signers: Signers | undefined): VerifiedRelease {
  const missing = [sumsFile, provenanceFile].filter((file) => !existsSync(join(folder, file)));
  if (missing.length > 0)
    return { faults: missing.map((file) => `${file} is missing: this is no release`), notes: [] };
  try {
    const list = readUnlisted(folder, sumsFile);
    const listed = readSums(list);
    const there = sumsOf(folder);
    const statement = readProvenance(readUnlisted(folder, provenanceFile));
    const signature = verifySignature(folder, list, signers);
    const outside = [
      ...differences(listed, there, `in ${sumsFile}`),
      ...differences(statement.subjects, withoutProvenance(there), `in ${provenanceFile}`),
      ...otherwiseWritten(list, listed),
      ...signature.faults,
      ...otherThanMade(there, statement.version),
    ];
    const inside = outside.length > 0 ? nothing : lookInside(folder, statement);
    const meanwhile = outside.length > 0 ? [] : changes(folder, { list, there });
    return {
      // What is inside a file that is not the one released says nothing.
      faults: outside.length > 0 ? outside : [...meanwhile, ...inside.faults],
      notes: [
        `release ${statement.version}: ${there.size} files have the sums that ${sumsFile} and ${provenanceFile} state`,
        'images, manifests, chart and SBOMs agree with each other',
        ...inside.notes,
        ...signature.notes,
      ],
    };
  } catch (thrown) {
    return { faults: [messageOf(thrown)], notes: [] };
  }
}

const nothing: VerifiedRelease = { faults: [], notes: [] };

function lookInside(folder: string, statement: Statement): VerifiedRelease {
  const { commit } = statement;
  return withTree(commit, (tree) => ({
    faults: faultsInside(folder, statement, tree),
    notes: [comparedWith(tree, commit)],
  }));
}

function comparedWith(tree: Tree | undefined, commit: string): string {
  if (tree === undefined)
    return `commit ${commit} is not in this clone: chart, manifests, texts and lists of packages were not compared with it`;
  return tree.isRendering
    ? `chart, manifests, texts and lists of packages are those of commit ${commit}`
    : `chart, texts and lists of packages are those of commit ${commit}; manifests were not compared, for want of kubectl`;
}

interface Read {
  readonly list: string;
  readonly there: ReadonlyMap<string, string>;
}

/** Each file is read more than once: a copy that is still written to, or somebody, may have changed it in between. */
function changes(folder: string, { list, there }: Read): readonly string[] {
  const now = sumsOf(folder);
  const changed = [...new Set([...there.keys(), ...now.keys()])].filter(
    (path) => there.get(path) !== now.get(path),
  );
  if (readUnlisted(folder, sumsFile) !== list) changed.push(sumsFile);
  return changed.map(
    (path) => `${path} changed while it was looked at: verify a folder to which nobody writes`,
  );
}

function differences(
  listed: ReadonlyMap<string, string>,
  there: ReadonlyMap<string, string>,
  where: string,
): readonly string[] {
  const paths = [...new Set([...listed.keys(), ...there.keys()])].sort();
  return paths.flatMap((path) => {
    if (!there.has(path)) return [`${path} is ${where}, and missing`];
    if (!listed.has(path)) return [`${path} is not ${where}: it does not belong here`];
    return listed.get(path) === there.get(path) ? [] : [`${path} differs from what is ${where}`];
  });
}

/** Tools differ about what else a line may be: other line ends, other marks, another order. */
function otherwiseWritten(list: string, listed: ReadonlyMap<string, string>): readonly string[] {
  const inOrder = new Map([...listed].sort(([a], [b]) => (a < b ? -1 : 1)));
  return sumsText(inOrder) === list ? [] : [`${sumsFile} is not written as that of a release`];
}

/** Whoever writes the lists can leave files out, or list more. */
function otherThanMade(there: ReadonlyMap<string, string>, version: string): readonly string[] {
  const made = new Set([...pathsOfRelease(version), provenanceFile]);
  return [
    ...[...made]
      .filter((path) => !there.has(path))
      .map((path) => `${path} is missing: each release has one`),
    ...[...there.keys()]
      .filter((path) => !made.has(path))
      .map((path) => `${path} is no file of release ${version}`),
  ];
}

/** Nothing before or after it: what reads the signature reads no further. */
const signatureForm =
  /^-----BEGIN SSH SIGNATURE-----\n[A-Za-z0-9+/=\n]+-----END SSH SIGNATURE-----\n$/;

function verifySignature(
  folder: string,
  list: string,
  signers: Signers | undefined,
): VerifiedRelease {
  const signature = join(folder, signatureFile);
  const isSigned = existsSync(signature);
  if (signers === undefined) {
    const what = isSigned ? 'is there, and was not looked at' : 'is missing';
    return {
      faults: [],
      notes: [
        `${signatureFile} ${what}: who made this folder is not known; with --signers and --identity it is asked for`,
      ],
    };
  }
  if (!isSigned) return { faults: [`${signatureFile} is missing: nobody signed`], notes: [] };
  if (!signatureForm.test(readUnlisted(folder, signatureFile)))
    return { faults: [`${signatureFile} holds something else than a signature of SSH`], notes: [] };
  if (!existsSync(signers.file))
    return { faults: [`there is no file ${signers.file} of signers`], notes: [] };
  return asked(list, signature, signers);
}

/** Of ssh-keygen. @param signature its file */
function asked(list: string, signature: string, { file, identity }: Signers): VerifiedRelease {
  const args = [
    '-Y',
    'verify',
    '-f',
    file,
    '-I',
    identity,
    '-n',
    signatureNamespace,
    '-s',
    signature,
  ];
  const { status, stderr, stdout, error } = spawnSync('ssh-keygen', args, {
    input: list,
    encoding: 'utf8',
  });
  if (error !== undefined)
    return { faults: [`ssh-keygen cannot be run: ${error.message}`], notes: [] };
  const said = `${stdout}${stderr}`.trim().replaceAll(/\r?\n/g, '; ');
  return status === 0
    ? { faults: [], notes: [said] }
    : { faults: [`${signatureFile} is not one of ${identity}: ${said}`], notes: [] };
}
