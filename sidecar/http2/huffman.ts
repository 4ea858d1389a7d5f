/** The Huffman code of header blocks. @see RFC 7541 §5.2 and appendix B */

/**
 * Bits of the code of each byte, and of the end of a string, which never stands in one. The codes follow from them: those of
 * one length are numbers in a row, in the order of their bytes.
 */
const lengths: readonly number[] = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28,
  28, 28, 28, 28, 28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5,
  6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10, 13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
  7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6, 15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6,
  7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23,
  23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22, 21, 20, 22,
  22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22,
  23, 22, 22, 23, 26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27,
  27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25,
  24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, 30,
];
const longest = 30;
const endOfString = 256;

interface CodesOfLength {
  /** The code of the first of them. */
  readonly first: number;
  /** In order. */
  readonly symbols: readonly number[];
}

/** By length. */
const codes: readonly CodesOfLength[] = codesByLength();

function codesByLength(): readonly CodesOfLength[] {
  const made: CodesOfLength[] = [];
  let next = 0;
  for (let length = 0; length <= longest; length += 1) {
    const symbols = [...lengths.keys()].filter((symbol) => lengths[symbol] === length);
    made.push({ first: next, symbols });
    next = (next + symbols.length) * 2;
  }
  return made;
}

/** Latin-1 of a coded string; undefined where it is not one. In time linear in its length. */
export function decodeHuffman(bytes: Buffer, start: number, end: number): string | undefined {
  // The shortest code has five bits.
  const text = Buffer.allocUnsafe(Math.ceil(((end - start) * 8) / 5));
  let length = 0;
  let code = 0;
  let bits = 0;
  for (let at = start; at < end; at += 1) {
    const byte = bytes[at] ?? 0;
    for (let bit = 7; bit >= 0; bit -= 1) {
      code = code * 2 + ((byte >> bit) & 1);
      bits += 1;
      const symbol = symbolOf(code, bits);
      if (symbol === endOfString || bits > longest) return undefined;
      if (symbol === undefined) continue;
      text[length] = symbol;
      length += 1;
      code = 0;
      bits = 0;
    }
  }
  // What fills the last byte is the beginning of the end: ones, and fewer than eight.
  const isFilled = bits < 8 && code === 2 ** bits - 1;
  return isFilled ? text.toString('latin1', 0, length) : undefined;
}

function symbolOf(code: number, bits: number): number | undefined {
  const group = codes[bits];
  return group?.symbols[code - group.first];
}
