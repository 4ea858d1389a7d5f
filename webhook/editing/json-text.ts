/** Texts that are JSON as a whole. */
import type { Json } from '#kernel/json.ts';
import { jsonFaultAt } from '#kernel/json-fault.ts';
import { TextFault } from './text-fault.ts';

/** The value of a text that is JSON as a whole; undefined when it is not. */
export function jsonValueOf(text: string): { readonly value: Json } | undefined {
  if (!/^\s*[[{]/.test(text)) return undefined;
  try {
    // JSON.parse gives JSON.
    return { value: JSON.parse(text) as Json };
  } catch {
    // Not JSON: YAML's parser decides, and its errors are the better ones.
    return undefined;
  }
}

/** Where and why a text is not JSON that Envoy would accept. */
export function notJson(text: string): TextFault {
  const { at, what, expected } = jsonFaultAt(text);
  return new TextFault(
    at,
    `Envoy reads a file as JSON unless its name ends in .yaml or .yml, and this is not JSON (${what}, expected ${expected}); correct it`,
    'file_not_json',
  );
}
