/** Header blocks are written, of literal fields that no table keeps: they are made once, or seldom. @see RFC 7541 §6.2.2 */

/** A block whose only field is known to every table. */
export const statusOk = Buffer.from([0x88]);
/** Says that the table is empty, which it always is: for a client that shrank it. */
export const emptyTable = Buffer.from([0x20]);

/** @param fields names in lower case; Latin-1 */
export function headerBlock(fields: readonly (readonly [name: string, value: string])[]): Buffer {
  return Buffer.concat(
    fields.flatMap(([name, value]) => [Buffer.from([0]), textOf(name), textOf(value)]),
  );
}

function textOf(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1');
  return Buffer.concat([lengthOf(bytes.length), bytes]);
}

/** A number with seven bits in its first byte. */
function lengthOf(length: number): Buffer {
  const most = 127;
  if (length < most) return Buffer.from([length]);
  const bytes = [most];
  let rest = length - most;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  return Buffer.from([...bytes, rest]);
}
