/** Archives of a release, read no further than those that are made here go. */
import { crc32, inflateRawSync } from 'node:zlib';
import { tarEntries } from '../tar.ts';

/** Without folders. @throws {Error} where the archive is not as ours are, or has a path twice */
export function filesOf(archive: Buffer): ReadonlyMap<string, Buffer> {
  const files = new Map<string, Buffer>();
  for (const { path, content } of tarEntries(archive)) {
    if (content === undefined) continue;
    if (files.has(path)) throw new Error(`the archive holds ${path} twice`);
    files.set(path, content);
  }
  return files;
}

/** Bytes of a layer or a package; ours are far below. */
const mostUnpacked = 256 * 1024 * 1024;

/** Deflated, without a name or a time. */
const gzipStart = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0]);
const headerBytes = 10;
const trailerBytes = 8;

/** @throws {Error} where it is not one gzip member and nothing else: tools differ about what follows */
export function gunzipped(packed: Buffer): Buffer {
  if (!packed.subarray(0, gzipStart.length).equals(gzipStart))
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
