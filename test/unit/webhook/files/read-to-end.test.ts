import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readToEnd } from '../../../../webhook/files/read-to-end.ts';

function read(text: string, most?: number): string {
  const folder = mkdtempSync(join(tmpdir(), 'read-to-end-'));
  const path = join(folder, 'f');
  writeFileSync(path, text);
  const descriptor = openSync(path, 'r');
  try {
    return readToEnd(descriptor, 'f.json', most).toString();
  } finally {
    closeSync(descriptor);
    rmSync(folder, { recursive: true });
  }
}

test('as much as the limit is read, and no byte more', () => {
  const text = 'ab'.repeat(50_000);
  expect(read(text, 100_000)).toBe(text);
  expect(() => read(`${text}c`, 100_000)).toThrow(
    expect.objectContaining({
      code: 'FILE_UNREADABLE',
      message:
        'f.json: it is over 100000 bytes, which is the most that is read; split it, or give what is needed of it only',
    }),
  );
});

test('a file that never ends is read no further than the limit', () => {
  const descriptor = openSync('/dev/zero', 'r');
  try {
    expect(() => readToEnd(descriptor, 'f.json', 3 * 1024 * 1024)).toThrow(/it is over 3 MiB/);
  } finally {
    closeSync(descriptor);
  }
});
