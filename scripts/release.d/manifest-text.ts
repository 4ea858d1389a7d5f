/**
 * YAML that is the same to every reader. kubectl cuts a text into documents by lines before it parses, reads YAML 1.1, and ends
 * lines at more characters than we do: what one reader takes for a comment, another applies.
 */
import { parseAllDocuments } from 'yaml';
import { AppError } from '#kernel/errors.ts';
import { sameJson, type Json } from '#kernel/json.ts';
import { parseText } from '../../webhook/editing/parse-text.ts';

/** Characters; ours have some ten thousand. */
const mostText = 1024 * 1024;
/** `...` ends a document, behind which kubectl reads no further; `%` directs the parser; a document may begin behind `---`. */
const otherMark = /^(?:\.\.\.|%|---(?!\r?\n|$)).*/m;

/** Those that are not empty. @throws {Error} where readers differ, or it is no YAML */
export function documentsIn(text: string): readonly Json[] {
  if (text.length > mostText) throw new Error(`it has more than ${mostText} characters`);
  const [mark] = otherMark.exec(text) ?? [];
  if (mark !== undefined)
    throw new Error(`it has a line with which no document of ours begins or ends: ${mark}`);
  const documents = parsed(text).filter((each) => each !== null);
  const others = parseAllDocuments(text, { version: '1.1' })
    .map((document) => (document.errors.length > 0 ? undefined : (document.toJS() as Json)))
    .filter((each) => each !== null);
  const differs = documents.findIndex((each, nth) => !sameJson(each, others[nth]));
  if (differs >= 0 || others.length !== documents.length)
    throw new Error(
      `document ${differs + 1} of it means something else to kubectl, which reads YAML 1.1`,
    );
  return documents;
}

function parsed(text: string): readonly Json[] {
  try {
    return parseText(text, 'its text');
  } catch (thrown) {
    if (!(thrown instanceof AppError)) throw thrown;
    throw new Error(`it is no YAML as it is written here: ${thrown.message}`, { cause: thrown });
  }
}
