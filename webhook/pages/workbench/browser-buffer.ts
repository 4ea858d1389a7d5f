/** What the engine takes of Node's Buffer, for a browser: scripts/pages.ts puts it in the place of the global. */

const utf8 = new TextEncoder();
const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const values: ReadonlyMap<string, number> = new Map([
  ...Array.from(alphabet, (character, value) => [character, value] as const),
  ['-', 62],
  ['_', 63],
]);

/** As Node does: what is no letter of base64 is passed over, and `=` ends it. */
function fromBase64(text: string): number[] {
  const bytes: number[] = [];
  let bits = 0;
  let count = 0;
  for (const character of text) {
    if (character === '=') break;
    const value = values.get(character);
    if (value === undefined) continue;
    bits = ((bits << 6) | value) & 0xffffff;
    count += 6;
    if (count < 8) continue;
    count -= 8;
    bytes.push((bits >> count) & 0xff);
  }
  return bytes;
}

/** As Node does: by the length of the text alone. */
function base64Length(text: string): number {
  let length = text.length;
  if (text.charAt(length - 1) === '=') length -= 1;
  if (length > 1 && text.charAt(length - 1) === '=') length -= 1;
  return Math.floor((length * 3) / 4);
}

class BrowserBuffer extends Uint8Array {
  static byteLength(text: string, encoding = 'utf8'): number {
    return encoding === 'base64' ? base64Length(text) : utf8.encode(text).length;
  }

  static override from(text: unknown, encoding?: unknown): BrowserBuffer {
    if (typeof text !== 'string') throw new TypeError('only texts are made bytes of here');
    return new BrowserBuffer(encoding === 'base64' ? fromBase64(text) : utf8.encode(text));
  }

  override toString(encoding = 'utf8'): string {
    if (encoding === 'utf8') return new TextDecoder('utf-8', { ignoreBOM: true }).decode(this);
    let binary = '';
    for (const byte of this) binary += String.fromCharCode(byte);
    if (encoding === 'latin1') return binary;
    if (encoding === 'base64') return btoa(binary);
    throw new TypeError(`bytes are not written as ${encoding}`);
  }
}

export { BrowserBuffer as Buffer };
