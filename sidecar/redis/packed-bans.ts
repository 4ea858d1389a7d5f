/**
 * Bans as bytes outside the runtime's heap: some 90 bytes each, which no collector looks at. A heap bounded for a small
 * helper would not hold a large list twice, as it must while the list is read again.
 */
import type { BanRecordKey } from '../config/ban-records.ts';
import type { Ban } from '../config/ban-meaning.ts';

/** A reference to an entry is its chunk's number and its place in it. */
const chunkBits = 18;
const chunkBytes = 1 << chunkBits;
const firstSlots = 1_024;

/**
 * Of an entry: hash, end, instant before which tokens are meant, lengths of three texts in characters, which of them
 * have two bytes a character, and whether there is a reason. The texts follow.
 */
const at = { hash: 0, until: 4, before: 12, id: 20, claim: 22, reason: 24, flags: 26, texts: 27 };
const flag = { wideId: 1, wideClaim: 2, wideReason: 4, hasReason: 8, isBefore: 16 };

interface Text {
  readonly text: string;
  readonly isWide: boolean;
}

export class PackedBans {
  readonly #seed: number;
  #chunks: Buffer[] = [];
  /** In the last chunk. */
  #used = chunkBytes;
  /** Of entries that are gone. */
  #wasted = 0;
  /** References of entries, plus one; 0 is free. Their number is a power of two. */
  #slots = new Uint32Array(firstSlots);
  #size = 0;
  #earliestEndS = Infinity;

  /** @param seed an integer that strangers do not know, so that they cannot make keys that fall on one place */
  constructor(seed: number) {
    this.#seed = seed | 0;
  }

  get size(): number {
    return this.#size;
  }

  /** Bytes that it takes. */
  get bytes(): number {
    return this.#chunks.length * chunkBytes + this.#slots.byteLength;
  }

  has(key: BanRecordKey): boolean {
    return this.#slotOf(key, this.#hashOf(key)) !== -1;
  }

  find(key: BanRecordKey): Ban | undefined {
    const slot = this.#slotOf(key, this.#hashOf(key));
    return slot === -1 ? undefined : this.#banAt(this.#refIn(slot));
  }

  /** In place of what the key had. */
  set(key: BanRecordKey, ban: Ban): void {
    const hash = this.#hashOf(key);
    this.#remove(this.#slotOf(key, hash));
    this.#compactOnceHalfIsWaste();
    this.#insert(this.#write(key, ban, hash), hash);
    if (ban.untilS !== undefined) this.#earliestEndS = Math.min(this.#earliestEndS, ban.untilS);
  }

  delete(key: BanRecordKey): boolean {
    const isThere = this.#remove(this.#slotOf(key, this.#hashOf(key)));
    this.#compactOnceHalfIsWaste();
    return isThere;
  }

  /** Costs something only when an end has come. @returns how many are gone */
  deleteEnded(nowS: number): number {
    if (nowS < this.#earliestEndS) return 0;
    const ended: number[] = [];
    this.#earliestEndS = Infinity;
    for (const ref of this.#refs()) {
      const untilS = this.#number(ref, at.until);
      if (nowS >= untilS) ended.push(ref);
      else this.#earliestEndS = Math.min(this.#earliestEndS, untilS);
    }
    for (const ref of ended) this.#remove(this.#slotOfRef(ref));
    this.#compactOnceHalfIsWaste();
    return ended.length;
  }

  /** Takes over what it has no entry for. */
  fillUpFrom(other: PackedBans): void {
    for (const ref of other.#refs()) {
      const key = other.#keyAt(ref);
      if (!this.has(key)) this.set(key, other.#banAt(ref));
    }
  }

  *#refs(): Generator<number> {
    for (const slot of this.#slots) if (slot !== 0) yield slot - 1;
  }

  #refIn(slot: number): number {
    return (this.#slots[slot] ?? 1) - 1;
  }

  #chunkOf(ref: number): Buffer {
    // A reference is given out for a chunk that there is.
    return this.#chunks[ref >>> chunkBits] ?? Buffer.alloc(chunkBytes);
  }

  #number(ref: number, field: number): number {
    return this.#chunkOf(ref).readDoubleLE((ref & (chunkBytes - 1)) + field);
  }

