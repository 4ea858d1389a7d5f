/** Where the documents of a YAML stream are, without parsing them. */

/** A document's range of the text, markers and directives included. */
export interface DocumentSpan {
  readonly start: number;
  readonly end: number;
}

const separator = /^---(?=[ \t\r\n]|$)/;
const terminator = /^\.\.\.(?=[ \t\r\n]|$)/;
const withoutContent = /^\uFEFF?(?:[ \t]*(?:#.*)?|%.*)\r?$/s;

/**
 * Cuts a YAML stream at its `---` and `...` lines; the spans touch each other and cover the whole text.
 * Exact without a parser, because these markers mean the same everywhere, even inside block scalars and
 * quotes (YAML 1.2.2 §9.1.2). A text without any document gives one empty document.
 */
export function splitDocuments(text: string): readonly DocumentSpan[] {
  const starts: number[] = [];
  let isOpen = false;
  let pending: number | undefined;
  for (let at = 0; at < text.length;) {
    const newline = text.indexOf('\n', at);
    const end = newline === -1 ? text.length : newline;
    const line = text.slice(at, end);
    if (separator.test(line)) {
      starts.push(pending ?? at);
      isOpen = true;
      pending = undefined;
    } else if (terminator.test(line)) {
      isOpen = false;
    } else if (!isOpen) {
      pending ??= at;
      if (!withoutContent.test(line)) {
        starts.push(pending);
        isOpen = true;
        pending = undefined;
      }
    }
    at = end + 1;
  }
  if (starts.length === 0) return [{ start: 0, end: text.length }];
  return starts.map((start, index) => ({
    start: index === 0 ? 0 : start,
    end: starts[index + 1] ?? text.length,
  }));
}
