/**
 * A ban as a key and a value of a store. There is one key for each value and kind of ban, so that "sign out everywhere"
 * never weakens a full ban; and a key belongs to one value only, whatever characters it holds.
 */
import { createHmac } from 'node:crypto';
import * as z from 'zod';
import { isObject } from '#kernel/json.ts';
import type { Ban } from './ban-meaning.ts';
import { banMembers } from './ban-members.ts';
import { banKey, claimPath, type ClaimPath } from './ban-values.ts';

/** `all`: every token is meant; `before`: those that were issued before an instant. */
export type BanKind = 'all' | 'before';
export const banKinds: readonly BanKind[] = ['all', 'before'];

export interface BanRecord extends Ban {
  /** Undefined where the store holds no values. */
  readonly value: string | undefined;
  /** Who wrote it: a SPIFFE ID, or what the writer's program calls them. */
  readonly by: string | undefined;
  /** Unix seconds. */
  readonly atS: number | undefined;
}

export interface BanRecordKey {
  readonly kind: BanKind;
  readonly id: string;
}

export type ReadRecord =
  | { readonly kind: 'record'; readonly record: BanRecord }
  /** In one line, without anything of the value. */
  | { readonly kind: 'refused'; readonly why: string };

/** Bytes; the longest claim, value, reason and author fit in, each character written as an escape. */
export const maxRecordBytes = 16_384;

const hashMark = 'h:';
/** 256 bits in base64url. */
const hashedId = /^h:[A-Za-z0-9_-]{43}$/;

/**
 * What a claim's value is called in the store: as it is, or as its keyed hash, so that the store holds no e-mail address.
 * Undefined for what cannot be banned.
 */
export function banId(
  path: ClaimPath,
  value: Parameters<typeof banKey>[1],
  hmacKey: Uint8Array | undefined,
): string | undefined {
  const key = banKey(path, value);
  return key === undefined || hmacKey === undefined ? key : hashedBanId(key, hmacKey);
}

/** @param key of {@link banKey} */
export function hashedBanId(key: string, hmacKey: Uint8Array): string {
  return hashMark + createHmac('sha256', hmacKey).update(key).digest('base64url');
}

/**
 * What a hashed record says of its key, so that bans under another are told of: 48 bits, of which nobody gets back to a key
 * of 32 bytes.
 */
export function hmacKeyId(hmacKey: Uint8Array): string {
  const mac = createHmac('sha256', hmacKey).update('svidecar ban key id');
  return mac.digest('base64url').slice(0, 8);
}

export function isHashedId(id: string): boolean {
  return id.startsWith(hashMark);
}

export function recordKey(prefix: string, kind: BanKind, id: string): string {
  return `${prefix}${kind}:${id}`;
}

/** Undefined for a key that names no ban. */
export function readRecordKey(prefix: string, key: string): BanRecordKey | undefined {
  if (!key.startsWith(prefix)) return undefined;
  for (const kind of banKinds) {
    if (!key.startsWith(`${kind}:`, prefix.length)) continue;
    const id = key.slice(prefix.length + kind.length + 1);
    return id.startsWith('[') || hashedId.test(id) ? { kind, id } : undefined;
  }
  return undefined;
}

export function kindOfBan({ issuedBeforeS }: Pick<Ban, 'issuedBeforeS'>): BanKind {
  return issuedBeforeS === undefined ? 'all' : 'before';
}

const schema = z.strictObject({
  ...banMembers,
  value: banMembers.value.optional(),
  hmac: z
    .string()
    .regex(/^[A-Za-z0-9_-]{8}$/, 'must be 8 characters of base64url')
    .optional(),
});

/**
 * Reads a value of the store against its key. Never throws: anybody may have written it.
 * @param hmacId of {@link hmacKeyId}, which a hashed record must have; undefined: any or none
 */
export function readRecord({ kind, id }: BanRecordKey, text: string, hmacId?: string): ReadRecord {
  if (text.length > maxRecordBytes || Buffer.byteLength(text) > maxRecordBytes)
    return refused(`it has more than ${maxRecordBytes} bytes`);
  if (text === '') return refused('it is no text; delete it, and write {"claim": …, "value": …}');
  const value = parsed(text);
  if (!isObject(value)) return refused('it is no JSON object; write {"claim": …, "value": …}');
  // The schema library leaves this member out, and says nothing of it.
  if (Object.hasOwn(value, '__proto__')) return refused(keyNotKnown);
  const read = schema.safeParse(value);
  if (!read.success) return refused(read.error.issues.map(wordsOf).join('; '));
  const { data } = read;
  const record: BanRecord = {
    claim: data.claim,
    value: data.value === undefined ? undefined : String(data.value),
    untilS: data.until,
    issuedBeforeS: data.issuedBefore,
    reason: data.reason,
    by: data.by,
    atS: data.at,
  };
  const why = contradiction({ kind, id }, record) ?? hmacFault(id, data.hmac, hmacId);
  return why === undefined ? { kind: 'record', record } : refused(why);
}

/** What {@link readRecord} reads, in one line. @param hmacId of a hashed record: see {@link hmacKeyId} */
export function writeRecord(record: BanRecord, hmacId?: string): string {
  const { claim, value, untilS, issuedBeforeS, reason, by, atS } = record;
  return JSON.stringify({
    claim,
    value,
    hmac: hmacId,
    until: instantText(untilS),
    issuedBefore: instantText(issuedBeforeS),
    reason,
    by,
    at: instantText(atS),
  });
}

function refused(why: string): ReadRecord {
  return { kind: 'refused', why };
}

const keyNotKnown = 'it has a key that is not known';

/** Without the keys that were not known: a stranger wrote them. */
function wordsOf({ code, message, path }: z.core.$ZodIssue): string {
  return code === 'unrecognized_keys' ? keyNotKnown : `${message} at ${path.join('.')}`;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The parser's own message would quote the text.
    return undefined;
  }
}

/** Why a record cannot be what its key says. */
function contradiction({ kind, id }: BanRecordKey, record: BanRecord): string | undefined {
  if (kind !== kindOfBan(record))
    return kind === 'all'
      ? 'a key of the kind "all" has no issuedBefore'
      : 'a key of the kind "before" needs issuedBefore';
  const path = claimPath(record.claim);
  if (path === undefined) return 'its claim is no name and no JSON pointer';
  if (isHashedId(id))
    return record.value === undefined ? undefined : 'a hashed key goes without a value';
  if (record.value === undefined) return 'it has no value';
  return banKey(path, record.value) === id ? undefined : 'its claim and value have another key';
}

function hmacFault(id: string, given: string | undefined, wanted: string | undefined) {
  if (!isHashedId(id)) return given === undefined ? undefined : 'a readable key goes without hmac';
  if (wanted === undefined || given === wanted) return undefined;
  return given === undefined
    ? 'it has no hmac, which says under what key it is hashed'
    : 'it is hashed under another key: writers and helpers need the same hmacKeyFile';
}

/** RFC 3339 has four digits for the year. */
const lastMs = Date.UTC(9999, 11, 31, 23, 59, 59, 999);

function instantText(seconds: number | undefined): string | undefined {
  if (seconds === undefined) return undefined;
  // Seconds have the milliseconds as a fraction, which has no exact form.
  const milliseconds = Math.min(Math.max(Math.round(seconds * 1_000), 0), lastMs);
  return new Date(milliseconds).toISOString();
}
