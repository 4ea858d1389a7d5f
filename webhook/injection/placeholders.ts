/** Configurations that are templates of another program: why they cannot be read, and what to do. */
import { AppError } from '#kernel/errors.ts';
import type { Reason } from '#kernel/reasons.ts';

const kinds: readonly { readonly mark: RegExp; readonly says: string; readonly reason: Reason }[] =
  [
    {
      mark: /\{\{/,
      reason: 'template_not_filled_in',
      says: 'it looks like a template of Helm or Go ({{ }}), which has to be filled in first: helm template <chart> prints manifests',
    },
    {
      reason: 'placeholders_not_filled_in',
      mark: /\$\{?[A-Za-z_]/,
      says: 'it has placeholders such as ${NAME}; inside braces and brackets they are not valid YAML: quote them, or write that part in block style',
    },
    {
      reason: 'placeholders_not_filled_in',
      mark: /@@?[A-Z_]+@|%%?[A-Z_]+%%?|<%/,
      says: 'it looks like a template with placeholders; those that are not valid YAML must be quoted, or filled in first',
    },
  ];

/** What placeholders make of a text: it is not YAML, or has keys that are maps or occur in both branches of an "if". */
const broughtAbout: ReadonlySet<Reason> = new Set<Reason>([
  'alias_unknown',
  'file_not_json',
  'key_not_a_text',
  'key_stands_twice',
  'text_unparsable',
]);

/** The error of a text that cannot be parsed, with the reason where the text has placeholders; others stay. */
export function withPlaceholders(thrown: unknown, text: string): unknown {
  if (!(thrown instanceof AppError) || thrown.code !== 'ENVOY_CONFIG_INVALID') return thrown;
  const mayBe = thrown.reason !== undefined && broughtAbout.has(thrown.reason);
  const kind = mayBe ? kinds.find(({ mark }) => mark.test(text)) : undefined;
  if (kind === undefined) return thrown;
  return new AppError(thrown.code, `${thrown.message}; ${kind.says}`, {
    // Whether a parser quotes the text here can be seen from the cause.
    cause: thrown.cause,
    reason: kind.reason,
    facts: thrown.facts,
  });
}
