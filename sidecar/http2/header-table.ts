/** The fields that a header block may name by a number. @see RFC 7541 §2.3 and appendix A */

/** Latin-1: a character a byte. */
export interface HeaderField {
  readonly name: string;
  readonly value: string;
}

/** `name value` a line. */
const lines = `:authority
:method GET
:method POST
:path /
:path /index.html
:scheme http
:scheme https
:status 200
:status 204
:status 206
:status 304
:status 400
:status 404
:status 500
accept-charset
accept-encoding gzip, deflate
accept-language
accept-ranges
accept
access-control-allow-origin
age
allow
authorization
cache-control
content-disposition
content-encoding
content-language
content-length
content-location
content-range
content-type
cookie
date
etag
expect
expires
from
host
if-match
if-modified-since
if-none-match
if-range
if-unmodified-since
last-modified
link
location
max-forwards
proxy-authenticate
proxy-authorization
range
referer
refresh
retry-after
server
set-cookie
strict-transport-security
transfer-encoding
user-agent
vary
via
www-authenticate`;

const fixed: readonly HeaderField[] = lines.split('\n').map((line) => {
  const [name = '', ...rest] = line.split(' ');
  return { name, value: rest.join(' ') };
});

/** Bytes that a field takes beside its name and value. */
export const fieldOverhead = 32;
/** Bytes: what a table may have unless a setting says otherwise, which ours does not. */
const maxTableBytes = 4_096;

/** The fields that are always there, and those that the other side added. */
export class HeaderTable {
  /** By the order in which they came: making room costs the same however many there are. */
  readonly #added = new Map<number, HeaderField>();
  #newest = 0;
  #bytes = 0;
  #limit = maxTableBytes;
  /** Grows with each change. */
  version = 0;

  at(index: number): HeaderField | undefined {
    if (index <= fixed.length) return fixed[index - 1];
    return this.#added.get(this.#newest + 1 + fixed.length - index);
  }

  /** The oldest make room; one that is larger than the table empties it. */
  add(field: HeaderField): void {
    this.version += 1;
    const bytes = bytesOf(field);
    this.#shrinkTo(this.#limit - bytes);
    if (bytes > this.#limit) return;
    this.#newest += 1;
    this.#added.set(this.#newest, field);
    this.#bytes += bytes;
  }

  /** @returns false where the size is more than we allow */
  resize(limit: number): boolean {
    if (limit > maxTableBytes) return false;
    this.version += 1;
    this.#limit = limit;
    this.#shrinkTo(limit);
    return true;
  }

  #shrinkTo(limit: number): void {
    while (this.#added.size > 0 && this.#bytes > limit) {
      const oldest = this.#newest + 1 - this.#added.size;
      const field = this.#added.get(oldest);
      if (field !== undefined) this.#bytes -= bytesOf(field);
      this.#added.delete(oldest);
    }
  }
}

function bytesOf({ name, value }: HeaderField): number {
  return name.length + value.length + fieldOverhead;
}
