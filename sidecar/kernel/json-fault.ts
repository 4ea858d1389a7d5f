/** Where a text stops being JSON. `JSON.parse` gives no position for most faults, and quotes the text instead. */

type Expected = 'value' | 'value or ]' | 'key' | 'key or }' | ':' | ', or end' | 'end of text';

interface Scan {
  readonly text: string;
  at: number;
  expected: Expected;
  /** Open brackets, outermost first. */
  readonly open: ('{' | '[')[];
}

const whitespace = /[ \t\r\n]*/y;
const escape = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y;
const scalar = /true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;

/**
 * Says where `text` stops being JSON, without quoting it (it may hold secrets).
 * @returns for instance `unexpected character at line 2, column 2 (character 7 of 9)`
 * @see RFC 8259
 */
export function jsonFault(text: string): string {
  const { at, what, expected } = jsonFaultAt(text);
  const before = text.slice(0, at).split('\n');
  const column = (before.at(-1)?.length ?? 0) + 1;
  return `${what} at line ${before.length}, column ${column} (character ${at + 1} of ${text.length}); expected ${expected}`;
}

/** Offset of the first character that is no JSON. */
export function jsonFaultAt(text: string): {
  readonly at: number;
  readonly what: string;
  readonly expected: string;
} {
  const scan: Scan = { text, at: 0, expected: 'value', open: [] };
  do skip(scan, whitespace);
  while (scan.at < text.length && step(scan));
  const { at, expected } = scan;
  return {
    at,
    expected,
    what: at >= text.length ? 'the text ends too early' : 'unexpected character',
  };
}

/** Takes one token; false when none matches. */
function step(scan: Scan): boolean {
  return steps[scan.expected](scan, scan.text[scan.at]);
}

const steps: Readonly<Record<Expected, (scan: Scan, char: string | undefined) => boolean>> = {
  value,
  'value or ]': (scan, char) => (char === ']' ? close(scan, '[') : value(scan, char)),
  key,
  'key or }': (scan, char) => (char === '}' ? close(scan, '{') : key(scan, char)),
  ':': (scan, char) => char === ':' && advance(scan, 'value'),
  ', or end': (scan, char) => {
    if (char === '}') return close(scan, '{');
    if (char === ']') return close(scan, '[');
    return char === ',' && advance(scan, scan.open.at(-1) === '{' ? 'key' : 'value');
  },
  'end of text': () => false,
};

function key(scan: Scan, char: string | undefined): boolean {
  return char === '"' && string(scan) && expect(scan, ':');
}

function value(scan: Scan, char: string | undefined): boolean {
  if (char === '{' || char === '[') {
    scan.open.push(char);
    return advance(scan, char === '{' ? 'key or }' : 'value or ]');
  }
  if (char === '"') return string(scan) && expect(scan, afterValue(scan));
  return skip(scan, scalar) && expect(scan, afterValue(scan));
}

function close(scan: Scan, bracket: '{' | '['): boolean {
  if (scan.open.at(-1) !== bracket) return false;
  scan.open.pop();
  return advance(scan, afterValue(scan));
}

function afterValue(scan: Scan): Expected {
  return scan.open.length === 0 ? 'end of text' : ', or end';
}

/** Stops at the character that a string may not hold. */
function string(scan: Scan): boolean {
  const { text } = scan;
  for (scan.at += 1; scan.at < text.length; scan.at += 1) {
    const char = text[scan.at] ?? '';
    if (char === '"') {
      scan.at += 1;
      return true;
    }
    if (char < ' ') return false;
    if (char === '\\' && !takeEscape(scan)) return false;
  }
  return false;
}

/** From a backslash to the escape's last character. */
function takeEscape(scan: Scan): boolean {
  escape.lastIndex = scan.at;
  if (!escape.test(scan.text)) return false;
  scan.at = escape.lastIndex - 1;
  return true;
}

function advance(scan: Scan, next: Expected): boolean {
  scan.at += 1;
  return expect(scan, next);
}

function expect(scan: Scan, next: Expected): boolean {
  scan.expected = next;
  return true;
}

/** True when the pattern took at least one character. */
function skip(scan: Scan, pattern: RegExp): boolean {
  pattern.lastIndex = scan.at;
  if (!pattern.test(scan.text) || pattern.lastIndex === scan.at) return false;
  scan.at = pattern.lastIndex;
  return true;
}
