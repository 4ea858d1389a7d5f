/** A store of bans as its writers see it: whoever bans by hand, and the service that others call. */
import { AppError } from '#kernel/errors.ts';
import type { BanRecord } from '../../sidecar/config/ban-records.ts';
import { banKey, banLengths, claimPath } from '../../sidecar/config/ban-values.ts';

/** A ban that is to be in force. */
export interface BanToWrite extends BanRecord {
  readonly value: string;
}

/** A ban as it is stored. `value` is undefined where the store holds only its HMAC. */
export type StoredBan = BanRecord;

export interface BanChange {
  /** `added` also when it was changed; `ended`: its time was over. */
  readonly kind: 'added' | 'removed' | 'ended';
  readonly ban: StoredBan;
}

/** Is told why the store cannot be followed now, and undefined once that is over. */
export type OnTrouble = (why: string | undefined) => void;

/**
 * For a claim and value there are two bans at most: one of all tokens, and one of those issued before some time. Failures
 * are AppErrors: BAN_INVALID, BAN_STORE_UNREACHABLE, BAN_STORE_FORBIDDEN, BAN_STORE_FULL, BAN_LIST_INVALID,
 * FILE_UNREADABLE, CLUSTER_UNREACHABLE, CLUSTER_FORBIDDEN.
 */
export interface BanStore {
  /** For messages: `ConfigMap shop/svidecar-bans`. */
  readonly name: string;
  /**
   * Idempotent. A ban of all tokens replaces the one before; one of tokens issued before some time only ever grows
   * (`mergedBan`). Gives what is in force then.
   */
  put(ban: BanToWrite): Promise<StoredBan>;
  /** Both bans of it. False: there was none. */
  remove(claim: string, value: string): Promise<boolean>;
  /** Those that have not ended. */
  get(claim: string, value: string): Promise<readonly StoredBan[]>;
  /** Those that have not ended, a piece at a time. */
  list(): AsyncIterable<StoredBan>;
  /**
   * Each change from the first `next` on, until `signal` aborts.
   * @param onTrouble is told why no change can be seen now, and undefined once that is over; another store than Redis throws
   */
  watch(signal: AbortSignal, onTrouble?: OnTrouble): AsyncIterable<BanChange>;
  close(): Promise<void>;
}

/** The last second that RFC 3339 can write. */
const lastS = Date.parse('9999-12-31T23:59:59Z') / 1_000;

/** The key under which a claim and value are found. @throws {AppError} BAN_INVALID where these cannot be on a list */
export function keyOf(claim: string, value: string): string {
  const path = claim.length > banLengths.claim ? undefined : claimPath(claim);
  if (path === undefined)
    throw invalid(
      'the claim',
      `a name, or a JSON pointer such as /realm/user, of up to ${banLengths.claim} characters`,
    );
  const key = banKey(path, value);
  if (key === undefined) throw invalid('the value', 'a text of 1 to 1,024 characters');
  return key;
}

/** {@link keyOf} a ban whose other members can be stored too. @throws {AppError} BAN_INVALID */
export function keyOfBan(ban: BanToWrite): string {
  const { reason = '', by = '' } = ban;
  if (reason.length > banLengths.reason)
    throw invalid('the reason', `at most ${banLengths.reason} characters`);
  if (by.length > banLengths.by) throw invalid('who bans', 'at most 2,048 characters');
  for (const timeS of [ban.untilS, ban.issuedBeforeS, ban.atS])
    if (timeS !== undefined && !(timeS >= 0 && timeS <= lastS))
      throw invalid('each time', 'between the years 1970 and 9999');
  return keyOf(ban.claim, ban.value);
}

export function invalid(what: string, demanded: string): AppError {
  return new AppError('BAN_INVALID', `this cannot be banned: ${what} must be ${demanded}`);
}

/** What a store needs to know of a ban to put another in its place. */
type Times = Pick<BanToWrite, 'untilS' | 'issuedBeforeS'>;

/**
 * What is stored when `ban` comes to `present`, a ban of the same claim, value and kind. One of tokens issued before some
 * time keeps the later time and the later end of both: whatever order they come in, none takes back what another said.
 * `present` itself where nothing changes.
 */
export function mergedBan<Present extends Times>(
  present: Present | undefined,
  ban: BanToWrite,
): Present | BanToWrite {
  if (present === undefined) return ban;
  const merged = { ...ban, ...laterOf(present, ban) };
  return isSame(present, merged) ? present : merged;
}

function laterOf(present: Times, { untilS, issuedBeforeS }: BanToWrite): Partial<Times> {
  if (issuedBeforeS === undefined || present.issuedBeforeS === undefined) return {};
  const isEndless = untilS === undefined || present.untilS === undefined;
  return {
    issuedBeforeS: Math.max(issuedBeforeS, present.issuedBeforeS),
    untilS: isEndless ? undefined : Math.max(untilS, present.untilS),
  };
}

/** Who said it, and when, does not count. */
function isSame(left: Times & { reason?: string | undefined }, right: BanToWrite): boolean {
  return (
    left.untilS === right.untilS &&
    left.issuedBeforeS === right.issuedBeforeS &&
    left.reason === right.reason
  );
}

/** Seconds by which the clocks of those who ban and those who issue tokens may differ. */
const skewS = 60;

/** Whether it means tokens of the future too. That is a slip, and later bans of its kind could not take it back. */
export function isAhead(
  { issuedBeforeS }: Pick<BanToWrite, 'issuedBeforeS'>,
  nowS: number,
): boolean {
  return issuedBeforeS !== undefined && issuedBeforeS > nowS + skewS;
}
