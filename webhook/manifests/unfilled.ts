/** Texts that Helm has not filled in yet: `{{ … }}` where values stand. */
import { AppError } from '#kernel/errors.ts';

/** What templates say after the braces, and other texts do not. */
const action =
  /\{\{-? {0,4}(?:\.[A-Z]|\$|(?:if|else|end|range|with|include|template|define|toYaml|tpl|printf|quote|default)\b)/;
/** In place of a value: YAML takes it for a map whose key is a map. */
const braces = /(?:^|[:-] )\{\{ [^{}\n]* \}\}/m;
const advice =
  'it looks like a template of a Helm chart; fill it in first: helm template <chart> | svidecar inject -';

/** The fault of a text that cannot be parsed, with what to do where it is Helm's. */
export function orUnfilled(fault: AppError, text: string): AppError {
  if (!action.test(text) && !braces.test(text)) return fault;
  return new AppError(fault.code, `${fault.message}; ${advice}`, {
    cause: fault,
    facts: fault.facts,
  });
}
