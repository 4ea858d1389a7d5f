/** Texts that Helm has not filled in yet: `{{ … }}` where values stand. */
import { AppError } from '#kernel/errors.ts';
import { isArray, isObject, type Json } from '#kernel/json.ts';

/** What templates say after the braces, and other texts do not. */
const action =
  /\{\{-? {0,4}(?:\.[A-Z]|\$|(?:if|else|end|range|with|include|template|define|toYaml|tpl|printf|quote|default)\b)/;
const advice =
  'it looks like a template of a Helm chart; fill it in first: helm template <chart> | svidecar inject -';

/** The fault of a text that cannot be parsed, with what to do where it is Helm's. */
export function orUnfilled(fault: AppError, text: string): AppError {
  if (!action.test(text)) return fault;
  return new AppError(fault.code, `${fault.message}; ${advice}`, { cause: fault });
}

/**
 * YAML takes `{{ x }}` for a map whose key is a map, which no Kubernetes object has.
 * @param where names the text in the message
 */
export function unfilledFault(value: Json, text: string, where: string): AppError | undefined {
  if (!text.includes('{{') || !hasMapAsKey(value)) return undefined;
  return new AppError('TEXT_UNPARSABLE', `${where}: {{ }} stands in place of a value; ${advice}`);
}

function hasMapAsKey(value: Json): boolean {
  const waiting: Json[] = [value];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (isArray(next)) for (const item of next) waiting.push(item);
    if (!isObject(next)) continue;
    for (const [key, member] of Object.entries(next)) {
      if (key.startsWith('{ ') && key.endsWith(' }') && member === null) return true;
      if (member !== undefined) waiting.push(member);
    }
  }
  return false;
}
