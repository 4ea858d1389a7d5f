/**
 * What a page leaves out of a text that is no more than a text: a message, an event, a reason. Objects and files are judged
 * by what their values are (`shown-object.ts`, `shown-envoy.ts`), and come here with each text that is left.
 * Invariant: work grows no faster than the text. No pattern has anything behind what it repeats, so none tries a start twice.
 */
import { isSensitiveName, isPlainlySensitive } from './sensitive-names.ts';

/** Stands where something is left out. */
export const notShown = '(not shown)';

/** A text without what looks like a token, a key or a password. Cost: O(n), for any text. */
export function withoutSecrets(text: string): string {
  return withoutNamed(withoutShapes(withoutUserInfo(withoutPrivateKeys(text))));
}

const keyBegin = '-----BEGIN ';
const keyEnd = '-----END ';
const keyDashes = '-----';
/** Characters of the longest label of a PEM text that has a private key, with room. */
const maxLabel = 64;

/** @see RFC 7468; one whose end is missing goes to the end of the text */
function withoutPrivateKeys(text: string): string {
  const kept: string[] = [];
  let from = 0;
  for (let at = text.indexOf(keyBegin); at !== -1; at = text.indexOf(keyBegin, at)) {
    const label = text.slice(at + keyBegin.length, at + keyBegin.length + maxLabel);
    if (!(label.split(keyDashes)[0] ?? '').includes('PRIVATE KEY')) {
      at += keyBegin.length;
      continue;
    }
    kept.push(text.slice(from, at), notShown);
    const end = text.indexOf(keyEnd, at);
    const close = end === -1 ? -1 : text.indexOf(keyDashes, end + keyEnd.length);
    from = at = close === -1 ? text.length : close + keyDashes.length;
  }
  return kept.join('') + text.slice(from);
}