  /** FNV-1a over the characters, with a last mix, since only the lowest bits choose a slot. */
  #hashOf({ kind, id }: BanRecordKey): number {
    let hash = kind === 'all' ? this.#seed : ~this.#seed;
    for (let index = 0; index < id.length; index += 1)
      hash = Math.imul(hash ^ id.charCodeAt(index), 0x01000193);
    hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
    return (hash ^ (hash >>> 13)) >>> 0;
  }

  /** -1: it is not there. */
  #slotOf(key: BanRecordKey, hash: number): number {
    const last = this.#slots.length - 1;
    for (let slot = hash & last; ; slot = (slot + 1) & last) {
      const held = this.#slots[slot] ?? 0;
      if (held === 0) return -1;
      if (this.#isAt(held - 1, key, hash)) return slot;
    }
  }

  #slotOfRef(ref: number): number {
    const last = this.#slots.length - 1;
    let slot = this.#hashAt(ref) & last;
    while (this.#slots[slot] !== ref + 1) slot = (slot + 1) & last;
    return slot;
  }

  #hashAt(ref: number): number {
    return this.#chunkOf(ref).readUInt32LE((ref & (chunkBytes - 1)) + at.hash);
  }

  #isAt(ref: number, { kind, id }: BanRecordKey, hash: number): boolean {
    const chunk = this.#chunkOf(ref);
    const start = ref & (chunkBytes - 1);
    if (chunk.readUInt32LE(start + at.hash) !== hash) return false;
    if (chunk.readUInt16LE(start + at.id) !== id.length) return false;
    const flags = chunk[start + at.flags] ?? 0;
    if ((flags & flag.isBefore) === 0 ? kind !== 'all' : kind !== 'before') return false;
    const isWide = (flags & flag.wideId) !== 0;
    for (let index = 0; index < id.length; index += 1) {
      const place = start + at.texts + (isWide ? 2 * index : index);
      const code = isWide ? chunk.readUInt16LE(place) : chunk[place];
      if (code !== id.charCodeAt(index)) return false;
    }
    return true;
  }

  /** Room behind the last entry. @returns its reference */
  #room(bytes: number): number {
    if (this.#used + bytes > chunkBytes) {
      this.#chunks.push(Buffer.allocUnsafeSlow(chunkBytes));
      this.#used = 0;
    }
    const start = this.#used;
    this.#used += bytes;
    return (((this.#chunks.length - 1) << chunkBits) | start) >>> 0;
  }

  #write(key: BanRecordKey, ban: Ban, hash: number): number {
    const texts = [key.id, ban.claim, ban.reason ?? ''].map(widthOf);
    const ref = this.#room(at.texts + texts.reduce((sum, text) => sum + bytesOf(text), 0));
    const chunk = this.#chunkOf(ref);
    const start = ref & (chunkBytes - 1);
    chunk.writeUInt32LE(hash, start + at.hash);
    chunk.writeDoubleLE(ban.untilS ?? Infinity, start + at.until);
    chunk.writeDoubleLE(ban.issuedBeforeS ?? Infinity, start + at.before);
    let place = start + at.texts;
    let flags = ban.reason === undefined ? 0 : flag.hasReason;
    if (key.kind === 'before') flags |= flag.isBefore;
    for (const [index, { text, isWide }] of texts.entries()) {
      chunk.writeUInt16LE(text.length, start + at.id + 2 * index);
      if (isWide) flags |= flag.wideId << index;
      place += chunk.write(text, place, isWide ? 'utf16le' : 'latin1');
    }
    chunk[start + at.flags] = flags;
    return ref;
  }

  #insert(ref: number, hash: number): void {
    // At most two slots of three are taken.
    if ((this.#size + 1) * 3 > this.#slots.length * 2) this.#grow();
    this.#place(ref, hash);
    this.#size += 1;
  }

  #place(ref: number, hash: number): void {
    const last = this.#slots.length - 1;
    let slot = hash & last;
    while (this.#slots[slot] !== 0) slot = (slot + 1) & last;
    this.#slots[slot] = ref + 1;
  }

  #grow(): void {
    const refs = [...this.#refs()];
    this.#slots = new Uint32Array(this.#slots.length * 2);
    for (const ref of refs) this.#place(ref, this.#hashAt(ref));
  }

  /** Empties a slot and moves up what had to make way for it. */
  #remove(slot: number): boolean {
    if (slot === -1) return false;
    this.#wasted += this.#entryBytes(this.#refIn(slot));
    this.#size -= 1;
    const last = this.#slots.length - 1;
    let free = slot;
    for (let next = (free + 1) & last; this.#slots[next] !== 0; next = (next + 1) & last) {
      const wanted = this.#hashAt(this.#refIn(next)) & last;
      // It may stand at `free` if that lies on its way from `wanted` to `next`.
      if (((next - wanted) & last) >= ((next - free) & last)) {
        this.#slots[free] = this.#slots[next] ?? 0;
        free = next;
      }
    }
    this.#slots[free] = 0;
    return true;
  }

  #compactOnceHalfIsWaste(): void {
    if (this.#wasted > Math.max(chunkBytes, this.#chunks.length * (chunkBytes / 2))) this.compact();
  }

  /** Copies what is left into new chunks. */
  compact(): void {
    if (this.#wasted === 0) return;
    const old = new PackedBans(this.#seed);
    [old.#chunks, old.#slots] = [this.#chunks, this.#slots];
    [this.#chunks, this.#used, this.#wasted, this.#size] = [[], chunkBytes, 0, 0];
    this.#slots = new Uint32Array(firstSlots);
    for (const from of old.#refs()) {
      const bytes = old.#entryBytes(from);
      const start = from & (chunkBytes - 1);
      const to = this.#room(bytes);
      old.#chunkOf(from).copy(this.#chunkOf(to), to & (chunkBytes - 1), start, start + bytes);
      this.#insert(to, this.#hashAt(to));
    }
  }

  /** The id, the claim or the reason: characters, and how wide they are. */
  #textAt(ref: number, index: number): { readonly bytes: number; readonly isWide: boolean } {
    const isWide = (this.#flagsAt(ref) & (flag.wideId << index)) !== 0;
    const place = (ref & (chunkBytes - 1)) + at.id + 2 * index;
    return { bytes: this.#chunkOf(ref).readUInt16LE(place) * (isWide ? 2 : 1), isWide };
  }

  #texts(ref: number): readonly string[] {
    let place = (ref & (chunkBytes - 1)) + at.texts;
    return [0, 1, 2].map((index) => {
      const { bytes, isWide } = this.#textAt(ref, index);
      place += bytes;
      return this.#chunkOf(ref).toString(isWide ? 'utf16le' : 'latin1', place - bytes, place);
    });
  }

  #entryBytes(ref: number): number {
    return [0, 1, 2].reduce((sum, index) => sum + this.#textAt(ref, index).bytes, at.texts);
  }

  #flagsAt(ref: number): number {
    return this.#chunkOf(ref)[(ref & (chunkBytes - 1)) + at.flags] ?? 0;
  }

  #keyAt(ref: number): BanRecordKey {
    const [id = ''] = this.#texts(ref);
    return { kind: (this.#flagsAt(ref) & flag.isBefore) === 0 ? 'all' : 'before', id };
  }

  #banAt(ref: number): Ban {
    const [, claim = '', reason] = this.#texts(ref);
    return {
      claim,
      untilS: finite(this.#number(ref, at.until)),
      issuedBeforeS: finite(this.#number(ref, at.before)),
      reason: (this.#flagsAt(ref) & flag.hasReason) === 0 ? undefined : reason,
    };
  }
}

function finite(value: number): number | undefined {
  return value === Infinity ? undefined : value;
}

/** Whether a character needs two bytes. */
function widthOf(text: string): Text {
  for (let index = 0; index < text.length; index += 1)
    if (text.charCodeAt(index) > 0xff) return { text, isWide: true };
  return { text, isWide: false };
}

function bytesOf({ text, isWide }: Text): number {
  return isWide ? 2 * text.length : text.length;
}
