/** Decisions carried out on the texts of manifests. A document that fails is left out as a whole. */
import { AppError } from '#kernel/errors.ts';
import { editOpenText, editText } from '../editing/edit-text.ts';
import type { OpenText } from '../editing/open-text.ts';
import { pointer, type Operation } from '../editing/operation.ts';
import type { ManifestDocument, ManifestObject } from './manifest.ts';
import { problemAt, type Problem } from './problem.ts';

/** What is to be done to one object of a document. */
export type ObjectEdit =
  | { readonly kind: 'operations'; readonly operations: readonly Operation[] }
  | { readonly kind: 'leave-out' };

export interface EditedDocument {
  readonly document: ManifestDocument;
  /** Undefined where the document is left out. */
  readonly text: string | undefined;
  readonly problems: readonly Problem[];
}

/**
 * Objects without an entry stay as they are.
 * @param open the document's parsed text, where it is at hand
 */
export function editDocument(
  document: ManifestDocument,
  edits: ReadonlyMap<ManifestObject, ObjectEdit>,
  open?: OpenText,
): EditedDocument {
  if (document.fault !== undefined) {
    return { document, text: undefined, problems: [{ error: document.fault }] };
  }
  const own = document.objects.filter((object) => edits.has(object));
  const isLeftOut = (object: ManifestObject): boolean => edits.get(object)?.kind === 'leave-out';
  if (own.some((object) => isLeftOut(object) && object.path.length === 0)) {
    return { document, text: undefined, problems: [] };
  }
  // List items that are left out go last, and from the end, so that no position shifts under another operation.
  const removals = own.filter(isLeftOut).toReversed();
  const operations = [
    ...own.flatMap((object) => operationsFor(object, edits.get(object))),
    ...removals.map(({ path }): Operation => ({ op: 'remove', path: pointer(...path) })),
  ];
  if (operations.length === 0) return { document, text: document.text, problems: [] };
  return carryOut({ document, open }, operations);
}

function operationsFor(object: ManifestObject, edit: ObjectEdit | undefined): readonly Operation[] {
  if (edit?.kind !== 'operations') return [];
  const prefix = pointer(...object.path);
  return edit.operations.map((operation) => ({ ...operation, path: prefix + operation.path }));
}

function carryOut(
  { document, open }: { readonly document: ManifestDocument; readonly open: OpenText | undefined },
  operations: readonly Operation[],
): EditedDocument {
  const where = document.source.name;
  try {
    const { text } =
      open === undefined
        ? editText(document.text, operations, { where })
        : editOpenText(open, operations);
    return { document, text, problems: [] };
  } catch (fault) {
    if (!(fault instanceof AppError)) throw fault;
    return { document, text: undefined, problems: [problemInFile(document, operations, fault)] };
  }
}

/** The same edit in the whole file fails in the same way, and says the file's line instead of the document's. */
function problemInFile(
  { source, index, firstLine }: ManifestDocument,
  operations: readonly Operation[],
  fault: AppError,
): Problem {
  try {
    editText(source.text, operations, { document: index, where: source.name });
  } catch (inFile) {
    if (inFile instanceof AppError) return { error: inFile };
    throw inFile;
  }
  return problemAt({ source, line: firstLine }, fault);
}

const beginsWithMarker = /^\uFEFF?(?:[ \t]*(?:#.*)?\r?\n|%.*\r?\n)*---(?=[ \t\r\n]|$)/;

/** Texts as one YAML stream; a document start is put where the next text has none. */
export function joinTexts(texts: readonly string[]): string {
  const [only, second] = texts;
  if (only !== undefined && second === undefined) return only;
  let joined = '';
  for (const text of texts) {
    if (text.trim() === '') continue;
    if (joined === '') {
      joined = text;
      continue;
    }
    const plain = text.replace(/^\uFEFF/, '');
    const end = joined.endsWith('\n') ? '' : '\n';
    const close = plain.startsWith('%') ? '...\n' : '';
    joined += `${end}${close}${beginsWithMarker.test(plain) ? '' : '---\n'}${plain}`;
  }
  return joined;
}
