/** Applies decisions to the texts of manifests. A document that fails is left out as a whole. */
import { editOpenText, editText } from '../editing/edit-text.ts';
import type { OpenText } from '../editing/open-text.ts';
import { pointer, type Operation } from '../editing/operation.ts';
import { ownFileLimits } from '../editing/text-limits.ts';
import type { ManifestDocument, ManifestObject } from './manifest.ts';
import { failureOf, type InputProblem } from './input-problem.ts';

/** What should be done to one object of a document. */
export type ObjectEdit =
  | { readonly kind: 'operations'; readonly operations: readonly Operation[] }
  | { readonly kind: 'leave-out' };

export interface EditedDocument {
  readonly document: ManifestDocument;
  /** Undefined where the document is left out. */
  readonly text: string | undefined;
  readonly problems: readonly InputProblem[];
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
    const text = document.isNoObject === true ? document.text : undefined;
    return { document, text, problems: [{ error: document.fault }] };
  }
  const own = document.objects.filter((object) => edits.has(object));
  const isLeftOut = (object: ManifestObject): boolean => edits.get(object)?.kind === 'leave-out';
  if (own.some((object) => isLeftOut(object) && object.path.length === 0)) {
    return { document, text: undefined, problems: [] };
  }
  // List items that are left out are removed last, and from the end, so that no other operation's position shifts.
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
  const { source, firstLine } = document;
  try {
    const origin = { where: source.name, firstLine, limits: ownFileLimits };
    const { text } =
      open === undefined
        ? editText(document.text, operations, origin)
        : editOpenText(open, operations);
    return { document, text, problems: [] };
  } catch (thrown) {
    const error = failureOf(thrown, `${source.name}:${firstLine}: this document`);
    return { document, text: undefined, problems: [{ error }] };
  }
}

const withoutContent = /^(?:[ \t]*(?:#.*)?|%.*)\r?$/s;
const marker = /^---(?=[ \t\r\n]|$)/;

/** Whether there are only comments and directives before the first marker. */
function beginsWithMarker(text: string): boolean {
  for (let at = 0; at < text.length;) {
    const newline = text.indexOf('\n', at);
    const end = newline === -1 ? text.length : newline;
    const line = text.slice(at, end);
    if (marker.test(line)) return true;
    if (!withoutContent.test(line)) return false;
    at = end + 1;
  }
  return false;
}

/** Texts as one YAML stream; a document start is put where the next text has none. */
export function joinTexts(texts: readonly string[]): string {
  const [only, second] = texts;
  if (only !== undefined && second === undefined) return only;
  const parts: string[] = [];
  for (const text of texts) {
    if (text.trim() === '') continue;
    const last = parts.at(-1);
    if (last === undefined) {
      parts.push(text);
      continue;
    }
    const plain = text.replace(/^\uFEFF/, '');
    const end = last.endsWith('\n') ? '' : '\n';
    const close = plain.startsWith('%') ? '...\n' : '';
    parts.push(`${end}${close}${beginsWithMarker(plain) ? '' : '---\n'}`, plain);
  }
  return parts.join('');
}
