/** Places in a text: line and column for people, line ends for edits. Offsets are UTF-16 units. */

/** Where an offset stands, both counted from 1. */
export interface TextPosition {
  readonly line: number;
  readonly column: number;
}

export function positionAt(text: string, offset: number): TextPosition {
  const lineStart = lineStartAt(text, offset);
  let line = 1;
  for (let at = text.indexOf('\n'); at !== -1 && at < lineStart; at = text.indexOf('\n', at + 1)) {
    line += 1;
  }
  return { line, column: offset - lineStart + 1 };
}

/** `file:line:column`, as editors and terminals understand it. */
export function placeOf(where: string, text: string, offset: number): string {
  const { line, column } = positionAt(text, offset);
  return `${where}:${line}:${column}`;
}

/** The line of `offset` and a caret under it; long lines are cut around the caret. */
export function excerptAt(text: string, offset: number): string {
  const start = lineStartAt(text, offset);
  const line = text.slice(start, lineEndAt(text, offset)).replaceAll('\t', ' ');
  const from = Math.max(0, offset - start - 60);
  return `  ${line.slice(from, from + 100)}\n  ${' '.repeat(offset - start - from)}^`;
}

export function lineStartAt(text: string, offset: number): number {
  const start = text.lastIndexOf('\n', offset - 1) + 1;
  return offset === 0 ? 0 : start;
}

/** The end of the line that `offset` stands in, before its line break. */
export function lineEndAt(text: string, offset: number): number {
  const newline = text.indexOf('\n', offset);
  if (newline === -1) return text.length;
  return newline > offset && text[newline - 1] === '\r' ? newline - 1 : newline;
}

/** The end of the line before the one that `offset` stands in; the text's start when there is none. */
export function previousLineEndAt(text: string, offset: number): number {
  const start = lineStartAt(text, offset);
  if (start === 0) return 0;
  return text[start - 2] === '\r' ? start - 2 : start - 1;
}

/** Columns before `offset` in its line; a byte order mark takes none. */
export function columnAt(text: string, offset: number): number {
  const start = lineStartAt(text, offset);
  return offset - start - (text.charCodeAt(start) === 0xfeff ? 1 : 0);
}

/** The spaces and TABs that the line of `offset` begins with. */
export function leadingSpaceAt(text: string, offset: number): string {
  const start = lineStartAt(text, offset);
  let end = start;
  while (text[end] === ' ' || text[end] === '\t') end += 1;
  return text.slice(start, end);
}

/** The first line break of a text; `\n` when it has none. */
export function lineBreakOf(text: string): '\n' | '\r\n' {
  const newline = text.indexOf('\n');
  return newline > 0 && text[newline - 1] === '\r' ? '\r\n' : '\n';
}
