/**
 * Finds what could be a token in a header. A ban must see each token that a verifier behind it could take, however
 * lenient that is; so the scheme, spaces, quotes and commas around it do not count. In time linear in the header's length.
 */

/** Of those in one text, so many from its beginning and as many from its end are looked at. */
const mostFromEachEnd = 64;

/** Characters of a compact JWS, of base64 in either alphabet, and the dots between. */
const inToken: readonly boolean[] = Array.from({ length: 128 }, (_, code) =>
  /[A-Za-z0-9_.+/=-]/.test(String.fromCharCode(code)),
);

const shortest = 'a.b.c'.length;

/** @param text one character a byte */
export function tokensIn(text: string): readonly string[] {
  const found: string[] = [];
  let front = 0;
  while (front < text.length && found.length < mostFromEachEnd) {
    const end = endOfRun(text, front, 1);
    take(text, [front, end], found);
    front = Math.max(end, front + 1);
  }
  for (let back = text.length; back > front && found.length < 2 * mostFromEachEnd;) {
    const start = Math.max(endOfRun(text, back - 1, -1) + 1, front);
    take(text, [start, back], found);
    back = Math.min(start, back - 1);
  }
  return found;
}

/** The first place from `at` on, in one direction, that is in no token. */
function endOfRun(text: string, at: number, step: 1 | -1): number {
  let end = at;
  while (inToken[text.charCodeAt(end)] === true) end += step;
  return end;
}

/** A token has three parts, and so at least five characters; most runs in a hostile header are shorter. */
function take(text: string, [start, end]: readonly [number, number], into: string[]): void {
  if (end - start < shortest) return;
  const run = text.slice(start, end);
  const first = run.indexOf('.');
  if (first !== -1 && run.includes('.', first + 1)) into.push(run);
}

/**
 * The values of cookies of a name, in a text: those from its beginning and from its end. Frameworks decode `%65` in
 * them, so such a value is there in both forms. @see RFC 6265 §5.4
 */
export function cookieReader(name: string): (cookies: string) => string {
  return (cookies) => {
    const values: string[] = [];
    let front = cookies.indexOf(name);
    for (
      ;
      front !== -1 && values.length < mostFromEachEnd;
      front = cookies.indexOf(name, front + 1)
    )
      takeValue(cookies, front, { name, into: values });
    let back = front === -1 ? -1 : cookies.lastIndexOf(name);
    while (back >= front && back !== -1 && values.length < 2 * mostFromEachEnd) {
      takeValue(cookies, back, { name, into: values });
      back = back === 0 ? -1 : cookies.lastIndexOf(name, back - 1);
    }
    return values.join(' ');
  };
}

/** Envoy joins repeated headers with commas. */
function isSeparator(code: number): boolean {
  return code === 0x3b || code === 0x2c;
}

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

const equalsSign = 0x3d;

function takeValue(
  cookies: string,
  at: number,
  { name, into }: { readonly name: string; readonly into: string[] },
): void {
  let equals = at + name.length;
  while (isSpace(cookies.charCodeAt(equals))) equals += 1;
  if (cookies.charCodeAt(equals) !== equalsSign) return;
  let before = at - 1;
  while (isSpace(cookies.charCodeAt(before))) before -= 1;
  if (before >= 0 && !isSeparator(cookies.charCodeAt(before))) return;
  let end = equals + 1;
  while (end < cookies.length && !isSeparator(cookies.charCodeAt(end))) end += 1;
  const value = cookies.slice(equals + 1, end);
  into.push(value.includes('%') ? `${value} ${decoded(value)}` : value);
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
