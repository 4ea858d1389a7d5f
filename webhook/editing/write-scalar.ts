/** Scalars as text that YAML 1.1 and YAML 1.2 readers read as the same value. */
import type { Json } from '#kernel/json.ts';
import type { SourceScalar } from './source-tree.ts';

type Scalar = string | number | boolean | null;

/** YAML 1.1 readers, kubectl among them, read these words as booleans or null. */
const reservedWords = /^(?:null|true|false|yes|no|on|off|y|n)$/i;
/** Begins with a letter, a slash or an underscore: never a number in any YAML version. */
const plainText = /^[A-Za-z/_][A-Za-z0-9/_.@+=$%~-]*(?:[ :][A-Za-z0-9/_.@+=$%~-]+)*$/;
/** Durations and IPv4 addresses begin with a digit, and nobody quotes them. */
const plainNumbersWithUnit = /^(?:\d+(?:\.\d+)?(?:ms|s|m|h)|\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3})$/;
/** Names, also with a digit first, and lists with commas. */
const namesOrPorts = /^[A-Za-z0-9][A-Za-z0-9.-]*(?:, ?[A-Za-z0-9.-]+)*$/;
/** Numbers, times and dates of any YAML version. */
const numeric = /^(?:[\d.]+(?:e[-+]?\d+)?|0[xob][\da-f]+|\d{4}-\d{1,2}-\d{1,2}.*)$/i;
/** What JSON.stringify leaves bare although YAML does not allow it or treats it as a line break. */
const unprintable = /[\u007f-\u009f\u2028\u2029\ufeff\ufffe\uffff]/g;

export function isScalarValue(value: Json): value is Scalar {
  return typeof value !== 'object' || value === null;
}

/** A scalar in YAML: plain where every reader agrees on the string, else in double quotes. */
export function yamlScalar(value: Scalar): string {
  if (typeof value !== 'string') return JSON.stringify(value);
  return isPlainSafe(value) ? value : doubleQuoted(value);
}

export function doubleQuoted(value: string): string {
  return JSON.stringify(value).replace(
    unprintable,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** A new scalar in the place and in the quotes of an old one, as far as the value allows. */
export function scalarLike(old: SourceScalar, value: Scalar): string {
  if (typeof value !== 'string') return JSON.stringify(value);
  if (old.style === 'double') return doubleQuoted(value);
  if (old.style === 'single' && /^[\x20-\x7e]*$/.test(value)) {
    return `'${value.replaceAll("'", "''")}'`;
  }
  // Nobody who left out the quotes gets them back with the value.
  return old.style === 'plain' && isNameOrList(value) ? value : yamlScalar(value);
}

function isNameOrList(value: string): boolean {
  return namesOrPorts.test(value) && !numeric.test(value) && !reservedWords.test(value);
}

function isPlainSafe(value: string): boolean {
  if (reservedWords.test(value)) return false;
  return plainText.test(value) || plainNumbersWithUnit.test(value);
}
