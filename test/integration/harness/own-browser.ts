/** Debian's Chromium on this machine, for pages of ours on loopback. */
import { existsSync } from 'node:fs';
import { chromium, type Browser } from 'playwright-core';
import { describe } from 'vitest';

const program = '/usr/bin/chromium';

/** `describe` for tests that need a browser: skipped without, with the reason in the title, or failed with SVIDECAR_NO_SKIP. */
export function describeInBrowser(title: string, tests: () => void): void {
  if (existsSync(program)) {
    describe(title, tests);
    return;
  }
  const reason = `${program} missing: install Debian's chromium`;
  if (process.env['SVIDECAR_NO_SKIP'] !== undefined) throw new Error(reason);
  describe.skip(`${title} (${reason})`, tests);
}

export async function openOwnBrowser(): Promise<Browser> {
  // As root there is no sandbox; what is shown are our own pages.
  return chromium.launch({ executablePath: program, args: ['--no-sandbox'] });
}
