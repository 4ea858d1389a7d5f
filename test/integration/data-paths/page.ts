/** The table of docs/data-paths.md: what was seen, written or compared. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Answer } from '../mesh/app.ts';
import type { DataPathName } from './pods.ts';

export interface Row {
  readonly group: string;
  readonly name: string;
  readonly seen: Readonly<Record<DataPathName, string>>;
  /** Why the two differ; empty where they do not. */
  readonly note: string;
}

const path = join(import.meta.dirname, '../../../docs/data-paths.md');
const begin = '<!-- seen: begin -->\n';
const end = '<!-- seen: end -->\n';

/** How a cell tells an answer: `passes`, or status and reason; what differs from run to run is left out. */
export function cellOf({ status, body }: Answer): string {
  if (status === 200) return 'passes';
  const [line = ''] = body.trim().split('\n');
  const reason = line.replace(/(there is no token to send):.*/, '$1: …');
  return `${status} ${reason}`.trim();
}

/** Whether a cell says that the request went through. */
export function isPass(cell: string): boolean {
  return cell.startsWith('passes');
}

/** The page with these rows in the place of those that it has. @param groups in their order on the page */
export function pageWith(rows: readonly Row[], groups: readonly string[]): string {
  const page = readFileSync(path, 'utf8');
  const from = page.indexOf(begin) + begin.length;
  const tables = groups.map((group) =>
    tableOf(
      group,
      rows.filter((row) => row.group === group),
    ),
  );
  return `${page.slice(0, from)}\n${tables.join('\n')}\n${page.slice(page.indexOf(end))}`;
}

function tableOf(group: string, rows: readonly Row[]): string {
  const lines = rows.map(({ name, seen, note }) =>
    [name, seen['ext-authz'], seen.native, note].map(escaped).join(' | '),
  );
  const head = `### ${group}\n\n| request | \`ext-authz\` | \`native\` | what differs |\n|---|---|---|---|\n`;
  return `${head}${lines.map((line) => `| ${line} |\n`).join('')}`;
}

function escaped(text: string): string {
  return text.replaceAll('|', '\\|');
}

export function readPage(): string {
  return readFileSync(path, 'utf8');
}

export function writePage(text: string): void {
  writeFileSync(path, text);
}
