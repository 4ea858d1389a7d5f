/**
 * A `google.protobuf.Struct` as the JSON that it stands for. Bounded by its own length and by a depth.
 * @see google.protobuf: Struct.fields=1 (key=1, value=2); Value: null_value=1, number_value=2, string_value=3, bool_value=4,
 * struct_value=5, list_value=6
 */
import { bytesTag, doubleTag, WireReader } from './wire-reader.ts';

/** What lies in lists is not read, and a truth value is true: nobody asks which. */
export type StructValue = string | number | boolean | null | readonly StructValue[] | StructObject;
export interface StructObject {
  readonly [key: string]: StructValue;
}

/** Structs in structs; what is deeper is empty. Envoy's own reader refuses JSON of a hundred levels. */
const maxDepth = 128;

const tagField = bytesTag(1);
const tagKey = bytesTag(1);
const tagValue = bytesTag(2);
const tagNumber = doubleTag(2);
const tagString = bytesTag(3);
const tagStruct = bytesTag(5);
const tagList = bytesTag(6);
const tagBool = 4 << 3;

/** The value of a message's field 1, a map, under a name: in a Struct, and in Envoy's Metadata. The last one counts. */
export function entryOf(message: Buffer, name: string): Buffer | undefined {
  const reader = new WireReader(message);
  let found: Buffer | undefined;
  for (let tag = reader.nextTag(); tag !== 0; tag = reader.nextTag()) {
    if (tag === tagField) found = namedValue(reader, name) ?? found;
    else reader.skip(tag);
  }
  return reader.failed ? undefined : found;
}

function namedValue(reader: WireReader, name: string): Buffer | undefined {
  const outer = reader.enter();
  let key = '';
  let value: Buffer | undefined;
  for (let tag = reader.nextTag(); tag !== 0; tag = reader.nextTag()) {
    if (tag === tagKey || tag === tagValue) reader.readBytes();
    else reader.skip(tag);
    if (reader.failed) return undefined;
    if (tag === tagKey) key = reader.text();
    else if (tag === tagValue) value = lastOf(reader);
  }
  reader.leave(outer);
  return key === name ? value : undefined;
}

function lastOf({ bytes, valueStart, valueEnd }: WireReader): Buffer {
  return bytes.subarray(valueStart, valueEnd);
}

/** The Struct that a Value holds. */
export function structIn(value: Buffer): Buffer | undefined {
  const reader = new WireReader(value);
  let found: Buffer | undefined;
  for (let tag = reader.nextTag(); tag !== 0; tag = reader.nextTag()) {
    reader.skip(tag);
    found = tag === tagStruct && !reader.failed ? lastOf(reader) : undefined;
  }
  return reader.failed ? undefined : found;
}

/** Undefined for what is not protobuf. Of two fields of one name the last one counts. */
export function readStruct(bytes: Buffer): StructObject | undefined {
  const reader = new WireReader(bytes);
  const found = fieldsOf(reader, 0);
  return reader.failed ? undefined : found;
}

/** Of the message that the reader stands in, to its end. */
function fieldsOf(reader: WireReader, depth: number): StructObject {
  const fields: [string, StructValue][] = [];
  for (let tag = reader.nextTag(); tag !== 0; tag = reader.nextTag()) {
    if (tag === tagField && depth < maxDepth) fields.push(readField(reader, depth));
    else reader.skip(tag);
  }
  // It makes members of their own, whatever they are called.
  return Object.fromEntries(fields);
}

function readField(reader: WireReader, depth: number): [string, StructValue] {
  const outer = reader.enter();
  let key = '';
  let value: StructValue = null;
  for (let tag = reader.nextTag(); tag !== 0; tag = reader.nextTag()) {
    if (tag === tagKey) {
      reader.readBytes();
      key = reader.failed ? '' : reader.text();
    } else if (tag === tagValue) value = readValue(reader, depth);
    else reader.skip(tag);
  }
  reader.leave(outer);
  return [key, value];
}

function readValue(reader: WireReader, depth: number): StructValue {
  const outer = reader.enter();
  let value: StructValue = null;
  for (let tag = reader.nextTag(); tag !== 0; tag = reader.nextTag())
    value = readKind(reader, tag, depth);
  reader.leave(outer);
  return value;
}

function readKind(reader: WireReader, tag: number, depth: number): StructValue {
  if (tag === tagNumber) return reader.readDouble();
  if (tag === tagStruct) {
    const outer = reader.enter();
    const fields = fieldsOf(reader, depth + 1);
    reader.leave(outer);
    return fields;
  }
  reader.skip(tag);
  if (tag === tagString) return reader.failed ? '' : reader.text();
  if (tag === tagList) return [];
  return tag === tagBool ? true : null;
}
