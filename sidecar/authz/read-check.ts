/**
 * Reads what the rules need out of a CheckRequest, by tag, on the bytes as they came.
 * @see envoy.service.auth.v3: CheckRequest.attributes=1, AttributeContext.request=4 and
 * context_extensions=10 metadata_context=11, Request.http=2, HttpRequest.headers=3 path=4 host=5 header_map=13;
 * envoy.config.core.v3: Metadata.filter_metadata=1 (a map of Structs).
 */
import { payloadNamespace } from '../config/helper-contract.ts';
import { entryOf, structIn } from '../protobuf/struct-reader.ts';
import { bytesTag, WireReader } from '../protobuf/wire-reader.ts';

/** What a rule may ask about one request. Texts hold one character a byte. */
export interface CheckView {
  /** False when there is no `attributes.request.http`: nothing can be decided about such a check. */
  readonly hasHttp: boolean;
  /** How many Authorization headers there are, in either encoding. */
  readonly authorizations: number;
  /** Its value; those of several are joined by commas. */
  readonly authorization: string;
  /** What stands in Cookie headers, `; ` behind each; empty where nobody asked for it. */
  readonly cookies: string;
  /** Names of headers that a server could take for the watched one, as they came; not that one itself. */
  readonly lookalikes: readonly string[];
  /** With the query, as Envoy sends it. */
  readonly path: string;
  /** With the port, where the client gave one. */
  readonly host: string;
  /** The wanted claims of a verified token, a Struct; undefined where there are none, or nobody asked. */
  readonly payload?: Buffer | undefined;
  /** Entries of `context_extensions` whose key begins with `svidecar-`. */
  readonly route: readonly (readonly [key: string, value: string])[];
}

/** What a rule reads of a check beside what all rules do. */
export interface WantedOfCheck {
  /** Name of a header in lower case, whose lookalikes are looked for. */
  readonly watched?: Buffer | undefined;
  readonly cookies?: boolean;
  /** The key under which `jwt_authn` leaves the claims of a token (its `payload_in_metadata`). */
  readonly payload?: string | undefined;
}

type Draft = { -readonly [K in Exclude<keyof CheckView, 'route' | 'lookalikes'>]: CheckView[K] } & {
  route: (readonly [string, string])[];
  lookalikes: string[];
  readonly wanted: WantedOfCheck;
};

const tagAttributes = bytesTag(1);
const tagRequest = bytesTag(4);
const tagExtensions = bytesTag(10);
const tagMetadata = bytesTag(11);
const tagHttp = bytesTag(2);
const tagHeaders = bytesTag(3);
const tagPath = bytesTag(4);
const tagHost = bytesTag(5);
const tagHeaderMap = bytesTag(13);
const tagHeaderMapItem = bytesTag(1);
const tagKey = bytesTag(1);
const tagValue = bytesTag(2);
const tagRawValue = bytesTag(3);

const authorizationName = Buffer.from('authorization');
const cookieName = Buffer.from('cookie');
const routePrefix = Buffer.from('svidecar-');

/** Returns undefined when the bytes are not a CheckRequest; fields it does not know are stepped over. */
export function readCheck(bytes: Buffer, wanted: WantedOfCheck = {}): CheckView | undefined {
  const reader = new WireReader(bytes);
  const draft: Draft = {
    hasHttp: false,
    authorizations: 0,
    authorization: '',
    cookies: '',
    path: '',
    host: '',
    payload: undefined,
    route: [],
    lookalikes: [],
    wanted,
  };
  for (let tag = reader.nextTag(); tag !== 0; tag = reader.nextTag()) {
    if (tag === tagAttributes) readAttributes(reader, draft);
    else reader.skip(tag);
  }
  return reader.failed ? undefined : draft;
}

function readAttributes(reader: WireReader, draft: Draft): void {
  const outer = reader.enter();
  for (let tag = reader.nextTag(); tag !== 0; tag = reader.nextTag()) {
    if (tag === tagRequest) readRequest(reader, draft);
    else if (tag === tagExtensions) readExtension(reader, draft);
    else if (tag === tagMetadata && draft.wanted.payload !== undefined)
      readMetadata(reader, draft, draft.wanted.payload);
    else reader.skip(tag);
  }
  reader.leave(outer);
}

function readMetadata(reader: WireReader, draft: Draft, key: string): void {
  reader.readBytes();
  if (reader.failed) return;
  const metadata = reader.bytes.subarray(reader.valueStart, reader.valueEnd);
  const left = entryOf(metadata, payloadNamespace);
  const value = left === undefined ? undefined : entryOf(left, key);
  draft.payload = value === undefined ? undefined : structIn(value);
}

function readRequest(reader: WireReader, draft: Draft): void {
  const outer = reader.enter();
  for (let tag = reader.nextTag(); tag !== 0; tag = reader.nextTag()) {
    if (tag === tagHttp) readHttp(reader, draft);
    else reader.skip(tag);
  }
  reader.leave(outer);
}

