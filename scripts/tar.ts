/** Writes and reads tar archives that depend on nothing but their content: one time, one owner, the order given. */
import { gzipSync } from 'node:zlib';

export interface TarEntry {
  /** Without a leading slash; a folder's ends in one. */
  readonly path: string;
  readonly mode: number;
  readonly content?: Buffer;
}

const block = 512;
/** Bytes that a path may have without a prefix (ustar). */
const maxPathBytes = 100;

/** @throws {TypeError} when a path is too long for ustar */
export function tar(entries: readonly TarEntry[]): Buffer {
  return Buffer.concat(tarParts(entries));
}

/** The same without a copy, for what is large: its parts, one after the other. */
export function tarParts(entries: readonly TarEntry[]): readonly Buffer[] {
  const parts = entries.flatMap((entry) => {
    const content = entry.content ?? Buffer.alloc(0);
    const padding = Buffer.alloc((block - (content.length % block)) % block);
    return [header(entry, content.length), content, padding];
  });
  return [...parts, Buffer.alloc(2 * block)];
}

/** The same by gzip, whose header says neither a name nor a time. */
export function gzippedTar(entries: readonly TarEntry[]): Buffer {
  return gzipSync(tar(entries), { level: 9 });
}

/**
 * What an archive of ours holds; folders without content.
 * @throws {TypeError} where it was not written here: it ends early or late, or holds links, special modes or paths that lead out
 */
export function tarEntries(archive: Buffer): readonly TarEntry[] {
  const entries: TarEntry[] = [];
  let at = 0;
  while (at + block <= archive.length && archive[at] !== 0) {
    const { entry, size } = entryAt(archive, at);
    entries.push(entry);
    const end = at + block + size;
    at += block + Math.ceil(size / block) * block;
    if (!isZero(archive.subarray(end, at)))
      throw new TypeError(`something follows ${entry.path} in its last block`);
  }
  const end = archive.subarray(at);
  if (end.length !== 2 * block || !isZero(end))
    throw new TypeError('the archive ends early, or something follows its end');
  return entries;
}

function entryAt(archive: Buffer, at: number): { readonly entry: TarEntry; readonly size: number } {
  const field = (from: number, size: number): string =>
    archive.toString('utf8', at + from, at + from + size).replace(/\0[^]*$/, '');
  const path = field(0, maxPathBytes);
  const size = Number.parseInt(field(124, 12), 8);
  const content = archive.subarray(at + block, at + block + size);
  if (content.length !== size) throw new TypeError(`the archive ends inside ${path}`);
  const isFolder = path.endsWith('/');
  const mode = Number.parseInt(field(100, 8), 8);
  const entry = isFolder ? { path, mode } : { path, mode, content };
  refuseUnusual(entry);
  // Type, owner, time, checksum and what else there may be.
  if (!archive.subarray(at, at + block).equals(header(entry, size)))
    throw new TypeError(`${path} is no file or folder as they are written here`);
  if (isFolder && size > 0) throw new TypeError(`the folder ${path} has content`);
  return { entry, size };
}

/** A folder or a file as we name them: others are read as something else by one system or another. */
const usualName = /^[A-Za-z0-9_@+-][A-Za-z0-9._@+-]*$/;

/** What is never written here, but could be. */
function refuseUnusual({ path, mode, content }: TarEntry): void {
  const usual = content === undefined ? [path === 'tmp/' ? 0o1777 : 0o755] : [0o644, 0o755];
  if (!usual.includes(mode)) throw new TypeError(`${path} has the mode ${mode.toString(8)}`);
  if (/^\/|^$|(?:^|\/)\.{1,2}(?:\/|$)/.test(path))
    throw new TypeError(`the path ${path} leads out`);
  const names = path.replace(/\/$/, '').split('/');
  if (!names.every((name) => usualName.test(name)))
    throw new TypeError(`the path ${path} has a name that no file of ours has`);
}

function isZero(bytes: Buffer): boolean {
  return bytes.every((byte) => byte === 0);
}

function header({ path, mode }: TarEntry, size: number): Buffer {
  if (Buffer.byteLength(path) > maxPathBytes) throw new TypeError(`path too long: ${path}`);
  const bytes = Buffer.alloc(block);
  const octal = (value: number, at: number, width: number): void => {
    bytes.write(value.toString(8).padStart(width - 1, '0'), at);
  };
  bytes.write(path, 0);
  octal(mode, 100, 8);
  octal(0, 108, 8);
  octal(0, 116, 8);
  octal(size, 124, 12);
  octal(0, 136, 12);
  bytes.fill(' ', 148, 156);
  bytes.write(path.endsWith('/') ? '5' : '0', 156);
  bytes.write('ustar\u000000', 257, 'latin1');
  const sum = bytes.reduce((total, byte) => total + byte, 0);
  bytes.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return bytes;
}
