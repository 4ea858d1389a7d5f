/** Text of which parts may be known only when the container runs. */

/** A part that is unknown until then. */
export interface Unknown {
  /** Half a sentence: `$(ROLE) comes from Secret edge`. */
  readonly why: string;
  /** Its characters are letters, digits, dots, colons and hyphens, as in a pod's name. */
  readonly isPlain: boolean;
  /** It stays within the word that contains it. */
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

/** The known beginning of the text. */
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
