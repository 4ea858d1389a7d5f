/** What makes a text unreadable. */
import { type AppError, failureAt } from '#kernel/errors.ts';
import type { Reason } from '#kernel/reasons.ts';
import type { DocumentText } from './document-text.ts';
import type { TextLimits } from './text-limits.ts';
import { LinedText, excerptAt, placeOf } from './text-position.ts';

/** Why a document cannot be read, and the offset in it where that shows. */
export class TextFault extends Error {
  readonly offset: number;
  readonly reason: Reason;
  constructor(offset: number, why: string, reason: Reason) {
    super(why);
    this.offset = offset;
    this.reason = reason;
  }
}

/** @throws {TextFault} */
export function requireSize(text: string, { maxCharacters }: TextLimits): void {
  if (text.length > maxCharacters) throw tooMuch(0, maxCharacters, 'characters');
}

export function tooMuch(offset: number, limit: number, what: string): TextFault {
  const most = limit.toLocaleString('en');
  return new TextFault(
    offset,
    `a document may have at most ${most} ${what}, and this one has more; split it`,
    'text_too_large',
  );
}

/**
 * What YAML does not allow (§5.1), and what some readers treat as the end of a line and others do not (§5.4), so that
 * one sees keys where another sees a comment.
 */
const ambiguous = /[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ufffe\uffff]|\r(?!\n)/;

/** Behind the beginning of a document: some readers skip it there, others take it for a part of the first key. */
const lateMark = /^\ufeff?(?:---[^\n]*\n)?(?:[ \t]*(?:#[^\n]*)?\r?\n)*\ufeff/;

/** @throws {TextFault} */
export function requireCharacters(text: string): void {
  const [before = ''] = lateMark.exec(text) ?? [];
  if (before.length > 1)
    throw new TextFault(
      before.length - 1,
      'a byte order mark (U+FEFF), which belongs at the beginning of a file alone; remove it (files that were joined have it between them)',
      'character_refused',
    );
  const at = text.search(ambiguous);
  if (at === -1) return;
  const code = (text.codePointAt(at) ?? 0).toString(16).toUpperCase().padStart(4, '0');
  if (text[at] === '\r') {
    throw new TextFault(
      at,
      'a carriage return without a line feed, which only some readers treat as the end of a line; end lines with a line feed',
      'character_refused',
    );
  }
  throw new TextFault(
    at,
    `the character U+${code}, which YAML readers interpret differently or reject; remove it, or write it as \\u${code.toLowerCase()} inside double quotes`,
    'character_refused',
  );
}

/** Half of a character would be lost when the text is written. @throws {TextFault} */
export function requireWholeCharacters(text: string): void {
  if (text.isWellFormed()) return;
  const at = text.search(/\p{Surrogate}/u);
  throw new TextFault(
    at,
    'half of a character (a lone surrogate); write the whole character',
    'character_refused',
  );
}

/** Tags for which one reader yields strings where another yields bytes, times or lists. */
const readDifferently = /^tag:yaml\.org,2002:(?:binary|omap|pairs|set|timestamp)$/;

/** @throws {TextFault} */
export function requireKnownTag(tag: string | undefined, offset: number): void {
  if (tag === undefined || !readDifferently.test(tag)) return;
  const name = tag.slice(tag.lastIndexOf(':') + 1);
  throw new TextFault(
    offset,
    `the tag !!${name}, from which YAML readers make different values; remove it`,
    'tag_refused',
  );
}

/** Reports where and why a text cannot be read. */
export function unparsable(input: DocumentText, { offset, message, reason }: TextFault): AppError {
  const lined = new LinedText(input.text, input.firstLine);
  const at = Math.min(input.span.start + offset, input.text.length);
  const place = placeOf(input.where, lined, at);
  const why = `${message}, in ${excerptAt(lined, at)}`;
  return failureAt('TEXT_UNPARSABLE', place, { why, reason });
}
