/**
 * A bounds-checked cursor over protobuf wire format. Nothing throws: malformed input sets `failed`
 * and ends every loop. @see protobuf encoding: tag = field number << 3 | wire type.
 * @see docs/adr/0097-checks-are-read-where-they-lie.md
 */

/** Wire types; groups (3, 4) are refused as malformed. */
const wireVarint = 0;
const wire64 = 1;
const wireBytes = 2;
const wire32 = 5;

/** Bytes of the longest varint (a 64-bit number in groups of seven bits). */
const maxVarintBytes = 10;

/** The tag of a length-delimited field. */
export function bytesTag(field: number): number {
  return (field << 3) | wireBytes;
}

/** The tag of a field of type double. */
export function doubleTag(field: number): number {
  return (field << 3) | wire64;
}

export class WireReader {
  readonly bytes: Buffer;
  /** Where the next byte is read, and where the message being read ends. */
  position = 0;
  end: number;
  /** True once anything was out of bounds or not protobuf. */
  failed = false;
  /** Bounds of the value that `readBytes` found last. */
  valueStart = 0;
  valueEnd = 0;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
    this.end = bytes.length;
  }

  /** The next field's tag; 0 at the end of the current message, or when the input is malformed. */
  nextTag(): number {
    if (this.position >= this.end) return 0;
    const tag = this.readLength();
    if (tag >>> 3 === 0) this.fail();
    return this.failed ? 0 : tag;
  }

  /** Reads a length-delimited value: its bounds are then in `valueStart` and `valueEnd`. */
  readBytes(): void {
    const length = this.readLength();
    const stop = this.position + length;
    if (stop > this.end) this.fail();
    if (this.failed) return;
    this.valueStart = this.position;
    this.valueEnd = stop;
    this.position = stop;
  }

  /** Reads a double; 0 where there is none. */
  readDouble(): number {
    const start = this.position;
    this.advance(8);
    return this.failed ? 0 : this.bytes.readDoubleLE(start);
  }

  /** Narrows to the embedded message that comes next; returns what `leave` needs. */
  enter(): number {
    const outer = this.end;
    this.readBytes();
    if (this.failed) return outer;
    this.position = this.valueStart;
    this.end = this.valueEnd;
    return outer;
  }

  /** Back to the surrounding message, behind the embedded one. */
  leave(outer: number): void {
    if (this.failed) return;
    this.position = this.end;
    this.end = outer;
  }

  /** Steps over a field that nobody asked for. */
  skip(tag: number): void {
    const type = tag & 7;
    if (type === wireBytes) this.readBytes();
    else if (type === wireVarint) this.skipVarint();
    else if (type === wire64) this.advance(8);
    else if (type === wire32) this.advance(4);
    else this.fail();
  }

  /** The last value as text. */
  text(): string {
    return this.bytes.toString('utf8', this.valueStart, this.valueEnd);
  }

  /** The last value as text, one character a byte: nothing is lost and nothing is decoded. */
  value(): string {
    return this.bytes.toString('latin1', this.valueStart, this.valueEnd);
  }

  private fail(): void {
    this.failed = true;
    this.position = this.end;
  }

  private advance(count: number): void {
    if (this.position + count > this.end) this.fail();
    else this.position += count;
  }

  /** A varint below 2^32: no message is longer, and a tag has 32 bits. */
  private readLength(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      if (this.position >= this.end) break;
      const byte = this.bytes[this.position] ?? 0;
      this.position += 1;
      if (shift === 28 && byte > 15) break;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value >>> 0;
    }
    this.fail();
    return 0;
  }

  private skipVarint(): void {
    for (let count = 0; count < maxVarintBytes && this.position < this.end; count += 1) {
      const byte = this.bytes[this.position] ?? 0;
      this.position += 1;
      if (byte < 0x80) return;
    }
    this.fail();
  }
}
