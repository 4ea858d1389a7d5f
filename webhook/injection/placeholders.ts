/** Configurations that are templates of another program: why they cannot be read, and what to do. */
import { AppError } from '#kernel/errors.ts';

const kinds: readonly { readonly mark: RegExp; readonly says: string }[] = [
  {
    mark: /\{\{/,
    says: 'it looks like a template of Helm or Go ({{ }}), which has to be filled in first: helm template <chart> | svidecar inject -',
  },
  {
    mark: /\$\{?[A-Za-z_]/,
    says: 'it has placeholders such as ${NAME}; between braces and brackets they are no YAML: put them in quotation marks, or write that part in lines of its own',
  },
  {
    mark: /@@?[A-Z_]+@|%%?[A-Z_]+%%?|<%/,
    says: 'it looks like a template with placeholders; those that are no YAML have to be put in quotation marks, or filled in first',
  },
];

/** The error of a text that cannot be parsed, with the reason where the text has placeholders; others stay. */
export function withPlaceholders(thrown: unknown, text: string): unknown {
  if (!(thrown instanceof AppError) || thrown.code !== 'ENVOY_CONFIG_INVALID') return thrown;
  const isUnparsable = thrown.cause instanceof AppError && thrown.cause.code === 'TEXT_UNPARSABLE';
  const kind = isUnparsable ? kinds.find(({ mark }) => mark.test(text)) : undefined;
  if (kind === undefined) return thrown;
  return new AppError(thrown.code, `${thrown.message}\n${kind.says}`, { cause: thrown });
}
