/** A list of bans as a text: one JSON object in each line; empty lines, and those that begin with `#`, say nothing. */
import * as z from 'zod';
import { AppError } from '#kernel/errors.ts';
import type { Ban } from './ban-meaning.ts';
import { checkShape } from './check-shape.ts';
import { banMembers } from './ban-members.ts';
import { banKey, banListLimits, claimPath } from './ban-values.ts';

/** Bans by {@link banKey}. */
export type BanTable = ReadonlyMap<string, readonly Ban[]>;

const line = z.strictObject(banMembers);
export type BanLine = Readonly<z.input<typeof line>>;
const shape = { schema: line, code: 'BAN_LIST_INVALID' } as const;

/** Lines between two places at which the reader stops for others. */
const linesAtOnce = 500;

/**
 * Reads a list piece by piece: between two pieces whoever runs it can do something else.
 * @throws {AppError} BAN_LIST_INVALID, naming the line; nothing of a value is in the message
 */
export function* readBanList(text: string, where: string): Generator<undefined, BanTable> {
  const table = new Map<string, Ban[]>();
  let bans = 0;
  for (const { ban: one, number } of linesOfList(text, where)) {
    if (one !== undefined) {
      bans += 1;
      if (bans > banListLimits.bans) throw tooMany(where);
      const { claim, untilS, issuedBeforeS, reason } = one;
      const ban = { claim, untilS, issuedBeforeS, reason };
      add(table, { key: one.key, ban }, `${where} line ${number}`);
    }
    if (number % linesAtOnce === 0) yield;
  }
  return table;
}

export interface LineOfList {
  /** From 1. */
  readonly number: number;
  readonly text: string;
  /** Undefined where it says nothing. */
  readonly ban: ListedBan | undefined;
}

/** @throws {AppError} BAN_LIST_INVALID, naming the line */
export function* linesOfList(text: string, where: string): Generator<LineOfList> {
  let number = 0;
  for (let start = 0; start < text.length;) {
    const feed = text.indexOf('\n', start);
    const end = feed === -1 ? text.length : feed;
    number += 1;
    const line = text.slice(start, end);
    yield { number, text: line, ban: readBanLine(line, `${where} line ${number}`) };
    start = end + 1;
  }
}

/** A ban, and what its line says beside it. */
export interface ListedBan extends Ban {
  /** @see banKey */
  readonly key: string;
  /** As the line has it, before normalisation. */
  readonly value: string;
  readonly by: string | undefined;
  /** Unix seconds. */
  readonly atS: number | undefined;
}

/** One line of a list; undefined where it says nothing. @throws {AppError} BAN_LIST_INVALID */
function readBanLine(text: string, where: string): ListedBan | undefined {
  const trimmed = text.trim();
  if (trimmed === '' || trimmed.startsWith('#')) return undefined;
  const { claim, value, until, issuedBefore, reason, by, at } = checkShape(
    parsed(trimmed, where),
    shape,
    where,
  );
  const path = claimPath(claim);
  const key = path === undefined ? undefined : banKey(path, value);
  if (key === undefined)
    throw new AppError('BAN_LIST_INVALID', `${where}: its claim is no name and no JSON pointer`);
  const times = { untilS: until, issuedBeforeS: issuedBefore, atS: at };
  return { key, claim, value: String(value), reason, by, ...times };
}

interface KeyedBan {
  readonly key: string;
  readonly ban: Ban;
}

/** The parser's own message would quote the line. */
function parsed(text: string, where: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new AppError(
      'BAN_LIST_INVALID',
      `${where}: it is no JSON; write {"claim": …, "value": …} in one line`,
    );
  }
}

function add(table: Map<string, Ban[]>, { key, ban }: KeyedBan, where: string): void {
  const present = table.get(key);
  if (present === undefined) table.set(key, [ban]);
  else if (present.length < banListLimits.ofOneValue) present.push(ban);
  else {
    const words = `more than ${banListLimits.ofOneValue} bans of one value; put them together`;
    throw new AppError('BAN_LIST_INVALID', `${where}: ${words}`);
  }
}

function tooMany(where: string): AppError {
  const words = `more than ${banListLimits.bans} bans; take out those that have ended`;
  return new AppError('BAN_LIST_INVALID', `${where}: ${words}`);
}
