/** Parses YAML or JSON text into plain values, or throws an error with file, line and column. */
import type { Json } from '#kernel/json.ts';
import type { Dialect } from './document-text.ts';
import { readSource } from './read-source.ts';
import { splitDocuments } from './split-documents.ts';

/**
 * All documents of a text, merge keys resolved and aliases written out; an empty document is null.
 * Numbers above 2^53 lose digits here, as they do in JSON.parse; edits never touch them.
 * @throws {AppError} TEXT_UNPARSABLE also for duplicate keys and for aliases that multiply without bound
 */
export function parseText(text: string, where: string, dialect?: Dialect): readonly Json[] {
  return splitDocuments(text).map((span) => readSource({ text, span, where, dialect }).value);
}
