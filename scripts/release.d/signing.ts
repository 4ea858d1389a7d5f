/** Signatures by ssh-keygen. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { signatureNamespace } from './verify-release.ts';

/** Signs something small, so that a key that cannot sign is told before anything is made. @throws {Error} in words */
export function trySigning(key: string): void {
  const work = mkdtempSync(join(tmpdir(), 'svidecar-key-'));
  try {
    const file = join(work, 'file');
    writeFileSync(file, '');
    sign(file, key);
  } finally {
    rmSync(work, { recursive: true });
  }
}

/** @throws {Error} in words, where the key cannot be had */
export function sign(file: string, key: string): void {
  const args = ['-Y', 'sign', '-f', key, '-n', signatureNamespace, file];
  const { status, stderr, error } = spawnSync('ssh-keygen', args, {
    stdio: ['ignore', 'ignore', 'pipe'],
    encoding: 'utf8',
  });
  if (error !== undefined)
    throw new Error(`cannot sign: ssh-keygen does not run: ${error.message}`);
  if (status !== 0)
    throw new Error(
      `cannot sign with ${key}: ${stderr.trim().split('\n').slice(-1).join()}; --key takes a private key of ssh-keygen, and one with a passphrase needs a terminal or ssh-agent`,
    );
}