const endOfUrl = /[\s"'<>`]/;

/** Of URLs: `scheme://user:password@host`. */
function withoutUserInfo(text: string): string {
  const [first = '', ...rest] = text.split('://');
  return [first, ...rest.map(withoutOneUserInfo)].join('://');
}

function withoutOneUserInfo(rest: string): string {
  const end = rest.search(endOfUrl);
  const url = end === -1 ? rest : rest.slice(0, end);
  const slash = url.search(/[/?#]/);
  const authority = slash === -1 ? url : url.slice(0, slash);
  // A password may have a slash in it, although it should not: what stands behind the colon is no port then.
  const isCut = !authority.includes('@') && /:\d{0,5}[^\d]|:$|:\d{6}/.test(authority);
  const at = (isCut ? url : authority).lastIndexOf('@');
  if (at === -1) return rest;
  const colon = rest.indexOf(':');
  const user = colon === -1 || colon > at ? '' : rest.slice(0, colon + 1);
  return user + notShown + rest.slice(at);
}

/** Each is a fixed beginning and characters of one class: what does not match is given up after a few characters. */
const shapes: readonly (readonly [RegExp, string])[] = [
  // A JWT, or other JSON in base64: its beginning is `{"`.
  [/(?<![A-Za-z0-9])eyJ[\w.+/=-]{5,}/g, notShown],
  // Tokens that say by their first letters whose they are.
  [
    /(?<![A-Za-z0-9])(?:gh[oprsu]_|github_pat_|glpat-|xox[a-z]-|xapp-|AIza|[prs]k_(?:live|test)_|pypi-|dop_v1_|hv[bs]\.|hf_|SG\.|sk-|ya29\.)[\w.+/=-]{8,}/g,
    notShown,
  ],
  [/(?<![A-Za-z0-9])(?:AKIA|ASIA)[A-Z0-9]{12,}/g, notShown],
  [/(hooks\.slack\.com\/|\/api\/webhooks\/)[^\s"'<>`(]+/g, `$1${notShown}`],
  [/\b(bearer|basic|digest|negotiate)(\s{1,8})[\w.~+/=-]{8,}/gi, `$1$2${notShown}`],
];

function withoutShapes(text: string): string {
  return shapes.reduce((rest, [shape, shown]) => rest.replace(shape, shown), text);
}

interface Extent {
  readonly start: number;
  readonly end: number;
}

/** `password: x`, `TOKEN="x y"`, `?sig=x`, `--secret x`, `-u a:b`, `Authorization: Token x`. */
function withoutNamed(text: string): string {
  const kept: string[] = [];
  let from = 0;
  for (const { 0: name, index } of text.matchAll(/[\w-]+/g)) {
    if (index < from) continue;
    const value = valueOf(text, name, { start: index, end: index + name.length });
    if (value === undefined || value.start === value.end) continue;
    kept.push(text.slice(from, value.start), notShown);
    from = value.end;
  }
  return kept.join('') + text.slice(from);
}

/** What a name is longer than, begins with what does not matter. */
const maxName = 128;

function valueOf(text: string, run: string, place: Extent): Extent | undefined {
  const name = run.slice(-maxName);
  const mark = stickyAt(/\\?["']?\s{0,8}[:=]\s{0,8}/y, text, place.end);
  if (mark !== undefined) return markedValue(text, name, { ...place, mark });
  const blank = stickyAt(/[ \t]{1,8}/y, text, place.end);
  if (blank === undefined || !name.startsWith('-')) return undefined;
  const value = extentAt(text, place.end + blank.length);
  const isLogin = name === '-u' || name === '--user';
  if (isLogin) return text.slice(value.start, value.end).includes(':') ? value : undefined;
  return isSensitiveName(name) && text[value.start] !== '-' ? value : undefined;
}

function markedValue(
  text: string,
  name: string,
  { start, end, mark }: Extent & { readonly mark: string },
): Extent | undefined {
  const isQuery = mark === '=' && /[?&]/.test(text.charAt(start - 1)) && name !== 'spiffe-id';
  if (!isQuery && !isSensitiveName(name)) return undefined;
  const at = end + mark.length;
  if (/authorization$/i.test(name)) return credentialsAt(text, at);
  // In prose, `token: it has expired` says something; `"token": "it"` is a member.
  const isSaid = !mark.includes('=') && !/["']/.test(mark) && !isPlainlySensitive(name);
  // What stays is looked at again, so no more of it is looked at than this.
  if (isSaid && !isRandom(text.slice(at, at + maxName))) return undefined;
  return extentAt(text, at);
}

/** Whether a text begins with what is no word of a language. */
function isRandom(text: string): boolean {
  const { start, end } = extentAt(text, 0);
  const value = text.slice(start, end);
  return value.length >= 8 && /\d/.test(value) && !value.startsWith('spiffe:');
}

/** To the end of the line, or to a quote; the scheme stays. @see RFC 9110 §11.6.2 */
function credentialsAt(text: string, at: number): Extent {
  const quote = stickyAt(/\\?["']/y, text, at) ?? '';
  const scheme = stickyAt(/[A-Za-z]{1,16} /y, text, at + quote.length) ?? '';
  const start = at + quote.length + scheme.length;
  return { start, end: endAt(/[\r\n"'\\]/g, text, start) };
}

/** A text in quotes, or a word. */
function extentAt(text: string, at: number): Extent {
  if (text.startsWith(notShown, at)) return { start: at, end: at + notShown.length };
  const quote = stickyAt(/\\?["']/y, text, at);
  if (quote === undefined) return { start: at, end: endAt(/[\s"'`,;&#})\]<>|]/g, text, at) };
  const start = at + quote.length;
  return { start, end: closingAt(text, start, quote) };
}

/** A quote that is escaped closes nothing, unless the first one was escaped as well. */
function closingAt(text: string, start: number, quote: string): number {
  let at = text.indexOf(quote, start);
  while (at !== -1 && quote.length === 1 && text[at - 1] === '\\' && at > start)
    at = text.indexOf(quote, at + 1);
  return at === -1 ? text.length : at;
}

function stickyAt(pattern: RegExp, text: string, at: number): string | undefined {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0];
}

function endAt(mark: RegExp, text: string, at: number): number {
  mark.lastIndex = at;
  return mark.exec(text)?.index ?? text.length;
}
