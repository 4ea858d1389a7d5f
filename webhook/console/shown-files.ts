/**
 * Files of ConfigMaps as a page may show them: read, and judged as values. A text that holds nothing but those keeps its
 * form; comments are left out, and what cannot be read is not shown.
 */
import { Lexer } from 'yaml';
import { AppError } from '#kernel/errors.ts';
import { isArray, isObject, sameJson, type Json } from '#kernel/json.ts';
import { own } from '#kernel/members.ts';
import type { Dialect } from '../editing/document-text.ts';
import { editOpenText } from '../editing/edit-text.ts';
import { openText, type OpenText } from '../editing/open-text.ts';
import { pointer, type Operation } from '../editing/operation.ts';
import { splitDocuments } from '../editing/split-documents.ts';
import { yamlOf } from '../manifests/appended-documents.ts';
import type { DiffTexts } from '../manifests/unified-diff.ts';
import { notShown } from './hide-secrets.ts';

interface ShownFiles extends DiffTexts {
  /** Why a side is not shown. */
  readonly problem?: string;
}

interface ReadFile {
  readonly open: OpenText;
  /** A map or list. */
  readonly shown: object & Json;
}

/** Instead of a file. */
const unreadable = `# ${notShown}: it cannot be read as one YAML or JSON document\n`;
const problem =
  'a file is not shown, as it cannot be read as one YAML or JSON document, and so what is secret in it cannot be told';

/** Both sides are shown in the same way, so that they differ in what differs. Cost: O(n) */
export function shownFiles(
  texts: DiffTexts,
  { dialect, hide }: { readonly dialect: Dialect; readonly hide: (value: Json) => Json },
): ShownFiles {
  const read = (text: string): ReadFile | undefined => readFile(text, dialect, hide);
  const before = read(texts.before);
  const after = read(texts.after);
  const isEmpty = texts.before === '';
  if (after === undefined || (before === undefined && !isEmpty))
    return { before: isEmpty ? '' : unreadable, after: unreadable, problem };
  const formed = before === undefined ? '' : inItsForm(before);
  const formedAfter = formed === undefined ? undefined : inItsForm(after);
  if (formed !== undefined && formedAfter !== undefined)
    return { before: formed, after: formedAfter };
  return { before: before === undefined ? '' : printed(before), after: printed(after) };
}

function printed({ shown }: ReadFile): string {
  return yamlOf(shown);
}

/** Undefined for a text that is not one document of a map or list. */
function readFile(
  text: string,
  dialect: Dialect,
  hide: (value: Json) => Json,
): ReadFile | undefined {
  const [span, ...others] = splitDocuments(text);
  if (span === undefined || others.length > 0) return undefined;
  try {
    const open = openText(text, span, { where: '', dialect });
    const shown = hide(open.value);
    return isObject(shown) || isArray(shown) ? { open, shown } : undefined;
  } catch (thrown) {
    // What is wrong with it quotes it; its own check says it elsewhere.
    if (thrown instanceof AppError) return undefined;
    throw thrown;
  }
}

/** The text with what is hidden in its place; undefined where more than values might be told, or it would be another value. */
function inItsForm({ open, shown }: ReadFile): string | undefined {
  const operations: Operation[] = [];
  addReplaced(open.value, shown, { path: [], operations });
  try {
    const { text } = editOpenText(open, operations);
    const plain = open.source.isJson ? text : withoutComments(text);
    if (plain === undefined) return undefined;
    const again = openText(
      plain,
      { start: 0, end: plain.length },
      {
        where: '',
        dialect: open.dialect,
      },
    );
    return sameJson(again.value, shown) ? plain : undefined;
  } catch (thrown) {
    // It is printed anew then.
    if (thrown instanceof AppError) return undefined;
    throw thrown;
  }
}

interface Replaced {
  readonly path: readonly (string | number)[];
  /** Added to. */
  readonly operations: Operation[];
}

function addReplaced(from: Json, to: Json, { path, operations }: Replaced): void {
  if (typeof from !== 'object' || from === null) {
    if (from !== to) operations.push({ op: 'replace', path: pointer(...path), value: to });
    return;
  }
  const members = isArray(from) ? from.entries() : Object.entries(from);
  for (const [key, member = null] of members)
    addReplaced(member, memberAt(to, key), { path: [...path, key], operations });
}

function memberAt(value: Json, key: string | number): Json {
  if (isArray(value)) return value[Number(key)] ?? null;
  return isObject(value) ? (own(value, String(key)) ?? null) : null;
}

/** Of the lexer: the text after it is a scalar, whatever it begins with. */
const scalarFollows = '\u001F';

/** Undefined where there are anchors, aliases, tags, directives or marks of documents: these have names, and the same value twice. */
function withoutComments(text: string): string | undefined {
  const kept: string[] = [];
  let isScalar = false;
  for (const token of new Lexer().lex(text)) {
    const isMark = !isScalar && /^(?:[&*!%]|\.\.\.|---)/.test(token);
    if (isMark) return undefined;
    if (!isScalar && token.startsWith('#')) kept.push(`# ${notShown}`);
    else if (!/^[\u0002\u0018\u001F\uFEFF]$/.test(token)) kept.push(token);
    isScalar = token === scalarFollows;
  }
  return kept.join('');
}
