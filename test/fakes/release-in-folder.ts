/** For each test of a file a small release in a folder of its own, to be tampered with. */
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';
import { SmallRelease } from './small-release.ts';

interface ReleaseInFolder {
  /** Is removed with what is in it. */
  work: string;
  folder: string;
  release: SmallRelease;
}

/** Made once, and copied for each test. */
export function releaseInFolder(): ReleaseInFolder {
  const made = mkdtempSync(join(tmpdir(), 'svidecar-made-'));
  const here = { work: '', folder: '', release: new SmallRelease(made) };
  beforeAll(() => here.release.make());
  afterAll(() => {
    rmSync(made, { recursive: true });
  });
  beforeEach(() => {
    here.work = mkdtempSync(join(tmpdir(), 'svidecar-release-'));
    here.folder = join(here.work, 'release');
    cpSync(made, here.folder, { recursive: true });
    here.release = new SmallRelease(here.folder);
  });
  afterEach(() => {
    rmSync(here.work, { recursive: true });
  });
  return here;
}
