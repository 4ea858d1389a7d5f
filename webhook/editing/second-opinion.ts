/** Another YAML parser's result for a text: independent, and at a fraction of the first one's cost. */
import {
  CORE_SCHEMA,
  FAILSAFE_SCHEMA,
  NOT_RESOLVED,
  defineScalarTag,
  load,
  mergeTag,
} from 'js-yaml';
import type { Json } from '#kernel/json.ts';
import { envoyPlain } from './envoy-scalar.ts';
import type { Dialect } from './document-text.ts';

/** YAML 1.2 core scalars, as the first parser reads them, and merge keys. */
const common = CORE_SCHEMA.withTags(mergeTag);

/** Scalars as Envoy reads them; merge keys are refused before. */
const envoys = FAILSAFE_SCHEMA.withTags(
  defineScalarTag<Json>('tag:svidecar.dev,2026:envoy', {
    implicit: true,
    resolve: (source) => {
      const value = envoyPlain(source);
      return typeof value === 'string' ? NOT_RESOLVED : value;
    },
    identify: () => false,
  }),
);

/**
 * The value of one document; undefined where this parser refuses the text, which says nothing about it: the two
 * disagree on rare forms. So agreement is proof, and in every other case the first parser decides.
 */
export function secondOpinion(
  text: string,
  dialect: Dialect,
): { readonly value: Json } | undefined {
  try {
    // The core schema makes JSON values, and numbers that JSON lacks, which equal nothing.
    return { value: load(text, { schema: dialect === 'envoy' ? envoys : common }) as Json };
  } catch {
    return undefined;
  }
}
