/**
 * Finds what could be a token in a header. A ban must see each token that a verifier behind it could take, however
 * lenient that is; so the scheme, spaces, quotes and commas around it do not count. In time linear in the header's length.
 */

/** Of those in one text, so many from its beginning and as many from its end are looked at. */
const maxFromEachEnd = 64;

/** Characters of a compact JWS, of base64 in either alphabet, and the dots between. */
const run = /[A-Za-z0-9_.+/=-]+/g;

/** @param text one character a byte */
export function tokensIn(text: string): readonly string[] {
  const found: string[] = [];
  for (const [token] of text.matchAll(run)) {
    const dot = token.indexOf('.');
    if (dot === -1 || !token.includes('.', dot + 1)) continue;
    if (found.length === 2 * maxFromEachEnd) found.splice(maxFromEachEnd, 1);
    found.push(token);
  }
  return found;
}

/**
 * The values of all cookies of a name, in a text. Frameworks decode `%65` in them, so such a value is there in both forms.
 * @see RFC 6265 §5.4
 */
export function cookieReader(name: string): (cookies: string) => string {
  const escaped = name.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
  // Envoy joins repeated headers with commas.
  const pattern = new RegExp(String.raw`(?:^|[;,])[ \t]*${escaped}[ \t]*=([^;,]*)`, 'g');
  return (cookies) =>
    Array.from(cookies.matchAll(pattern), ([, value = '']) =>
      value.includes('%') ? `${value} ${decoded(value)}` : value,
    ).join(' ');
}

/** `%65` → `e`, in one pass; what is no escape stays. */
function decoded(value: string): string {
  const bytes = Buffer.from(value, 'latin1');
  let length = 0;
  for (let at = 0; at < bytes.length; at += 1) {
    const code = bytes[at] === percent ? hexAt(bytes, at + 1) : undefined;
    bytes[length] = code ?? bytes[at] ?? 0;
    if (code !== undefined) at += 2;
    length += 1;
  }
  return bytes.toString('latin1', 0, length);
}

const percent = 0x25;

function hexAt(bytes: Buffer, at: number): number | undefined {
  const high = hexDigit(bytes[at]);
  const low = hexDigit(bytes[at + 1]);
  return high === undefined || low === undefined ? undefined : high * 16 + low;
}

function hexDigit(code = 0): number | undefined {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const letter = code | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : undefined;
}
