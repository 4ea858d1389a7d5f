/** JSON as RFC 7515 and RFC 7519 want it: UTF-8, an object, and no member named twice. */
import { isObject, type JsonObject } from '#kernel/json.ts';

/** A byte order mark is kept, and so refused by the parser after it: RFC 8259 §8.1. */
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * The object that these bytes encode, or undefined. A name that occurs twice is refused at every depth:
 * parsers disagree about which of the two counts, so a token could mean different things to different readers.
 * @see RFC 7515 §4, RFC 7519 §4 (both leave the choice between refusing and taking the last one)
 */
export function parseStrictObject(bytes: Uint8Array): JsonObject | undefined {
  try {
    const text = utf8.decode(bytes);
    const value: unknown = JSON.parse(text);
    return isObject(value) && !namesOneMemberTwice(text) ? value : undefined;
  } catch {
    // Not UTF-8, not JSON, or nested beyond what the parser can hold: malformed, whichever it was.
    return undefined;
  }
}

/** Braces and strings; a string with a colon after it is a member's name. */
const structure = /[{}]|("[^"\\]*(?:\\.[^"\\]*)*")(\s*:)?/g;

/** @param text valid JSON, which is why its structure alone decides here. */
function namesOneMemberTwice(text: string): boolean {
  /** The names seen so far in each object that is still open. */
  const open: Set<string>[] = [];
  for (const [mark, literal, colon] of text.matchAll(structure)) {
    if (mark === '{') open.push(new Set());
    else if (mark === '}') open.pop();
    else if (literal !== undefined && colon !== undefined) {
      const names = open.at(-1);
      const name = nameOf(literal);
      if (names?.has(name) === true) return true;
      names?.add(name);
    }
  }
  return false;
}

/** The name that a quoted literal stands for: `"a"` and `"\u0061"` are the same name. */
function nameOf(literal: string): string {
  return literal.includes('\\') ? String(JSON.parse(literal)) : literal.slice(1, -1);
}
