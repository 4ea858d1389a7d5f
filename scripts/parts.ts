/** What is too large to be copied into one buffer only to be written or read. */
import { createHash } from 'node:crypto';
import { closeSync, openSync, readSync, writeSync } from 'node:fs';

export function sizeOf(parts: readonly Buffer[]): number {
  return parts.reduce((sum, { length }) => sum + length, 0);
}

export function writeParts(file: string, parts: readonly Buffer[]): void {
  const open = openSync(file, 'w');
  try {
    for (const part of parts) {
      for (let done = 0; done < part.length;) done += writeSync(open, part, done);
    }
  } finally {
    closeSync(open);
  }
}

/** Bytes read at a time. */
const window = 1024 * 1024;

/** SHA-256 of a file. */
export function sha256OfFile(file: string): string {
  const hash = createHash('sha256');
  const open = openSync(file, 'r');
  try {
    const bytes = Buffer.alloc(window);
    for (let size = readSync(open, bytes); size > 0; size = readSync(open, bytes))
      hash.update(bytes.subarray(0, size));
  } finally {
    closeSync(open);
  }
  return hash.digest('hex');
}
