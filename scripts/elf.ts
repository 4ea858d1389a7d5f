/** What a program for Linux asks for before it starts, read from its own bytes: ldd only asks programs of this machine. */
import { closeSync, openSync, readSync } from 'node:fs';

export interface Linked {
  /** Path of the dynamic linker; absent: the program needs none. */
  readonly interpreter?: string;
  /** Names of shared libraries, as they stand there. */
  readonly needed: readonly string[];
}

interface Segment {
  readonly type: number;
  readonly offset: number;
  readonly address: number;
  readonly size: number;
}

/** Types of segments and tags of the dynamic section. @see elf(5) */
const load = 1;
const dynamic = 2;
const interpreter = 3;
const neededTag = 1;
const stringsTag = 5;

const headerBytes = 64;

/** @throws {TypeError} where it is not a little-endian 64-bit ELF file */
export function linkedWith(path: string): Linked {
  const file = openSync(path, 'r');
  try {
    const at = (offset: number, size: number): Buffer => {
      const bytes = Buffer.alloc(size);
      readSync(file, bytes, 0, size, offset);
      return bytes;
    };
    return readLinked(at, path);
  } finally {
    closeSync(file);
  }
}

type ReadAt = (offset: number, size: number) => Buffer;

function readLinked(at: ReadAt, path: string): Linked {
  const header = at(0, headerBytes);
  if (header.toString('latin1', 0, 6) !== '\x7fELF\x02\x01')
    throw new TypeError(`${path} is no program for a 64-bit Linux`);
  const segments = segmentsOf(header, at);
  const linker = segments.find(({ type }) => type === interpreter);
  const section = segments.find(({ type }) => type === dynamic);
  return {
    ...(linker === undefined ? {} : { interpreter: text(at(linker.offset, linker.size)) }),
    needed: section === undefined ? [] : neededIn(section, segments, at),
  };
}

function segmentsOf(header: Buffer, at: ReadAt): readonly Segment[] {
  const table = Number(header.readBigUInt64LE(32));
  const size = header.readUInt16LE(54);
  const count = header.readUInt16LE(56);
  return Array.from({ length: count }, (_, index) => {
    const entry = at(table + index * size, size);
    return {
      type: entry.readUInt32LE(0),
      offset: Number(entry.readBigUInt64LE(8)),
      address: Number(entry.readBigUInt64LE(16)),
      size: Number(entry.readBigUInt64LE(32)),
    };
  });
}

/** Bytes that a library's name may have. */
const maxNameBytes = 256;

function neededIn(section: Segment, segments: readonly Segment[], at: ReadAt): readonly string[] {
  const bytes = at(section.offset, section.size);
  const tags = Array.from({ length: Math.floor(bytes.length / 16) }, (_, index) => ({
    tag: Number(bytes.readBigInt64LE(index * 16)),
    value: Number(bytes.readBigUInt64LE(index * 16 + 8)),
  }));
  const address = tags.find(({ tag }) => tag === stringsTag)?.value ?? 0;
  const home = segments.find(
    (each) => each.type === load && each.address <= address && address < each.address + each.size,
  );
  const strings = address - (home?.address ?? 0) + (home?.offset ?? 0);
  return tags
    .filter(({ tag }) => tag === neededTag)
    .map(({ value }) => text(at(strings + value, maxNameBytes)));
}

function text(bytes: Buffer): string {
  const end = bytes.indexOf(0);
  return bytes.toString('latin1', 0, end === -1 ? bytes.length : end);
}
