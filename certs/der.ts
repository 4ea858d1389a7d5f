/** Concatenated DER values taken apart. @see X.690 §8.1.3: identifier, length, contents */

const sequence = 0x30;
const longForm = 0x80;

/** @throws {TypeError} when it is not a row of whole SEQUENCEs */
export function splitDer(bytes: Buffer): readonly Buffer[] {
  const parts: Buffer[] = [];
  for (let begin = 0; begin < bytes.length;) {
    const end = begin + lengthAt(bytes, begin);
    if (bytes[begin] !== sequence || end > bytes.length) {
      throw new TypeError('not a sequence of DER certificates');
    }
    parts.push(bytes.subarray(begin, end));
    begin = end;
  }
  return parts;
}

/** Bytes of the whole value that begins at `begin`; NaN when its length is cut off. */
function lengthAt(bytes: Buffer, begin: number): number {
  const first = bytes[begin + 1] ?? Number.NaN;
  if (first < longForm) return 2 + first;
  const count = first - longForm;
  // Four bytes hold more than any certificate needs; none is the indefinite form, which DER forbids.
  if (!(count >= 1 && count <= 4) || begin + 2 + count > bytes.length) {
    throw new TypeError('not a sequence of DER certificates');
  }
  return 2 + count + bytes.readUIntBE(begin + 2, count);
}
