/** Scalars of usual YAML, from where the page stands to the end of each. */
import { CST } from 'yaml';
import type { SourceScalar } from './source-tree.ts';
import type { DocumentSpan } from './split-documents.ts';
import { Unusual, type UsualPage, code } from './usual-page.ts';

/** Without quotation marks, on one line or several. @param column of what holds it: its further lines are deeper */
export function plainScalar(page: UsualPage, column: number): SourceScalar {
  page.requirePlainStart();
  const start = page.at;
  const first = plainLine(page);
  while (page.codeAt(page.at) === code.lineFeed) {
    const next = contentFrom(page, page.at + 1);
    if (next.depth <= column || page.codeAt(next.at) === code.hash) break;
    page.at = next.at;
    plainLine(page);
  }
  const span = { start, end: page.trimmed(start, page.at) };
  // Before a comment, or the spaces at a line's end.
  page.at = span.end;
  const source = page.text.slice(start, span.end);
  const text =
    span.end <= first ? source : byParser({ type: 'scalar', offset: 0, indent: 0, source });
  return page.scalar(span, { value: page.plainValue(text), style: 'plain' });
}

/** @returns where it ends */
function plainLine(page: UsualPage): number {
  page.at = page.plainStop(false);
  if (page.codeAt(page.at) === code.colon) throw new Unusual();
  return page.at;
}

interface Content {
  readonly at: number;
  readonly lineStart: number;
  /** In its line; -1 at the end of the text. */
  readonly depth: number;
}

/** The next character that is no white space. @param start of a line */
function contentFrom(page: UsualPage, start: number): Content {
  let lineStart = start;
  let at = afterSpaces(page, lineStart);
  while (page.codeAt(at) === code.lineFeed) {
    lineStart = at + 1;
    at = afterSpaces(page, lineStart);
  }
  return { at, lineStart, depth: at < page.text.length ? at - lineStart : -1 };
}

/**
 * In quotation marks.
 * @param column of what holds it: its further lines are deeper. None: it is a key, and has no further lines.
 */
export function quotedScalar(page: UsualPage, column?: number): SourceScalar {
  const start = page.at;
  const isSingle = page.codeAt(start) === code.quote;
  const end = isSingle ? endOfSingle(page, start) : endOfDouble(page, start);
  page.at = end;
  const source = page.text.slice(start, end);
  const isOneLine = !source.includes('\n');
  if (!isOneLine) requireDeeper(page, { start, end }, column);
  const span = { start, end };
  const style = isSingle ? 'single' : 'double';
  if (isOneLine && isSingle)
    return page.scalar(span, { value: source.slice(1, -1).replaceAll("''", "'"), style });
  if (isOneLine && !source.includes('\\'))
    return page.scalar(span, { value: source.slice(1, -1), style });
  if (page.dialect === 'envoy' && /\\[_N]/.test(source)) throw new Unusual();
  const value = byParser({ type: `${style}-quoted-scalar`, offset: 0, indent: 0, source });
  return page.scalar(span, { value, style });
}

function endOfSingle(page: UsualPage, start: number): number {
  const { text } = page;
  let end = text.indexOf("'", start + 1);
  while (end !== -1 && page.codeAt(end + 1) === code.quote) end = text.indexOf("'", end + 2);
  if (end === -1) throw new Unusual();
  return end + 1;
}

function endOfDouble(page: UsualPage, start: number): number {
  for (let at = start + 1; at < page.text.length; at += 1) {
    const char = page.codeAt(at);
    if (char === code.doubleQuote) return at + 1;
    if (char === code.backslash) at += 1;
  }
  throw new Unusual();
}

/** Lines of a scalar after the first: what ends a document, or is less deep, would end it. */
function requireDeeper(page: UsualPage, span: DocumentSpan, column: number | undefined): void {
  if (column === undefined) throw new Unusual();
  let newline = page.text.indexOf('\n', span.start);
  while (newline !== -1 && newline < span.end) {
    const at = afterSpaces(page, newline + 1);
    const isBlank = page.codeAt(at) === code.lineFeed;
    if (!isBlank && at - newline - 1 <= Math.max(column, 0)) throw new Unusual();
    page.lineStart = newline + 1;
    newline = page.text.indexOf('\n', at);
  }
}

function byParser(token: CST.FlowScalar | CST.BlockScalar): string {
  return CST.resolveAsScalar(token, true, () => {
    throw new Unusual();
  }).value;
}

/** A literal or folded block. @param column of what holds it: its lines are deeper */
export function blockScalar(page: UsualPage, column: number): SourceScalar {
  const start = page.at;
  const mark = headerOf(page);
  const isKept = mark.endsWith('+');
  const lines = blockLines(page, { body: start + mark.length + 1, column, isKept });
  page.at = lines.end;
  page.charge(4, 0);
  const { end } = lines;
  const hasBreak = isKept && page.codeAt(end - 1) === code.lineFeed;
  const value = blockValue(mark, lines);
  return page.scalar({ start, end: hasBreak ? end - 1 : end }, { value, style: 'block' });
}

function headerOf(page: UsualPage): string {
  const header = /[|>][-+]?(?=\n)/y;
  header.lastIndex = page.at;
  const mark = header.exec(page.text)?.[0];
  if (mark === undefined || (page.dialect === 'envoy' && mark === '>+')) throw new Unusual();
  return mark;
}

interface BlockLines {
  readonly source: string;
  readonly indent: number;
  /** Of the last line that counts, before its line break where only lines with content count. */
  readonly end: number;
}

function blockLines(
  page: UsualPage,
  place: { readonly body: number; readonly column: number; readonly isKept: boolean },
): BlockLines {
  const { text } = page;
  const { body, column, isKept } = place;
  const first = contentFrom(page, body);
  const indent = first.depth;
  if (indent <= column) throw new Unusual();
  let end = lineEndAt(text, first.at);
  let next = contentFrom(page, end + 1);
  while (next.depth >= indent) {
    end = lineEndAt(text, next.at);
    next = contentFrom(page, end + 1);
  }
  // Blank lines with more spaces than the text around them are content, or a fault.
  const more = ' '.repeat(indent + 1);
  const blankEnd = Math.min(next.lineStart, text.length);
  if (text.slice(body, first.lineStart).includes(more)) throw new Unusual();
  if (text.slice(end, blankEnd).includes(more)) throw new Unusual();
  // A last line of spaces only.
  if (next.depth === -1 && next.at > next.lineStart) throw new Unusual();
  return isKept
    ? { source: text.slice(body, blankEnd), indent, end: blankEnd }
    : { source: text.slice(body, end + 1), indent, end };
}

function lineEndAt(text: string, at: number): number {
  const newline = text.indexOf('\n', at);
  return newline === -1 ? text.length : newline;
}

/** A blank line that is not empty. */
const raggedLine = /(?:^|\n) +(?=\n)/;

function blockValue(mark: string, { source, indent }: BlockLines): string {
  if ((mark === '|' || mark === '|-') && !raggedLine.test(source)) {
    const lines = source.endsWith('\n') ? source.slice(0, -1) : source;
    const text = `\n${lines}`.replaceAll(`\n${' '.repeat(indent)}`, '\n').slice(1);
    return mark === '|' ? `${text}\n` : text;
  }
  return byParser({
    type: 'block-scalar',
    offset: 0,
    indent: 0,
    props: [{ type: 'block-scalar-header', offset: 0, indent: 0, source: mark }],
    source,
  });
}

function afterSpaces(page: UsualPage, start: number): number {
  let at = start;
  while (page.codeAt(at) === code.space) at += 1;
  return at;
}
