/** Archives of a release, read no further than those that are made here go. */
import { crc32, inflateRawSync } from 'node:zlib';
import { tarEntries, type TarEntry } from '../tar.ts';

/** Whether a file is one that is run, by its path. */
export type Runs = (path: string) => boolean;

/**
 * Without folders.
 * @param runs the others are not executable
 * @throws {Error} where the archive is not as ours are, has a path twice, or a file is executable that should not be, or the reverse
 */
export function filesOf(archive: Buffer, runs: Runs = () => false): ReadonlyMap<string, Buffer> {
  const entries = tarEntries(archive);
  refuseCollisions(entries);
  const files = new Map<string, Buffer>();
  for (const { path, mode, content } of entries) {
    if (content === undefined) continue;
    const usual = runs(path) ? 0o755 : 0o644;
    if (mode !== usual)
      throw new Error(`${path} has the mode ${mode.toString(8)}, not ${usual.toString(8)}`);
    files.set(path, content);
  }
  return files;
}

/** Of two entries in one place the last one stays, and macOS takes names that differ in letters' case for one. */
function refuseCollisions(entries: readonly TarEntry[]): void {
  const seen = new Set<string>();
  const files = new Set<string>();
  const placeOf = (path: string): string => path.replace(/\/$/, '').toLowerCase();
  for (const { path, content } of entries) {
    const place = placeOf(path);
    if (seen.has(place)) throw new Error(`the archive holds ${path} twice`);
    seen.add(place);
    if (content !== undefined) files.add(place);
  }
  const inside = entries.find(({ path }) =>
    placeOf(path)
      .split('/')
      .some((_, depth, names) => depth > 0 && files.has(names.slice(0, depth).join('/'))),
  );
  if (inside !== undefined) throw new Error(`the archive holds ${inside.path} inside a file`);
}

/** Whether a file is nothing but these parts, one after the other. */
export function isMadeOf(file: Buffer, parts: readonly Buffer[]): boolean {
  let at = 0;
  return (
    parts.every((part) => {
      const isThere = file.subarray(at, at + part.length).equals(part);
      at += part.length;
      return isThere;
    }) && at === file.length
  );
}

/** Bytes of a description inside an archive; ours have some thousand. */
const mostInJson = 1024 * 1024;

/** @throws {Error} where it is too large to be ours, or no JSON */
export function jsonOf(bytes: Buffer, what: string): unknown {
  if (bytes.length > mostInJson)
    throw new Error(
      `${what} has ${bytes.length} bytes, and no release's has more than ${mostInJson}`,
    );
  try {
    return JSON.parse(bytes.toString());
  } catch (thrown) {
    throw new Error(`${what} is no JSON`, { cause: thrown });
  }
}

/** Bytes of a layer or a package; ours are far below. */
const mostUnpacked = 256 * 1024 * 1024;

/** Deflated, without a name or a time; then how hard was tried (2 the most, 4 the least), and for Unix. @see RFC 1952 §2.3.1 */
const gzipStart = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0]);
const effortAndSystem: ReadonlySet<string> = new Set(['0003', '0203', '0403']);
const headerBytes = 10;
const trailerBytes = 8;

/** @throws {Error} where it is not one gzip member and nothing else: tools differ about what follows */
export function gunzipped(packed: Buffer): Buffer {
  const rest = packed.subarray(gzipStart.length, headerBytes).toString('hex');
  if (!packed.subarray(0, gzipStart.length).equals(gzipStart) || !effortAndSystem.has(rest))
    throw new Error('it is not compressed as a release is');
  const { buffer, engine } = inflated(packed.subarray(headerBytes));
  const trailer = packed.subarray(headerBytes + engine.bytesWritten);
  if (trailer.length !== trailerBytes)
    throw new Error('something follows what is compressed, or its end is missing');
  if (trailer.readUInt32LE(0) !== crc32(buffer) || trailer.readUInt32LE(4) !== buffer.length)
    throw new Error('what is compressed has another checksum');
  return buffer;
}

/** What zlib gives where it is asked for `info`. */
interface Inflated {
  readonly buffer: Buffer;
  /** `bytesWritten`: to the engine, so how much was read. */
  readonly engine: { readonly bytesWritten: number };
}

function inflated(deflated: Buffer): Inflated {
  const options = { maxOutputLength: mostUnpacked, info: true };
  try {
    // Typed as if there were no `info`.
    return inflateRawSync(deflated, options) as unknown as Inflated;
  } catch (thrown) {
    const isLarge = thrown instanceof RangeError;
    const what = `it has more than ${mostUnpacked} bytes, and no release's has`;
    throw new Error(isLarge ? `unpacked, ${what}` : 'it cannot be unpacked', { cause: thrown });
  }
}
