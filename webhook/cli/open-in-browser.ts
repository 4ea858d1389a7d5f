/** Has the desktop open an address that nobody else may learn. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const openers: Partial<Record<NodeJS.Platform, readonly [string, ...string[]]>> = {
  darwin: ['open'],
  linux: ['xdg-open'],
  win32: ['rundll32', 'url.dll,FileProtocolHandler'],
};
/** Milliseconds after which a browser has read the file. */
const readMs = 60_000;

/**
 * Other users of the machine see the arguments of every program: the browser is given a file that only we can read, and
 * that leads to the address. Where there is no browser, nothing happens.
 * @returns how to take the file away early
 */
export function openInBrowser(address: string): () => void {
  const opener = openers[process.platform];
  if (opener === undefined) return () => undefined;
  const folder = mkdtempSync(join(tmpdir(), 'svidecar-console-'));
  const file = join(folder, 'open.html');
  const html = `<!doctype html><meta charset="utf-8"><meta http-equiv="refresh" content="0; url=${address}"><title>svidecar</title>`;
  writeFileSync(file, html, { mode: 0o600 });
  const [command, ...args] = opener;
  const child = spawn(command, [...args, pathToFileURL(file).href], {
    stdio: 'ignore',
    detached: true,
  });
  // There may be no such program: the address is printed all the same.
  child.on('error', () => undefined);
  child.unref();
  const remove = (): void => {
    clearTimeout(timer);
    rmSync(folder, { recursive: true, force: true });
  };
  const timer = setTimeout(remove, readMs);
  timer.unref();
  return remove;
}
