/** Whether the fields of a request are such as HTTP/2 allows. @see RFC 9113 §8.2 and §8.3.1 */

const inRequest: ReadonlySet<string> = new Set([':method', ':scheme', ':path', ':authority']);
const needed = [':method', ':scheme', ':path'] as const;
/** They speak of one connection of HTTP/1. */
const ofConnections: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
]);
/** A token in lower case. @see RFC 9110 §5.6.2 */
const fieldName = /^[!#$%&'*+.^_`|~0-9a-z-]+$/;
/** What a value must not have, beside NUL: ends of lines, and blanks at its ends. @see RFC 9113 §8.2.1 */
const notInValue = /^[ \t]|[\r\n]|[ \t]$/;

export class RequestFields {
  readonly #seen = new Set<string>();
  #hasOrdinary = false;
  #isMalformed = false;

  /** A needed one is missing, or one was not allowed. */
  get isMalformed(): boolean {
    return this.#isMalformed || needed.some((name) => !this.#seen.has(name));
  }

  note(name: string, value: string): void {
    if (name.startsWith(':')) this.#notePseudo(name, value);
    else {
      this.#hasOrdinary = true;
      if (!isAllowed(name, value)) this.#isMalformed = true;
    }
  }

  /** Each once, and before all others. */
  #notePseudo(name: string, value: string): void {
    const isWhere = !this.#hasOrdinary && inRequest.has(name) && !this.#seen.has(name);
    const isFilled = name !== ':path' || value !== '';
    if (!isWhere || !isFilled || !isClean(value)) this.#isMalformed = true;
    this.#seen.add(name);
  }
}

/** What may stand in a request's head beside pseudo fields, and in its trailers. */
export function isAllowed(name: string, value: string): boolean {
  if (name === 'te') return value === 'trailers';
  return fieldName.test(name) && !ofConnections.has(name) && isClean(value);
}

function isClean(value: string): boolean {
  return !notInValue.test(value) && !value.includes('\0');
}
