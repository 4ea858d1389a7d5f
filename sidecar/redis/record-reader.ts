/** Records of a store as the helper takes them: those that are wrong count as none, are counted, and are told of. */
import type { Log } from '#kernel/observe.ts';
import {
  hmacKeyId,
  isHashedId,
  readRecord,
  readRecordKey,
  type BanRecordKey,
  type ReadRecord,
} from '../config/ban-records.ts';
import type { Ban } from '../config/ban-meaning.ts';

export interface RecordReaderOptions {
  /** Of the store, for the log. */
  readonly store: string;
  readonly prefix: string;
  /** Under which ids are hashed: others are never looked for. Undefined: they are not. */
  readonly hmacKey: (() => Uint8Array) | undefined;
  readonly log: Log;
}

/** Different faults that are told; all are counted. */
const maxTold = 16;

export class RecordReader {
  readonly #options: RecordReaderOptions;
  readonly #told = new Set<string>();
  refused = 0;
  #id: { readonly of: Uint8Array; readonly text: string } | undefined;

  constructor(options: RecordReaderOptions) {
    this.#options = options;
  }

  /** Undefined for a key that names no ban of ours. */
  keyOf(key: string): BanRecordKey | undefined {
    const read = readRecordKey(this.#options.prefix, key);
    return read !== undefined && isHashedId(read.id) === this.#isHashed ? read : undefined;
  }

  /** Undefined for a record that is wrong. @param of what `keyOf` says of its key */
  banIn(of: BanRecordKey | undefined, value: string): Ban | undefined {
    const read = of === undefined ? this.#wrongKey() : readRecord(of, value, this.#hmacId());
    if (read.kind === 'record') return read.record;
    this.refused += 1;
    this.#tell(read.why);
    return undefined;
  }

  get #isHashed(): boolean {
    return this.#options.hmacKey !== undefined;
  }

  #hmacId(): string | undefined {
    const key = this.#options.hmacKey?.();
    if (key === undefined) return undefined;
    if (this.#id?.of !== key) this.#id = { of: key, text: hmacKeyId(key) };
    return this.#id.text;
  }

  #wrongKey(): ReadRecord {
    const wanted = this.#isHashed ? 'hashed, as hmacKeyFile says' : 'readable';
    return { kind: 'refused', why: `its key does not end in KIND:ID with an ID that is ${wanted}` };
  }

  /** The key would tell the value. */
  #tell(fault: string): void {
    if (this.#told.has(fault) || this.#told.size >= maxTold) return;
    this.#told.add(fault);
    const words = 'a record in the store of bans is wrong, and bans nobody';
    this.#options.log.warn({ store: this.#options.store, fault }, words);
  }
}
