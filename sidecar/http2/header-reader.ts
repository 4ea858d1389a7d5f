/** Header blocks are read: HPACK. @see RFC 7541 §5 and §6 */
import { HeaderTable, type HeaderField } from './header-table.ts';
import { decodeHuffman } from './huffman.ts';

/** Gets the fields of a block, in order. */
export interface FieldListener {
  onField(name: string, value: string): void;
}

/** Bytes that a number may take after its first: nothing in a block of ours needs more. */
const maxMoreBytes = 4;

/** Reads the blocks of one connection, in the order in which they came: they share a table. */
export class HeaderReader {
  readonly #table = new HeaderTable();
  #bytes: Buffer = Buffer.alloc(0);
  #position = 0;
  #end = 0;
  #failed = false;

  /** The same bytes read at the same version mean the same, if that version stays. */
  get version(): number {
    return this.#table.version;
  }

  /** @returns false where it is no header block: then no later one can be read either */
  read(block: Buffer, listener: FieldListener): boolean {
    this.#bytes = block;
    this.#position = 0;
    this.#end = block.length;
    let isBegun = false;
    while (this.#position < this.#end && !this.#failed) {
      const byte = block[this.#position] ?? 0;
      if ((byte & 0xe0) === 0x20) {
        // Sizes of the table change only at the beginning.
        if (isBegun || !this.#table.resize(this.#number(5))) this.#failed = true;
      } else {
        isBegun = true;
        const field = this.#field(byte);
        if (field !== undefined) listener.onField(field.name, field.value);
      }
    }
    this.#bytes = Buffer.alloc(0);
    return !this.#failed;
  }

  #field(byte: number): HeaderField | undefined {
    if (byte >= 0x80) return this.#known(this.#number(7));
    const isAdded = byte >= 0x40;
    const index = this.#number(isAdded ? 6 : 4);
    const name = index === 0 ? this.#text() : this.#known(index)?.name;
    const value = this.#text();
    if (this.#failed || name === undefined) return undefined;
    const field = { name, value };
    if (isAdded) this.#table.add(field);
    return field;
  }

  #known(index: number): HeaderField | undefined {
    const field = this.#table.at(index);
    if (field === undefined) this.#failed = true;
    return field;
  }

  /** A number whose first byte has so many bits for it. */
  #number(bits: number): number {
    const most = 2 ** bits - 1;
    const first = (this.#bytes[this.#position] ?? 0) & most;
    this.#position += 1;
    if (this.#position > this.#end) this.#failed = true;
    if (first < most) return first;
    let value = most;
    for (let count = 0; count < maxMoreBytes && this.#position < this.#end; count += 1) {
      const byte = this.#bytes[this.#position] ?? 0;
      this.#position += 1;
      value += (byte & 0x7f) * 2 ** (7 * count);
      if (byte < 0x80) return value;
    }
    this.#failed = true;
    return 0;
  }

  #text(): string {
    const isCoded = ((this.#bytes[this.#position] ?? 0) & 0x80) !== 0;
    const length = this.#number(7);
    const start = this.#position;
    const stop = start + length;
    if (this.#failed || stop > this.#end) {
      this.#failed = true;
      return '';
    }
    this.#position = stop;
    if (!isCoded) return this.#bytes.toString('latin1', start, stop);
    const text = decodeHuffman(this.#bytes, start, stop);
    if (text === undefined) this.#failed = true;
    return text ?? '';
  }
}
