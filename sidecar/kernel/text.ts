/** Texts cut in one pass: the patterns for it try every start again, which takes hours for some hostile texts. */

/** The text without the `tail` characters that it ends with; each of them is one character of `tail`. */
export function withoutTail(text: string, tail: string): string {
  let end = text.length;
  while (end > 0 && tail.includes(text.charAt(end - 1))) end -= 1;
  return text.slice(0, end);
}

/** What stands before the first `mark`, or the whole text. */
export function before(text: string, mark: string): string {
  const at = text.indexOf(mark);
  return at === -1 ? text : text.slice(0, at);
}

/** What stands after the last `mark`, or the whole text. */
export function afterLast(text: string, mark: string): string {
  return text.slice(text.lastIndexOf(mark) + 1);
}

/** Characters that a message quotes of a value: of more, nobody reads the end. */
const mostQuoted = 200;

/** The value as a message quotes it. */
export function shortened(value: string): string {
  return value.length > mostQuoted ? `${value.slice(0, mostQuoted)}…` : value;
}

/**
 * Control characters (C0, DEL, C1), halves of surrogate pairs, line and paragraph separators, and what formats text without
 * being seen: marks that turn its direction, characters of no width, tags.
 */
const unsafe = /[\p{Cc}\p{Cs}\p{Cf}\u2028\u2029]/gu;
/** The same, but for what lines and columns consist of. */
const unsafeInLines = /(?![\n\t])[\p{Cc}\p{Cs}\p{Cf}\u2028\u2029]/gu;

/**
 * One line that shows what it holds and does nothing to a terminal: a message may quote what a stranger wrote. For
 * the place where a message is printed, not for data.
 */
export function printable(text: string): string {
  return text.replaceAll(unsafe, escaped);
}

/** {@link printable} for a text of several lines. JSON stays the same JSON: inside its strings an escape is what it stands for. */
export function printableLines(text: string): string {
  return text.replaceAll(unsafeInLines, escaped);
}

/** JSON whose strings are escaped where they could do something to a terminal; it stands for the same value. */
export function jsonText(value: unknown): string {
  return `${printableLines(JSON.stringify(value, null, 2))}\n`;
}

/** As JSON and YAML write it: `\u001b`, in two halves where it has two. */
function escaped(character: string): string {
  return Array.from({ length: character.length }, (_, at) => {
    return `\\u${character.charCodeAt(at).toString(16).padStart(4, '0')}`;
  }).join('');
}

/** What the schema library says of a value, in one line: it puts each fault, and its place, in a line of its own. */
export function inOneLine(faults: string): string {
  return faults
    .replaceAll('✖ ', '')
    .split('\n')
    .map((line) => line.trim())
    .join('; ')
    .replaceAll('; → at ', ' at ');
}
