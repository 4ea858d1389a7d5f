/** What `spire-server entry show -output json` prints, for whoever has no way to SPIRE's server itself. */
import { AppError } from '#kernel/errors.ts';
import { jsonFault } from '#kernel/json-fault.ts';
import { isArray, isObject, listAt, objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { own } from '#kernel/members.ts';
import { spiffeIdFault } from '#kernel/spiffe-id.ts';
import type { SpireEntry } from './spire-entry.ts';

/** An entry takes some 400 bytes: far more than any SPIRE server holds. */
const maxEntries = 200_000;
const advice = 'give what "spire-server entry show -output json" prints';

/** @param where names the text in messages. @throws {AppError} ENTRIES_INVALID */
export function readEntryList(text: string, where: string): readonly SpireEntry[] {
  // What an editor, or PowerShell, has saved may begin with a byte order mark.
  const list = entriesIn(parse(text.replace(/^\uFEFF/, ''), where), where);
  if (list.length > maxEntries)
    throw invalid(where, `${list.length} entries are more than ${maxEntries}`);
  const places = new Map<string, number>();
  return list.map((each, index) => {
    const place = `${where}: entries[${index}]`;
    if (!isObject(each)) throw invalid(place, 'is not an object');
    const entry = entryOf(each, place);
    const before = places.get(entry.id);
    if (before !== undefined)
      throw invalid(
        place,
        `has the id ${entry.id} of entries[${before}]; give one list, as it is printed`,
      );
    places.set(entry.id, index);
    return entry;
  });
}

function parse(text: string, where: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw new AppError('ENTRIES_INVALID', `${where}: ${jsonFault(text)}; ${advice}`, { cause });
  }
}

function entriesIn(value: unknown, where: string): readonly unknown[] {
  const list = isObject(value) ? value['entries'] : undefined;
  if (!isObject(value) || !isArray(list))
    throw invalid(where, `it has no list "entries"; ${advice}`);
  const next = value['next_page_token'];
  if (next !== undefined && next !== '')
    throw invalid(where, `it is one page of several; ${advice}, which has them all`);
  return list;
}

/** With the names of the message's fields; others, which SPIRE may add, are passed over. @see spire.api.types.Entry */
function entryOf(told: JsonObject, place: string): SpireEntry {
  const id = stringAt(told, 'id') ?? '';
  const selectors = listAt(told, 'selectors').map((each) => selectorOf(each, place));
  if (id === '') throw invalid(place, 'id must be a text');
  if (selectors.length === 0) throw invalid(place, 'selectors must be a list, and not empty');
  return {
    id,
    spiffeId: idAt(told, 'spiffe_id', place),
    parentId: idAt(told, 'parent_id', place),
    selectors: selectors.sort(),
    federatesWith: textsIn(told, 'federates_with', place).toSorted(),
    dnsNames: textsIn(told, 'dns_names', place),
    hint: stringAt(told, 'hint') ?? '',
    x509SvidTtlS: secondsAt(told, 'x509_svid_ttl', place),
    jwtSvidTtlS: secondsAt(told, 'jwt_svid_ttl', place),
    isAdmin: own(told, 'admin') === true,
    isDownstream: own(told, 'downstream') === true,
    storesSvid: own(told, 'store_svid') === true,
    isPrefetched: own(told, 'disable_x509_svid_prefetch') !== true,
  };
}

function idAt(told: JsonObject, key: string, place: string): string {
  const parts = objectAt(told, key);
  const text = `spiffe://${stringAt(parts, 'trust_domain') ?? ''}${stringAt(parts, 'path') ?? ''}`;
  const fault = spiffeIdFault(text);
  if (fault !== undefined) throw invalid(place, `${key} is not a SPIFFE ID: ${fault}`);
  return text;
}

function selectorOf(told: unknown, place: string): string {
  const selector = isObject(told) ? told : {};
  const type = stringAt(selector, 'type');
  const value = stringAt(selector, 'value');
  if (type === undefined || type === '' || value === undefined)
    throw invalid(place, 'a selector must have a type and a value');
  return `${type}:${value}`;
}

function textsIn(told: JsonObject, key: string, place: string): readonly string[] {
  const list = own(told, key) ?? [];
  if (!isArray(list)) throw invalid(place, `${key} must be a list`);
  return list.map((each) => {
    if (typeof each !== 'string') throw invalid(place, `${key} must hold texts`);
    return each;
  });
}

function secondsAt(told: JsonObject, key: string, place: string): number {
  const value = own(told, key) ?? 0;
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0)
    throw invalid(place, `${key} must be a number of seconds`);
  return value;
}

function invalid(where: string, why: string): AppError {
  return new AppError('ENTRIES_INVALID', `${where}: ${why}`);
}
