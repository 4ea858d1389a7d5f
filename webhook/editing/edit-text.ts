/**
 * Applies RFC 6902 operations to YAML or JSON text: only what an operation names is touched, the rest
 * stays byte for byte. Invariants, checked by the editor or by property tests:
 * the new text means what an RFC 6902 library makes of the old text's value; without the insertions the
 * text is the source; removing what was added restores the source.
 * @see docs/adr/0091-edits-are-made-in-the-text.md
 */
import jsonPatch from 'fast-json-patch';
import { AppError, messageOf } from '#kernel/errors.ts';
import { type Json, isArray, isObject, sameJson } from '#kernel/json.ts';
import { before } from '#kernel/text.ts';
import { setMember } from '#kernel/members.ts';
import { type OpenText, type TextOrigin, openText } from './open-text.ts';
import { MergedPlace, draftOf } from './draft.ts';
import type { Operation } from './operation.ts';
import { copyJson } from './copy-json.ts';
import { asEnvoyReads } from './envoy-scalar.ts';
import type { Dialect } from './document-text.ts';
import { readValue } from './read-source.ts';
import { firstDifference } from './first-difference.ts';
import { secondOpinion } from './second-opinion.ts';
import type { SourceDocument } from './source-tree.ts';
import { type DocumentSpan, splitDocuments } from './split-documents.ts';
import { type EditResult, type TextEdit, applyEdits } from './text-edit.ts';
import { styleOf } from './text-style.ts';
import { type Manuscript, refusal, writeDraft } from './write-draft.ts';

export type { EditResult } from './text-edit.ts';

export interface EditOptions extends TextOrigin {
  /** Which document of a YAML stream, from 0 (the default). */
  readonly document?: number;
}

/**
 * Edits one document of a text. Several places that share one text (anchor and alias) are changed by naming
 * each of them with the same operations; the text is then written once.
 * Cost: a full parse of that document, and a quick one of the result.
 * @throws {AppError} TEXT_UNPARSABLE; EDIT_IMPOSSIBLE when an operation does not fit the document or the text
 *   has no place for it, with file, line and column where there is one
 */
export function editText(
  text: string,
  operations: readonly Operation[],
  options: EditOptions,
): EditResult {
  return editOpenText(openText(text, spanOf(text, options), options), operations);
}

/** {@link editText} for a document that is already parsed. */
export function editOpenText(open: OpenText, operations: readonly Operation[]): EditResult {
  const { text, lined, where, source } = open;
  const dialect = open.dialect ?? 'yaml';
  const expected = valueAfter(open.value, asRead(operations, dialect), where);
  const page = { text, lined, style: styleOf(source, lined) };
  const manuscript: Manuscript = { document: source, page, where, dialect };
  const result = applyEdits(text, editsFor(source, operations, manuscript));
  const end = open.span.end + result.text.length - text.length;
  requireMeaning({ result, span: { start: open.span.start, end }, open }, expected, manuscript);
  return result;
}

/** What readers will see in place of the operations' values. */
function asRead(operations: readonly Operation[], dialect: Dialect): readonly Operation[] {
  if (dialect !== 'envoy') return operations;
  return operations.map((operation) =>
    operation.op === 'remove' ? operation : { ...operation, value: readByEnvoy(operation.value) },
  );
}

function readByEnvoy(value: Json): Json {
  if (isArray(value)) return value.map(readByEnvoy);
  if (!isObject(value)) return asEnvoyReads(value);
  const read: Record<string, Json> = {};
  for (const [key, member = null] of Object.entries(value))
    setMember(read, key, readByEnvoy(member));
  return read;
}

function spanOf(text: string, { document = 0, where }: EditOptions): DocumentSpan {
  const spans = splitDocuments(text);
  const span = spans[document];
  if (span === undefined) {
    const count = `${spans.length} document${spans.length === 1 ? '' : 's'}`;
    throw new AppError('EDIT_IMPOSSIBLE', `${where}: no document ${document}: it holds ${count}`);
  }
  return span;
}

/** The result of the operations on the plain value, by an independent library. */
function valueAfter(value: Json, operations: readonly Operation[], where: string): Json {
  try {
    // The library may write into the document, and into values that it took from operations: each gets its own.
    const patch = operations.map((operation) =>
      operation.op === 'remove' ? operation : { ...operation, value: copyJson(operation.value) },
    );
    const copy = copyJson(value);
    return jsonPatch.applyPatch<Json>(copy, patch, true, true).newDocument;
  } catch (thrown) {
    // The library returns the whole document.
    const why = before(messageOf(thrown), '\n');
    throw new AppError(
      'EDIT_IMPOSSIBLE',
      `${where}: the document does not allow the change: ${why}`,
      {
        cause: thrown,
      },
    );
  }
}

function editsFor(
  document: SourceDocument,
  operations: readonly Operation[],
  manuscript: Manuscript,
): readonly TextEdit[] {
  try {
    return writeDraft(draftOf(document.root, operations), manuscript);
  } catch (thrown) {
    if (!(thrown instanceof MergedPlace)) throw thrown;
    const why = `"${thrown.key}" comes from a merge key (<<); write it out here, so that it can be changed here alone`;
    throw refusal(manuscript, thrown.node.start, why);
  }
}

interface Outcome {
  readonly result: EditResult;
  /** Of the document in the new text. */
  readonly span: DocumentSpan;
  readonly open: OpenText;
}

/**
 * The final check: the new text, parsed again, must mean what the operations say. Where a second parser agrees, it
 * does; otherwise the first parser decides, whose faults name positions.
 */
function requireMeaning(outcome: Outcome, expected: Json, manuscript: Manuscript): void {
  const { text } = outcome.result;
  const { start, end } = outcome.span;
  const opinion = manuscript.document.isJson
    ? undefined
    : secondOpinion(text.slice(start, end), manuscript.dialect);
  if (opinion !== undefined && sameJson(expected, opinion.value)) return;
  requireMeaningInFull(outcome, expected, manuscript);
}

function requireMeaningInFull(outcome: Outcome, expected: Json, manuscript: Manuscript): void {
  const { result, span, open } = outcome;
  const { where, firstLine, limits, dialect } = open;
  let actual: Pick<SourceDocument, 'value' | 'isJson'>;
  try {
    const from = { where: `${where} (after the edit)`, firstLine, limits, dialect };
    actual = readValue({ text: result.text, span, ...from });
  } catch (thrown) {
    const start = manuscript.document.root.start;
    throw refusal(manuscript, start, `the change cannot be written here: ${messageOf(thrown)}`);
  }
  const difference = firstDifference(expected, actual.value);
  const staysJson = actual.isJson || !manuscript.document.isJson || typeof expected !== 'object';
  if (difference === undefined && staysJson) return;
  const start = manuscript.document.root.start;
  throw refusal(
    manuscript,
    start,
    `the change cannot be written without changing ${difference === '' ? 'more' : (difference ?? 'the format')} too (anchors, merge keys or an unusual layout); write that part out plainly`,
  );
}
