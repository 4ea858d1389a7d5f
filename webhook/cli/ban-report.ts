/** Bans as people and programs read them. */
import { printable, printableLines } from '#kernel/text.ts';
import { writeRecord } from '../../sidecar/config/ban-records.ts';
import type { StoredBan } from '../../bans/store/ban-store.ts';
import type { Terminal } from './terminal.ts';

/** `all tokens, until 2026-12-01T00:00:00Z`. */
export function extentOf({ issuedBeforeS, untilS }: Omit<StoredBan, 'value'>): string {
  return `${meantBy(issuedBeforeS)}, ${untilS === undefined ? 'for good' : `until ${timeOf(untilS)}`}`;
}

function meantBy(issuedBeforeS: number | undefined): string {
  return issuedBeforeS === undefined
    ? 'all tokens'
    : `tokens issued before ${timeOf(issuedBeforeS)}`;
}

function timeOf(unixS: number): string {
  return new Date(Math.round(unixS * 1_000)).toISOString().replace('.000Z', 'Z');
}

/** One ban in one line of JSON, as a list has it; safe for a terminal. */
export function banJson(ban: StoredBan): string {
  return printableLines(writeRecord(ban));
}

/** What is shown of a value where the store has only its HMAC. */
const hashed = '(hashed)';

/** `email=jo@example.org`. */
export function whoOf({ claim, value }: StoredBan): string {
  return printable(`${claim}=${value ?? hashed}`);
}

/** As a JSON list, an item at a time: a store may have a million. */
export async function printJson(bans: AsyncIterable<StoredBan>, terminal: Terminal): Promise<void> {
  let before = '[\n';
  for await (const ban of bans) {
    terminal.out(`${before}  ${banJson(ban)}`);
    before = ',\n';
  }
  terminal.out(before === '[\n' ? '[]\n' : '\n]\n');
}

const titles = ['CLAIM', 'VALUE', 'TOKENS', 'UNTIL', 'BY', 'REASON'] as const;
/** Rows that are laid out together. */
const rowsAtOnce = 500;

/** As a table. Returns how many there are. */
export async function printTable(
  bans: AsyncIterable<StoredBan>,
  terminal: Terminal,
): Promise<number> {
  let rows: (readonly string[])[] = [];
  let widths: readonly number[] = titles.map(({ length }) => length);
  let count = 0;
  const flush = (): void => {
    widths = widths.map((width, at) => Math.max(width, ...rows.map((row) => row[at]?.length ?? 0)));
    terminal.out(rows.map((row) => lineOf(row, widths)).join(''));
    rows = [];
  };
  for await (const ban of bans) {
    if (count === 0) rows.push(titles);
    count += 1;
    rows.push(rowOf(ban));
    if (rows.length >= rowsAtOnce) flush();
  }
  flush();
  return count;
}

function rowOf(ban: StoredBan): readonly string[] {
  const { claim, value = hashed, issuedBeforeS, untilS, by, reason } = ban;
  const tokens = issuedBeforeS === undefined ? 'all' : `before ${timeOf(issuedBeforeS)}`;
  const until = untilS === undefined ? '-' : timeOf(untilS);
  return [claim, value, tokens, until, by ?? '-', reason ?? ''].map(printable);
}

function lineOf(row: readonly string[], widths: readonly number[]): string {
  return (
    row
      .map((cell, at) => cell.padEnd(widths[at] ?? 0))
      .join('  ')
      .trimEnd() + '\n'
  );
}
