/** Whom a command line bans, and for how long. */
import { AppError } from '#kernel/errors.ts';
import { isObject } from '#kernel/json.ts';
import { own } from '#kernel/members.ts';
import { isAhead } from '../../bans/store/ban-store.ts';
import { parseDuration } from './duration.ts';

export interface ClaimValue {
  readonly claim: string;
  readonly value: string;
}

/** Whether it is meant as {@link claimValue}; a token has no `=`. */
export function isClaimValue(text: string): boolean {
  return text.includes('=') || text.startsWith('{');
}

/**
 * `email=jo@example.org`: the claim ends at the first `=`. Or, for every claim and value there can be, a JSON object with
 * `claim` and `value`. @throws {AppError} USAGE, which says nothing of the value
 */
export function claimValue(text: string): ClaimValue {
  if (text.startsWith('{')) return fromJson(text);
  const equals = text.indexOf('=');
  if (equals > 0) return { claim: text.slice(0, equals), value: text.slice(equals + 1) };
  throw new AppError('USAGE', 'write whom as CLAIM=VALUE, such as email=jo@example.org');
}

function fromJson(text: string): ClaimValue {
  const { claim, value } = membersOf(text);
  if (typeof claim === 'string' && typeof value === 'string') return { claim, value };
  if (typeof claim === 'string' && Number.isSafeInteger(value))
    return { claim, value: String(value) };
  const words = 'an argument that begins with { is a JSON object with claim and value alone';
  throw new AppError('USAGE', `${words}: {"claim": "email", "value": "jo@example.org"}`);
}

function membersOf(text: string): { readonly claim?: unknown; readonly value?: unknown } {
  try {
    const read: unknown = JSON.parse(text);
    if (isObject(read) && Object.keys(read).length === 2)
      return { claim: own(read, 'claim'), value: own(read, 'value') };
  } catch {
    // The parser's own message would quote it.
  }
  return {};
}

export interface TimeFlags {
  readonly for?: string;
  readonly until?: string;
  readonly issuedBefore?: string;
}

export interface BanTimes {
  /** Unix seconds. */
  readonly untilS: number | undefined;
  readonly issuedBeforeS: number | undefined;
}

/** @throws {AppError} USAGE */
export function banTimes(flags: TimeFlags, nowMs: number): BanTimes {
  if (flags.for !== undefined && flags.until !== undefined)
    throw new AppError('USAGE', 'give --for or --until, not both');
  const nowS = nowMs / 1_000;
  const forS = flags.for === undefined ? undefined : nowS + parseDuration(flags.for);
  const untilS = flags.until === undefined ? forS : instantOf('--until', flags.until);
  if (untilS !== undefined && untilS <= nowS)
    throw new AppError('USAGE', 'the ban would be over already: give a later end');
  const { issuedBefore: before } = flags;
  if (before === undefined) return { untilS, issuedBeforeS: undefined };
  const issuedBeforeS = before === 'now' ? nowS : instantOf('--issued-before', before);
  if (!isAhead({ issuedBeforeS }, nowS)) return { untilS, issuedBeforeS };
  const words = 'this is in the future; give now, or leave it out to ban all tokens until an end';
  throw new AppError('USAGE', `--issued-before: ${words}`);
}

const rfc3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/;

function instantOf(flag: string, text: string): number {
  const ms = rfc3339.test(text) && isDay(text.slice(0, 10)) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(ms))
    throw new AppError('USAGE', `${flag}: write a time such as 2026-12-01T00:00:00Z`);
  return ms / 1_000;
}

/** `2026-02-31` would be read as a day in March. */
function isDay(text: string): boolean {
  const ms = Date.parse(`${text}T00:00:00Z`);
  return !Number.isNaN(ms) && new Date(ms).toISOString().startsWith(text);
}
