/** Texts cut in one pass: the patterns for it try every start again, which takes hours for a text of a stranger's. */

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
