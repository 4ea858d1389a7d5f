/** `svidecar workbench`: the page with the engine in it, as one file. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
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

/** A page of another version is replaced; anything else is somebody's. */
function isOurs(text: string): boolean {
  return text.includes('<title>svidecar workbench</title>');
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

/** @throws {AppError} USAGE for a file that is not a workbench; FILE_UNREADABLE where nothing can be written */
function writePage(file: string, html: string): void {
  try {
    if (!existsSync(file) || isOurs(readFileSync(file, 'utf8'))) {
      writeFileSync(file, html);
      return;
    }
  } catch (cause) {
    throw new AppError('FILE_UNREADABLE', `cannot write ${file}: ${messageOf(cause)}`, { cause });
  }
  throw new AppError('USAGE', `${file} is there and is not a workbench: name another file with -o`);
}
