/** Names and marks derived from contents. */
import { hash } from 'node:crypto';

/** 128 bits: whoever may choose contents must not find two that share a name. */
const hashDigits = 32;
/** What versions before 0.1.0 wrote: a collision can be found in seconds, so it names nothing new. */
const legacyDigits = 10;

/** {@link contentHash}, or a cached version of it: for marks. */
export type HashOf = (text: string) => string;

declare const brand: unique symbol;
/** The hash in a name: made by {@link nameHashOf} alone, so that no name is another revision's. */
export type NameHash = string & { readonly [brand]: 'NameHash' };
export type NameHashOf = (text: string) => NameHash;

/**
 * 32 hexadecimal digits.
 * @param text contents of one kind; several values go in as one JSON text, so that no two lists of them give the same
 */
export function contentHash(text: string): string {
  return hash('sha256', text, 'hex').slice(0, hashDigits);
}

/**
 * For names of ConfigMaps: two revisions never share one, so that neither writes, or removes, what is the other's.
 * @param revision empty for the installation without a name
 */
export function nameHashOf(revision: string): NameHashOf {
  return (text) =>
    asNameHash(contentHash(revision === '' ? text : JSON.stringify([revision, text])));
}

/** The one place where a hash becomes a name's. */
function asNameHash(text: string): NameHash {
  return text as NameHash;
}

/** Whether an existing mark is that of this content; versions before 0.1.0 wrote only its beginning. */
export function isHashOf(mark: string, contents: string): boolean {
  return mark === contents || (mark.length === legacyDigits && contents.startsWith(mark));
}

/** A name of ours, as this version makes it, or as versions before 0.1.0 did. */
const namePattern = /^(?:.+-)?svidecar-(?:[0-9a-f]{10}|[0-9a-f]{32})$/;

/** Whether a ConfigMap could be ours by its name: `svidecar-<hash>` or `<source>-svidecar-<hash>`. */
export function isOurName(name: string): boolean {
  return namePattern.test(name);
}

/** The hashes of all names of ours that a text holds. */
export function hashesIn(text: string): readonly string[] {
  return [...text.matchAll(/svidecar-([0-9a-f]+)/g)].map(([, hash = '']) => hash);
}

/** @param name one of ours, see {@link isOurName} */
export function hashOfName(name: string): string {
  return name.slice(name.lastIndexOf('-') + 1);
}

/** Whether a name is one of a version before 0.1.0: another content with this name can be found. */
export function isLegacyName(name: string): boolean {
  return isOurName(name) && name.charAt(name.length - legacyDigits - 1) === '-';
}

/** How a name is made: from the hash of its contents. */
export type NameBy = (hashOf: NameHashOf) => string;

/** Whether a name matches contents, by this version's rule or by that before 0.1.0; undefined where it does not. */
export function ruleOfName(
  name: string,
  nameBy: NameBy,
  revision = '',
): 'current' | 'legacy' | undefined {
  if (name === nameBy(nameHashOf(revision))) return 'current';
  const legacy = (text: string): NameHash => asNameHash(contentHash(text).slice(0, legacyDigits));
  return name === nameBy(legacy) ? 'legacy' : undefined;
}
