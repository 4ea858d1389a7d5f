/** What another YAML parser makes of a text: an independent opinion, and at a fraction of the first one's cost. */
import { CORE_SCHEMA, load, mergeTag } from 'js-yaml';
import type { Json } from '#kernel/json.ts';

/** YAML 1.2 core scalars, as the first parser reads them, and merge keys. */
const schema = CORE_SCHEMA.withTags(mergeTag);

/**
 * The value of one document; undefined where this parser refuses the text, which says nothing about it: the two
 * disagree on rare forms. So agreement is proof, and everything else is a question to the first parser.
 */
export function secondOpinion(text: string): { readonly value: Json } | undefined {
  try {
    // The core schema makes JSON values, and numbers that JSON lacks, which equal nothing.
    return { value: load(text, { schema }) as Json };
  } catch {
    return undefined;
  }
}
