/** A list of bans is changed as a text: what is not about the ban in question stays as it is, comments too. */
import { AppError } from '#kernel/errors.ts';
import { linesOfList, type LineOfList, type ListedBan } from '../../sidecar/config/ban-list.ts';
import { hasEnded } from '../../sidecar/config/ban-meaning.ts';
import { kindOfBan, writeRecord } from '../../sidecar/config/ban-records.ts';
import { banListLimits } from '../../sidecar/config/ban-values.ts';
import { mergedBan, type BanToWrite, type StoredBan } from './ban-store.ts';

/** Seconds for which a ban that has ended stays on a list: clocks differ, and people look. Then the next `put` drops it. */
const keptEndedS = 24 * 3_600;

/** The bans of a list. @throws {AppError} BAN_LIST_INVALID */
export function* bansIn(text: string, where: string): Generator<ListedBan> {
  for (const { ban } of linesOfList(text, where)) if (ban !== undefined) yield ban;
}

interface Put {
  readonly ban: BanToWrite;
  /** Of {@link ban}. */
  readonly key: string;
  readonly where: string;
  readonly nowS: number;
}

interface Changed {
  /** What is in force then. */
  readonly ban: StoredBan;
  /** The list with it; undefined where it says that already. */
  readonly text: string | undefined;
}

/** @throws {AppError} BAN_LIST_INVALID, BAN_STORE_FULL */
export function withBan(text: string, put: Put): Changed {
  const { where, ban } = put;
  const lines = [...linesOfList(text, where)].map((line) => ({ ...line, use: useOf(line, put) }));
  const same = lines.flatMap((line) => (line.use === 'same' && line.ban ? [line.ban] : []));
  const inForce = same.filter((one) => !hasEnded(one, put.nowS));
  const present = inForce.length === 0 ? undefined : inForce.reduce(joined);
  const merged = mergedBan(present, ban);
  const kept = lines.filter(({ use }) => use === 'kept');
  if (merged === present && kept.length + 1 === lines.length)
    return { ban: merged, text: undefined };
  const place = lines.findIndex(({ use }) => use === 'same');
  const before = place === -1 ? kept : lines.slice(0, place).filter(({ use }) => use === 'kept');
  const texts = kept.map((line) => line.text);
  texts.splice(before.length, 0, writeRecord(merged));
  const bans = 1 + kept.filter((line) => line.ban !== undefined).length;
  return { ban: merged, text: bounded(`${texts.join('\n')}\n`, bans, where) };
}

/** What becomes of a line: it is about the same ban, or over for long, or it stays. */
function useOf({ ban }: LineOfList, put: Put): 'same' | 'over' | 'kept' {
  if (ban === undefined) return 'kept';
  if (ban.key === put.key && kindOfBan(ban) === kindOfBan(put.ban)) return 'same';
  return hasEnded(ban, put.nowS - keptEndedS) ? 'over' : 'kept';
}

/** Lines of one claim, value and kind, as one ban that means no less. */
function joined(one: ListedBan, other: ListedBan): ListedBan {
  const isEndless = one.untilS === undefined || other.untilS === undefined;
  const untilS = isEndless ? undefined : Math.max(one.untilS, other.untilS);
  const isLater = (one.issuedBeforeS ?? 0) >= (other.issuedBeforeS ?? 0);
  return { ...(isLater ? one : other), untilS };
}

/** The list without a claim and value; undefined where there is no ban of it. @throws {AppError} BAN_LIST_INVALID */
export function withoutBan(text: string, key: string, where: string): string | undefined {
  const kept: string[] = [];
  let isThere = false;
  for (const line of linesOfList(text, where)) {
    if (line.ban?.key === key) isThere = true;
    else kept.push(line.text);
  }
  if (!isThere) return undefined;
  return kept.length === 0 ? '' : `${kept.join('\n')}\n`;
}

/** Beyond these, helpers would refuse the list as a whole. */
function bounded(text: string, bans: number, where: string): string {
  if (bans > banListLimits.bans) throw full(where, `${banListLimits.bans} bans`);
  if (Buffer.byteLength(text) > banListLimits.bytes)
    throw full(where, `${banListLimits.bytes / 1024 / 1024} MiB`);
  return text;
}

export function full(where: string, limit: string): AppError {
  const words = `it may have ${limit}; nothing was changed. Remove bans, or keep them in Redis`;
  return new AppError('BAN_STORE_FULL', `${where} is full: ${words}`);
}
