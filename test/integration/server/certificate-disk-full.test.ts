/** Certificates from a folder whose disk is full: a real one, a tmpfs of 32 KiB. Mounting needs root. */
import { mkdtemp, rm, statfs, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { makeServingPair, type TestPair } from '../../fakes/serving-pair.ts';
import { SilentLog } from '../../fakes/silent-log.ts';
import { CertificateFiles } from '../../../webhook/files/certificate-files.ts';
import { runCommand, waitUntil } from '../harness/processes.ts';

let folder: string;
let end: AbortController;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'svidecar-full-'));
  const mounted = await runCommand('mount', ['-t', 'tmpfs', '-o', 'size=32k', 'tmpfs', folder]);
  expect(mounted).toMatchObject({ code: 0, stderr: '' });
  end = new AbortController();
});
afterEach(async () => {
  end.abort();
  await runCommand('umount', ['--lazy', folder]);
  await rm(folder, { recursive: true });
});

async function put(pair: TestPair): Promise<void> {
  await writeFile(join(folder, 'tls.crt'), pair.certificate);
  await writeFile(join(folder, 'tls.key'), pair.key);
}

/** Leaves no room at all. */
async function fill(): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  await writeFile(join(folder, 'ballast'), Buffer.alloc(bavail * bsize, 1));
}

test('a pair that a full disk cut short is not used; the last good one stays until there is a whole one', async () => {
  const first = await makeServingPair();
  const second = await makeServingPair();
  await put(first);
  const log = new SilentLog();
  const clock = { now: (): number => Date.now() };
  const files = new CertificateFiles({ folder, clock, log, pollMs: 50 });
  await files.start(end.signal);
  // As an agent does that writes in place: the old text is gone before the new one finds no room.
  await writeFile(join(folder, 'tls.crt'), '');
  await fill();
  await expect(put(second)).rejects.toMatchObject({ code: 'ENOSPC' });
  await waitUntil('it is told', () => Promise.resolve(log.lines.length > 0), { deadlineMs: 5_000 });
  expect(log.lines).toMatchObject([
    { level: 'error', message: 'new serving certificate rejected, the last good one stays in use' },
  ]);
  expect(files.current()?.certificate).toBe(first.certificate);
  await rm(join(folder, 'ballast'));
  await put(second);
  const isSecond = (): Promise<boolean> =>
    Promise.resolve(files.current()?.certificate === second.certificate);
  await waitUntil('the whole one is used', isSecond, { deadlineMs: 5_000 });
});
