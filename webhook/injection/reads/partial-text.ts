/** Text of which parts may be known only when the container runs. */

/** A part that nobody knows before. */
export interface Unknown {
  /** Half a sentence: `$(ROLE) comes from Secret edge`. */
  readonly why: string;
  /** Its characters are letters, digits, dots, colons and hyphens, as in a pod's name. */
  readonly isPlain: boolean;
  /** It stays within the word that it stands in. */
  readonly isOneWord: boolean;
  /** What to do about it, where that is not to put it in double quotes. */
  readonly instead?: string;
}

export type Text = readonly (string | Unknown)[];

/** The text as a whole; undefined where a part of it is unknown. */
export function knownText(text: Text): string | undefined {
  return text.every((piece) => typeof piece === 'string') ? text.join('') : undefined;
}

/** The first unknown part. */
export function unknownIn(text: Text): Unknown | undefined {
  return text.find((piece) => typeof piece !== 'string');
}

/** What is known of the text's beginning. */
export function knownStart(text: Text): string {
  let start = '';
  for (const piece of text) {
    if (typeof piece !== 'string') break;
    start += piece;
  }
  return start;
}

/** For messages: unknown parts as `…`. */
export function shownText(text: Text): string {
  return text.map((piece) => (typeof piece === 'string' ? piece : '…')).join('');
}

/** Half a sentence, where {@link knownText} gives nothing. */
export function whyUnknown(text: Text): string {
  return unknownIn(text)?.why ?? 'it is not known';
}
