/** `svidecar workbench`: the page with the engine in it, as one file. */
import { closeSync, ftruncateSync, openSync, readSync, statSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Command } from 'commander';
import { AppError, messageOf } from '#kernel/errors.ts';
import type { CliContext } from '../terminal.ts';

interface WorkbenchFlags {
  readonly output: string;
}

const usualFile = 'svidecar-workbench.html';

const examples = `
Examples:
  svidecar workbench                             writes ${usualFile}, to be opened in a browser
  svidecar workbench -o /srv/www/workbench.html
  svidecar workbench -o - | ssh host 'cat > workbench.html'

Paste or drop manifests into the page, choose annotations, and see at once what svidecar would make of them: the
decisions with their reasons, the differences, the patched Envoy configuration, the entries in SPIRE, the findings.
The engine is in the page: it works from the disk and offline, asks nobody for anything, and nothing leaves it.`;

/** Bytes at the beginning of a page in which its title stands: more of a file is not read. */
const titleWithin = 4_096;

/** Nothing at all, or a page of any version; anything else is somebody's. */
function isReplaceable(file: number): boolean {
  const start = Buffer.alloc(titleWithin);
  const read = readSync(file, start, 0, titleWithin, 0);
  return read === 0 || start.includes('<title>svidecar workbench</title>');
}

export function workbenchCommand({ terminal, installation }: CliContext): Command {
  return new Command('workbench')
    .summary('write a page that shows what injection does, without a cluster')
    .description(
      'Write one HTML file that shows, in a browser, what would become of a manifest: the same engine, without a cluster.',
    )
    .option('-o, --output <file>', 'where to; - is standard output', usualFile)
    .addHelpText('after', examples)
    .action(({ output }: WorkbenchFlags) => {
      const { html } = installation.page('workbench');
      if (output === '-') {
        terminal.out(html);
        return;
      }
      writePage(output, html);
      terminal.out(`${pathToFileURL(resolve(output)).href}\n`);
      terminal.err('open it in a browser: it needs no server and no network\n');
    });
}

/** @throws {AppError} USAGE for what is not a workbench; FILE_UNREADABLE where nothing can be written */
function writePage(file: string, html: string): void {
  let fault: string | undefined;
  try {
    fault = putPage(file, html);
  } catch (cause) {
    throw new AppError('FILE_UNREADABLE', `cannot write ${file}: ${messageOf(cause)}`, { cause });
  }
  if (fault !== undefined) throw new AppError('USAGE', `${file} ${fault}`);
}

/** @returns why it is not written */
function putPage(file: string, html: string): string | undefined {
  const there = statSync(file, { throwIfNoEntry: false });
  if (there === undefined) {
    writeFileSync(file, html);
    return undefined;
  }
  // Looked at before it is opened: a device may have no end, and a pipe would wait for somebody.
  if (!there.isFile())
    return 'is there and is no regular file: name a file with -o, or - for standard output';
  const handle = openSync(file, 'r+');
  try {
    if (!isReplaceable(handle)) return 'is there and is not a workbench: name another file with -o';
    ftruncateSync(handle);
    writeFileSync(handle, html);
    return undefined;
  } finally {
    closeSync(handle);
  }
}
