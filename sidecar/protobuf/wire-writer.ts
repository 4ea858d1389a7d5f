/** Fields written without generated code. Those of an embedded message are written by `content`. */
import { WireType, type BinaryWriter } from '@bufbuild/protobuf/wire';

export function writeMessage(writer: BinaryWriter, field: number, content: () => void): void {
  writer.tag(field, WireType.LengthDelimited).fork();
  content();
  writer.join();
}

/** A string, as UTF-8. */
export function writeText(writer: BinaryWriter, field: number, text: string): void {
  writer.tag(field, WireType.LengthDelimited).string(text);
}

/** @param value a whole number from 0 below 2^32 */
export function writeNumber(writer: BinaryWriter, field: number, value: number): void {
  writer.tag(field, WireType.Varint).uint32(value);
}
