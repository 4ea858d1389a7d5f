/** Envoy's own API, read out of the program: its messages and their fields, from the file descriptors that it carries. */
import { readFile } from 'node:fs/promises';
import { programPath } from './components.ts';

export interface ApiField {
  readonly name: string;
  readonly number: number;
  readonly isRepeated: boolean;
  /** Full name of the message or enum that it holds; empty for scalars. */
  readonly type: string;
}

/** Full name of a message → its fields. */
export type EnvoyApi = ReadonlyMap<string, readonly ApiField[]>;

type Value = number | Buffer;
interface Read {
  readonly tag: number;
  readonly value: Value;
  readonly end: number;
}

/** Longest file descriptor that is looked at. */
const maxBytes = 2_000_000;
/** Fields of a FileDescriptorProto: those of bytes, in the order in which they are written. */
const fileFields: ReadonlySet<number> = new Set([1, 2, 3, 4, 5, 6, 7, 8, 9, 12]);
const repeated = 3;

export async function readEnvoyApi(): Promise<EnvoyApi> {
  const program = await readFile(programPath('envoy'));
  const api = new Map<string, readonly ApiField[]>();
  const files = new Set<string>();
  const mark = Buffer.from('.proto\x12');
  for (let at = program.indexOf(mark); at >= 0; at = program.indexOf(mark, at + 1)) {
    const start = startOf(program, at + mark.length - 1);
    if (start === undefined) continue;
    const fields = fileAt(program, start);
    const name = textOf(fields, 1);
    if (files.has(name)) continue;
    files.add(name);
    for (const { tag, value } of fields) {
      if (tag === 4 && typeof value !== 'number') addMessage(api, value, textOf(fields, 2));
    }
  }
  return api;
}

/** Where a descriptor begins whose name ends there: tag 1, the length, the name. */
function startOf(program: Buffer, end: number): number | undefined {
  for (let length = 8; length < 128; length += 1) {
    const start = end - length - 2;
    if (program[start] === 0x0a && program[start + 1] === length) {
      const name = program.toString('latin1', start + 2, end);
      return /^(?:envoy|xds|udpa)\/[a-z0-9_/.]+\.proto$/.test(name) ? start : undefined;
    }
  }
  return undefined;
}

/** Fields from there on, as far as they are those of one file descriptor. */
function fileAt(program: Buffer, start: number): readonly Read[] {
  const found: Read[] = [];
  let at = start;
  for (;;) {
    const field = fieldAt(program, at);
    if (field === undefined) return found;
    const isNext = field.tag === 1 && found.length > 0;
    if (isNext || !(fileFields.has(field.tag) || typeof field.value === 'number')) return found;
    found.push(field);
    at = field.end;
    if (field.tag === 12) return found;
  }
}

function fieldsOf(message: Buffer): readonly Read[] {
  const found: Read[] = [];
  for (let at = 0; at < message.length;) {
    const field = fieldAt(message, at);
    if (field === undefined) throw new TypeError('this is no descriptor');
    found.push(field);
    at = field.end;
  }
  return found;
}

function fieldAt(bytes: Buffer, at: number): Read | undefined {
  const [key, afterKey] = varintAt(bytes, at);
  const [number, afterNumber] = varintAt(bytes, afterKey);
  const tag = Math.floor(key / 8);
  if (key % 8 === 0) return { tag, value: number, end: afterNumber };
  const end = afterNumber + number;
  if (key % 8 !== 2 || number > maxBytes || end > bytes.length) return undefined;
  return { tag, value: bytes.subarray(afterNumber, end), end };
}

function varintAt(bytes: Buffer, at: number): readonly [number, number] {
  let value = 0;
  for (let index = 0; index < 10; index += 1) {
    const byte = bytes[at + index] ?? 0;
    value += (byte % 128) * 2 ** (7 * index);
    if (byte < 128) return [value, at + index + 1];
  }
  return [value, at + 10];
}

function textOf(fields: readonly Read[], wanted: number): string {
  const value = fields.find(({ tag }) => tag === wanted)?.value;
  return value === undefined || typeof value === 'number' ? '' : value.toString();
}

function numberOf(fields: readonly Read[], wanted: number): number {
  const value = fields.find(({ tag }) => tag === wanted)?.value;
  return typeof value === 'number' ? value : 0;
}

/** A DescriptorProto, and those in it. */
function addMessage(api: Map<string, readonly ApiField[]>, bytes: Buffer, scope: string): void {
  const parts = fieldsOf(bytes);
  const name = `${scope}.${textOf(parts, 1)}`;
  const fields: ApiField[] = [];
  for (const { tag, value } of parts) {
    if (typeof value === 'number') continue;
    if (tag === 2) fields.push(fieldOf(value));
    if (tag === 3) addMessage(api, value, name);
  }
  api.set(name, fields);
}

function fieldOf(bytes: Buffer): ApiField {
  const parts = fieldsOf(bytes);
  return {
    name: textOf(parts, 1),
    number: numberOf(parts, 3),
    isRepeated: numberOf(parts, 4) === repeated,
    type: textOf(parts, 6).replace(/^\./, ''),
  };
}
