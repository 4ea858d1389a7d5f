/** What YAML's core schema makes of a scalar without quotes: decided by the parser's own table of tags. */
import { Schema, isScalar } from 'yaml';
import type { Json } from '#kernel/json.ts';

/** As for the parser's own documents. */
const { tags } = new Schema({ schema: 'core', merge: true, resolveKnownTags: false });

const decimal = /^-?(?:0|[1-9]\d{0,14})$/;
/** A string by its first character, or because other words that begin so are shorter. */
const string = /^(?:[^-+.~\dnNtTfF]|[nNtTfF].{5})/s;

/** Its value as a node of the parser holds it: numbers that JSON lacks are kept. */
export function coreScalar(text: string): Json {
  if (string.test(text)) return text;
  if (decimal.test(text)) return Number(text);
  for (const tag of tags) {
    if (tag.collection !== undefined || tag.default !== true || tag.test?.test(text) !== true)
      continue;
    const found: unknown = tag.resolve(text, () => undefined, {});
    // The core schema gives JSON scalars only, and its tags find no fault with what passed their test.
    return (isScalar(found) ? found.value : found) as Json;
  }
  return text;
}
