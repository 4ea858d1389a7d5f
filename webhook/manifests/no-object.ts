/** Documents that are no objects: nothing in them can ask for anything, and kubectl applies none of them. */
import { AppError } from '#kernel/errors.ts';
import { isArray, isObject, type Json } from '#kernel/json.ts';

/** How pages of the web begin. A manifest does not: `<<: *anchor` has another second character. */
const page = /^<[!?a-z]/i;
const saved =
  'it looks like a page of the web, which a server may send in place of a manifest: fetch it again';

/** Of the documents of a file. */
export interface DocumentPlace {
  readonly name: string;
  /** Of the value, from 1. */
  readonly line: number;
  /** Position, from 0. */
  readonly index: number;
  /** The document's text from its value on. */
  readonly text: string;
}

/** Undefined for an object, and for an empty document, as between two markers. */
export function noObjectFault(value: Json, place: DocumentPlace): AppError | undefined {
  const { name, line, index, text } = place;
  const isPage = page.test(text);
  if (value === null || (isObject(value) && !isPage)) return undefined;
  const what = isPage ? 'no manifest' : `${kindOf(value)}, no object of Kubernetes`;
  const advice = isPage ? saved : 'remove it, or write the object that was meant';
  return new AppError(
    'TEXT_UNPARSABLE',
    `${name}:${line}: document ${index + 1} is ${what}; ${advice}`,
    { facts: { file: name, line } },
  );
}

/** Of an item of a List: kubectl refuses all of it, also for an item that is empty. */
export function noItemFault(
  value: unknown,
  { name, line, index }: Omit<DocumentPlace, 'text'>,
  path: readonly (string | number)[],
): AppError {
  const item = path.map((key) => (typeof key === 'number' ? `[${key}]` : `.${key}`)).join('');
  return new AppError(
    'TEXT_UNPARSABLE',
    `${name}:${line}: ${item.slice(1)} in document ${index + 1} is ${kindOf(value)}, no object of Kubernetes, so kubectl takes nothing of the List; remove it, or write the object that was meant`,
    { facts: { file: name, line } },
  );
}

function kindOf(value: unknown): string {
  if (value === null || value === undefined) return 'empty';
  if (isArray(value)) return 'a list';
  return typeof value === 'string' ? 'a text' : `a ${typeof value}`;
}

/** The fault of a text that cannot be parsed, with advice where it is no manifest at all. */
export function orPage(fault: AppError, text: string): AppError {
  if (!page.test(text.trimStart())) return fault;
  return new AppError(fault.code, `${fault.message}; ${saved}`, {
    cause: fault,
    facts: fault.facts,
  });
}
