/** Pages of the docs with a part that a test writes from what it saw: renewed with `UPDATE=1`, else compared. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';

const begin = '<!-- seen: begin -->\n';
const end = '<!-- seen: end -->\n';

/** @param name of a file in `docs` */
export function expectOnPage(name: string, seen: string): void {
  const path = join(import.meta.dirname, '../../../docs', name);
  const page = readFileSync(path, 'utf8');
  const from = page.indexOf(begin) + begin.length;
  const wanted = `${page.slice(0, from)}\n${seen}\n${page.slice(page.indexOf(end))}`;
  if (process.env['UPDATE'] === '1') writeFileSync(path, wanted);
  else expect(page).toBe(wanted);
}

/** @param head cells of the first line */
export function tableOf(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = rows.map((cells) => `| ${cells.map(escaped).join(' | ')} |\n`);
  return `| ${head.join(' | ')} |\n|${'---|'.repeat(head.length)}\n${lines.join('')}`;
}

function escaped(text: string): string {
  return text.replaceAll('|', '\\|');
}
