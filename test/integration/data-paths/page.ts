/** The tables of docs/data-paths.md: what was seen. */
import { tableOf } from '../harness/seen-page.ts';
import type { Answer } from '../mesh/app.ts';
import type { DataPathName } from './pods.ts';

export interface Row {
  readonly group: string;
  readonly name: string;
  readonly seen: Readonly<Record<DataPathName, string>>;
  /** Why the two differ; empty where they do not. */
  readonly note: string;
}

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

/** The tables of these rows. @param groups in their order on the page */
export function tablesOf(rows: readonly Row[], groups: readonly string[]): string {
  const head = ['request', '`ext-authz`', '`native`', 'what differs'];
  const tables = groups.map((group) => {
    const own = rows.filter((row) => row.group === group);
    const cells = own.map(({ name, seen, note }) => [name, seen['ext-authz'], seen.native, note]);
    return `### ${group}\n\n${tableOf(head, cells)}`;
  });
  return tables.join('\n');
}
