/** Changes of a text by offset, collected and then applied together. */

export interface TextEdit {
  readonly at: number;
  /** Characters removed. */
  readonly remove: number;
  readonly insert: string;
}

/** A range of the new text that an edit wrote: UTF-16 offsets. */
export interface Insertion {
  readonly offset: number;
  readonly length: number;
}

export interface EditResult {
  readonly text: string;
  /** In order, not touching each other. If there were only additions, removing them all restores the source. */
  readonly insertions: readonly Insertion[];
}

export function insertAt(at: number, insert: string): TextEdit {
  return { at, remove: 0, insert };
}

export function removeRange(from: number, to: number): TextEdit {
  return { at: from, remove: to - from, insert: '' };
}

export function replaceRange(from: number, to: number, insert: string): TextEdit {
  return { at: from, remove: to - from, insert };
}

/** Edits at one offset are made in their order in the list. */
export function applyEdits(text: string, edits: readonly TextEdit[]): EditResult {
  const parts: string[] = [];
  const insertions: Insertion[] = [];
  let cursor = 0;
  let length = 0;
  const push = (part: string): void => {
    parts.push(part);
    length += part.length;
  };
  for (const edit of edits.toSorted((one, other) => one.at - other.at)) {
    if (edit.at < cursor) throw new RangeError('two edits overlap');
    push(text.slice(cursor, edit.at));
    noteInsertion(insertions, length, edit.insert.length);
    push(edit.insert);
    cursor = edit.at + edit.remove;
  }
  push(text.slice(cursor));
  return { text: parts.join(''), insertions };
}

function noteInsertion(insertions: Insertion[], offset: number, length: number): void {
  if (length === 0) return;
  const last = insertions.at(-1);
  if (last !== undefined && last.offset + last.length === offset) {
    insertions[insertions.length - 1] = { offset: last.offset, length: last.length + length };
  } else {
    insertions.push({ offset, length });
  }
}