function readHttp(reader: WireReader, draft: Draft): void {
  draft.hasHttp = true;
  const outer = reader.enter();
  for (let tag = reader.nextTag(); tag !== 0; tag = reader.nextTag()) {
    if (tag === tagHeaders) readHeader(reader, draft);
    else if (tag === tagHeaderMap) readHeaderMap(reader, draft);
    else if (tag === tagPath) draft.path = readText(reader);
    else if (tag === tagHost) draft.host = readText(reader);
    else reader.skip(tag);
  }
  reader.leave(outer);
}

function readText(reader: WireReader): string {
  reader.readBytes();
  return reader.failed ? '' : reader.value();
}

function readHeaderMap(reader: WireReader, draft: Draft): void {
  const outer = reader.enter();
  for (let tag = reader.nextTag(); tag !== 0; tag = reader.nextTag()) {
    if (tag === tagHeaderMapItem) readHeader(reader, draft);
    else reader.skip(tag);
  }
  reader.leave(outer);
}

/** A map entry {key=1, value=2} or a HeaderValue {key=1, value=2, raw_value=3}; raw_value wins, as in Envoy. */
function readHeader(reader: WireReader, draft: Draft): void {
  const outer = reader.enter();
  let header: ReadHeader | undefined;
  let start = 0;
  let stop = 0;
  for (let tag = reader.nextTag(); tag !== 0; tag = reader.nextTag()) {
    if (tag === tagKey || tag === tagValue || tag === tagRawValue) reader.readBytes();
    else reader.skip(tag);
    if (tag === tagKey) header = judgeName(reader, draft.wanted, draft.lookalikes);
    else if (isValue(tag, reader)) {
      start = reader.valueStart;
      stop = reader.valueEnd;
    }
  }
  reader.leave(outer);
  if (header === undefined || reader.failed) return;
  noteHeader(draft, header, reader.bytes.toString('latin1', start, stop));
}

function noteHeader(draft: Draft, header: ReadHeader, value: string): void {
  if (header === 'cookie') draft.cookies += `${value}; `;
  else {
    draft.authorization = draft.authorizations === 0 ? value : `${draft.authorization},${value}`;
    draft.authorizations += 1;
  }
}

/** Headers whose values are read. */
type ReadHeader = 'authorization' | 'cookie';

/** Which header the last value is the name of; what only looks like a watched name is noted. */
function judgeName(
  reader: WireReader,
  { watched, cookies }: WantedOfCheck,
  lookalikes: string[],
): ReadHeader | undefined {
  if (watched !== undefined) noteLookalike(reader, watched, lookalikes);
  if (isName(reader, authorizationName)) return 'authorization';
  return cookies === true && isName(reader, cookieName) ? 'cookie' : undefined;
}

/** An empty `value` beside a `raw_value` must not hide it. */
function isValue(tag: number, reader: WireReader): boolean {
  return tag === tagRawValue || (tag === tagValue && reader.valueEnd > reader.valueStart);
}

/** Compares the last value with a name in lower case, letters in either case. */
function isName(reader: WireReader, name: Buffer): boolean {
  if (reader.valueEnd - reader.valueStart !== name.length) return false;
  for (let index = 0; index < name.length; index += 1) {
    const byte = reader.bytes[reader.valueStart + index] ?? 0;
    if (lowered(byte) !== name[index]) return false;
  }
  return true;
}

/** Letters and digits are what a name says; any other character can stand for any other (see header-spellings.ts). */
function noteLookalike(reader: WireReader, watched: Buffer, into: string[]): void {
  if (reader.valueEnd - reader.valueStart !== watched.length) return;
  let isSame = true;
  for (let index = 0; index < watched.length; index += 1) {
    const given = lowered(reader.bytes[reader.valueStart + index] ?? 0);
    const wanted = watched[index] ?? 0;
    if (given === wanted) continue;
    if (isWordByte(given) || isWordByte(wanted)) return;
    isSame = false;
  }
  if (!isSame) into.push(reader.value());
}

function lowered(byte: number): number {
  return byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte;
}

/** A letter in lower case or a digit. */
function isWordByte(byte: number): boolean {
  return (byte >= 0x61 && byte <= 0x7a) || (byte >= 0x30 && byte <= 0x39);
}

function readExtension(reader: WireReader, draft: Draft): void {
  const outer = reader.enter();
  let key = '';
  let value = '';
  for (let tag = reader.nextTag(); tag !== 0; tag = reader.nextTag()) {
    if (tag === tagKey) key = readRouteKey(reader);
    else if (tag === tagValue) {
      reader.readBytes();
      value = reader.bytes.toString('utf8', reader.valueStart, reader.valueEnd);
    } else reader.skip(tag);
  }
  reader.leave(outer);
  if (key !== '' && !reader.failed) draft.route.push([key, value]);
}

/** The key, or an empty text when it is not one of ours. */
function readRouteKey(reader: WireReader): string {
  reader.readBytes();
  const { bytes, valueStart, valueEnd } = reader;
  const stop = valueStart + routePrefix.length;
  if (reader.failed || stop > valueEnd) return '';
  const ours = bytes.compare(routePrefix, 0, routePrefix.length, valueStart, stop) === 0;
  return ours ? bytes.toString('latin1', valueStart, valueEnd) : '';
}
