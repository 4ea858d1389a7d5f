/** The fields of the form: keys from the contract that admission reads, words from the page that documents them. */
import { own } from '#kernel/members.ts';
import { settingChoices } from '../request/read-annotations.ts';
import { annotationKey, settingKeys, type SettingKey } from '../request/metadata-keys.ts';

export interface AnnotationField {
  readonly setting: SettingKey;
  /** In full, as people write it. */
  readonly key: string;
  /** Heading of its part of docs/annotations.md. */
  readonly section: string;
  /** What may be written, in words. */
  readonly values: string;
  /** What holds without it, in words. */
  readonly usual: string;
  readonly example: string;
  /** All values, where there are few. */
  readonly choices: readonly string[] | undefined;
}

interface DocumentedRow {
  readonly section: string;
  readonly cells: readonly string[];
}

/** In the order of the page. @param page docs/annotations.md, which has a row for each key (a test compares) */
export function annotationFields(page: string): readonly AnnotationField[] {
  const rows = rowsOf(page);
  return [...rows].flatMap(([key, { section, cells }]): readonly AnnotationField[] => {
    const setting = settingKeys.find((each) => annotationKey(each) === key);
    if (setting === undefined) return [];
    const [values = '', usual = '', example = ''] = cells.map(plain);
    const choices = own(settingChoices, setting);
    return [{ setting, key, section, values, usual, example, choices }];
  });
}

function rowsOf(page: string): ReadonlyMap<string, DocumentedRow> {
  const rows = new Map<string, DocumentedRow>();
  let section = '';
  for (const line of page.split('\n')) {
    if (line.startsWith('## ')) section = plain(line.slice('## '.length));
    const [, key, rest = ''] = /^\| `([a-z./-]+)` \|(.*)\|$/.exec(line) ?? [];
    if (key !== undefined)
      rows.set(key, { section, cells: rest.split('|').map((cell) => cell.trim()) });
  }
  return rows;
}

/** Markdown without its marks. */
function plain(markdown: string): string {
  return markdown
    .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replaceAll('`', '')
    .replaceAll('**', '');
}
