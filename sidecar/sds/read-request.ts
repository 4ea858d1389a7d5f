/**
 * Reads what matters out of a discovery request, by tag. Unknown fields, such as the long `node`, are stepped over.
 * @see envoy.service.discovery.v3: DiscoveryRequest.version_info=1 resource_names=3 type_url=4 response_nonce=5
 * error_detail=6; DeltaDiscoveryRequest.type_url=2 resource_names_subscribe=3 resource_names_unsubscribe=4
 * initial_resource_versions=5 (map) response_nonce=6 error_detail=7.
 */
import { bytesTag, WireReader } from '../protobuf/wire-reader.ts';

interface CommonRequest {
  readonly typeUrl: string;
  /** Of the response that this request answers; empty when it answers none. */
  readonly nonce: string;
  /** The response was not accepted. Why is not read: Envoy's words may hold the secret. */
  readonly isRefusal: boolean;
}

/** State of the world: all names each time. */
export interface StateRequest extends CommonRequest {
  /** Of the newest response that the client accepted, on whichever stream; empty when there was none. */
  readonly version: string;
  readonly names: readonly string[];
}

export interface DeltaRequest extends CommonRequest {
  readonly subscribe: readonly string[];
  readonly unsubscribe: readonly string[];
  /** What the client has from an earlier stream: versions by name. */
  readonly versions: ReadonlyMap<string, string>;
}

/** Texts of a request by field number, in the order in which they came. */
class Fields {
  readonly #texts = new Map<number, string[]>();
  readonly versions = new Map<string, string>();

  add(field: number, text: string): void {
    const texts = this.#texts.get(field);
    if (texts === undefined) this.#texts.set(field, [text]);
    else texts.push(text);
  }
  all(field: number): readonly string[] {
    return this.#texts.get(field) ?? [];
  }
  /** Of a field that comes once, the last one counts. */
  last(field: number): string {
    return this.all(field).at(-1) ?? '';
  }
  has(field: number): boolean {
    return this.#texts.has(field);
  }
}

/** Undefined when the bytes are not such a message. */
export function readStateRequest(bytes: Buffer): StateRequest | undefined {
  const fields = readFields(bytes, { texts: [1, 3, 4, 5], presence: 6 });
  if (fields === undefined) return undefined;
  return {
    version: fields.last(1),
    names: fields.all(3),
    typeUrl: fields.last(4),
    nonce: fields.last(5),
    isRefusal: fields.has(6),
  };
}

/** Undefined when the bytes are not such a message. */
export function readDeltaRequest(bytes: Buffer): DeltaRequest | undefined {
  const fields = readFields(bytes, { texts: [2, 3, 4, 6], presence: 7, versions: 5 });
  if (fields === undefined) return undefined;
  return {
    typeUrl: fields.last(2),
    subscribe: fields.all(3),
    unsubscribe: fields.all(4),
    versions: fields.versions,
    nonce: fields.last(6),
    isRefusal: fields.has(7),
  };
}

function readFields(
  bytes: Buffer,
  wanted: {
    readonly texts: readonly number[];
    /** A message of which only its presence is asked. */
    readonly presence: number;
    /** A map of strings. */
    readonly versions?: number;
  },
): Fields | undefined {
  const fields = new Fields();
  const reader = new WireReader(bytes);
  const texts = new Map(wanted.texts.map((field) => [bytesTag(field), field]));
  const tagVersions = wanted.versions === undefined ? 0 : bytesTag(wanted.versions);
  const tagPresence = bytesTag(wanted.presence);
  for (let tag = reader.nextTag(); tag !== 0; tag = reader.nextTag()) {
    const field = texts.get(tag);
    if (field !== undefined) fields.add(field, readText(reader));
    else if (tag === tagVersions) readVersion(reader, fields.versions);
    else {
      reader.skip(tag);
      if (tag === tagPresence) fields.add(wanted.presence, '');
    }
  }
  return reader.failed ? undefined : fields;
}

function readVersion(reader: WireReader, into: Map<string, string>): void {
  let name = '';
  let version = '';
  const outer = reader.enter();
  for (let tag = reader.nextTag(); tag !== 0; tag = reader.nextTag()) {
    if (tag === bytesTag(1)) name = readText(reader);
    else if (tag === bytesTag(2)) version = readText(reader);
    else reader.skip(tag);
  }
  reader.leave(outer);
  into.set(name, version);
}

function readText(reader: WireReader): string {
  reader.readBytes();
  return reader.failed ? '' : reader.text();
}
