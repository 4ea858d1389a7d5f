/** What is kept of a request's head. */
import { own, setMember } from '#kernel/members.ts';
import type { FieldListener, HeaderReader } from '../http2/header-reader.ts';
import { fieldOverhead } from '../http2/header-table.ts';
import { isAllowed, RequestFields } from '../http2/request-fields.ts';
import { timeoutMs } from './grpc-wire.ts';

/** The metadata that methods may ask for, by name. A repeated one is joined with a comma and a space. */
export type CallMetadata = Readonly<Record<string, string | undefined>>;

export interface HeadLimits {
  /** Bytes of all fields, as HTTP/2 counts them. */
  readonly maxHeaderBytes: number;
  /** Fields of a call's headers; Envoy sends some twenty. */
  readonly maxFields: number;
  /** Names of the metadata that methods get; nothing else is kept. */
  readonly metadata: readonly string[];
}

/** Characters of a value of metadata; the name of a rule has 63 at most. */
const maxMetadataLength = 256;
/** Characters of a path or a type of content: no method or page has a longer one. It is kept as long as the call. */
const maxKeptLength = 512;

/** How much a block says, as HTTP/2 counts it: few bytes of a block may say much, by numbers of what the table has. */
class BlockSize {
  readonly #limits: Pick<HeadLimits, 'maxHeaderBytes' | 'maxFields'>;
  #bytes = 0;
  #fields = 0;

  constructor(limits: Pick<HeadLimits, 'maxHeaderBytes' | 'maxFields'>) {
    this.#limits = limits;
  }

  /** There was more of it than anybody needs. */
  get isTooLarge(): boolean {
    return this.#bytes > this.#limits.maxHeaderBytes || this.#fields > this.#limits.maxFields;
  }

  /** @returns whether it is still small enough */
  add(name: string, value: string): boolean {
    this.#fields += 1;
    this.#bytes += name.length + value.length + fieldOverhead;
    return !this.isTooLarge;
  }
}

export class CallHead implements FieldListener {
  method = '';
  path = '';
  contentType = '';
  /** Milliseconds that the client allows; undefined where it says nothing. */
  allowedMs: number | undefined;
  readonly metadata: Record<string, string | undefined> = {};
  /** Bytes of the body, where the client says so; NaN where it says nonsense. */
  contentLength: number | undefined;
  readonly #limits: HeadLimits;
  readonly #form = new RequestFields();
  readonly #size: BlockSize;

  constructor(limits: HeadLimits) {
    this.#limits = limits;
    this.#size = new BlockSize(limits);
  }

  get isTooLarge(): boolean {
    return this.#size.isTooLarge;
  }

  get isMalformed(): boolean {
    return this.#form.isMalformed || Number.isNaN(this.contentLength);
  }

  onField(name: string, value: string): void {
    if (!this.#size.add(name, value)) return;
    this.#form.note(name, value);
    if (name === ':method') this.method = keptOf(value);
    else if (name === ':path') this.path = keptOf(value);
    else if (name === 'content-type') this.contentType = keptOf(value);
    else if (name === 'content-length') this.#noteLength(wholeNumber(value));
    else if (name === 'grpc-timeout') this.allowedMs = timeoutMs(value);
    else if (this.#limits.metadata.includes(name)) this.#note(name, value);
  }

  /** Said twice, it must be the same. @see RFC 9110 §8.6 */
  #noteLength(length: number): void {
    this.contentLength = (this.contentLength ?? length) === length ? length : NaN;
  }

  /** A value that is too long names nothing that there is, and is not kept. */
  #note(name: string, value: string): void {
    const before = own(this.metadata, name);
    const joined = before === undefined ? value : `${before}, ${value}`;
    const kept = joined.length <= maxMetadataLength ? joined : '(too long)';
    setMember(this.metadata, name, kept);
  }
}

function keptOf(value: string): string {
  return value.length <= maxKeptLength ? value : '(too long)';
}

/** Bytes of a block that is remembered. */
const maxRemembered = 256;

/**
 * Reads the heads of a connection's requests. Envoy's are mostly the same bytes each time, which mean the same for as long as
 * the table of the connection has not changed.
 */
export class CallHeads {
  readonly #reader: HeaderReader;
  readonly #limits: HeadLimits;
  #last: { readonly block: Buffer; readonly version: number; readonly head: CallHead } | undefined;

  constructor(reader: HeaderReader, limits: HeadLimits) {
    this.#reader = reader;
    this.#limits = limits;
  }

  /** @returns undefined where it is no header block. The same head may come again: nobody changes it. */
  read(block: Buffer): CallHead | undefined {
    const { version } = this.#reader;
    const last = this.#last;
    if (last?.version === version && last.block.equals(block)) return last.head;
    const head = new CallHead(this.#limits);
    if (!this.#reader.read(block, head)) return undefined;
    const isSame = this.#reader.version === version && block.length <= maxRemembered;
    this.#last = isSame ? { block: Buffer.from(block), version, head } : undefined;
    return head;
  }
}

/** Of trailers nothing is kept. */
export class Trailers implements FieldListener {
  isMalformed = false;
  readonly #size: BlockSize;

  constructor(limits: HeadLimits) {
    this.#size = new BlockSize(limits);
  }

  onField(name: string, value: string): void {
    if (!this.#size.add(name, value) || !isAllowed(name, value)) this.isMalformed = true;
  }
}

function wholeNumber(text: string): number {
  return /^\d{1,15}$/.test(text) ? Number(text) : NaN;
}
