/** Texts that Helm has not rendered yet: `{{ … }}` in place of values. */
import { AppError } from '#kernel/errors.ts';

/** What follows the braces in templates, and not in other texts. */
const action =
  /\{\{-? {0,4}(?:\.[A-Z]|\$|(?:if|else|end|range|with|include|template|define|toYaml|tpl|printf|quote|default)\b)/;
/** In place of a value: YAML reads it as a map whose key is a map. */
const braces = /(?:^|[:-] )\{\{ [^{}\n]* \}\}/m;
const advice =
  'it looks like a template of a Helm chart; fill it in first: helm template <chart> prints manifests';

/** The fault of a text that cannot be parsed, with advice where it is a Helm template. */
export function orUnfilled(fault: AppError, text: string): AppError {
  if (!action.test(text) && !braces.test(text)) return fault;
  return new AppError(fault.code, `${fault.message}; ${advice}`, {
    cause: fault,
    facts: fault.facts,
  });
}
