/** A page of this installation: one HTML text, which needs nothing else. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { AppError, messageOf } from '#kernel/errors.ts';

export type PageName = 'workbench' | 'console' | 'start';

export interface BuiltPage {
  readonly html: string;
  /** The Content-Security-Policy that the page states itself, for the header of whoever serves it. */
  readonly policy: string;
}

/** Bytes; a page is far below. */
const maxBuffer = 32 * 1024 * 1024;

/**
 * Built in a clone, where sources may have changed (under a second); read elsewhere.
 * @param root of the installation
 * @throws {AppError} FILE_UNREADABLE where there are no pages, as in the image
 */
export function builtPage(root: string, name: PageName): BuiltPage {
  const html = htmlOf(root, name);
  const policy = /<meta http-equiv="Content-Security-Policy" content="([^"]+)">/.exec(html)?.[1];
  if (policy === undefined) throw new TypeError(`the page ${name} states no policy`);
  return { html, policy };
}

function htmlOf(root: string, name: PageName): string {
  const script = join(root, 'scripts/pages.ts');
  const file = join(root, 'dist/pages', `${name}.html`);
  try {
    if (existsSync(script))
      return execFileSync(process.execPath, [script, name], { encoding: 'utf8', maxBuffer });
    if (existsSync(file)) return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new AppError('FILE_UNREADABLE', `cannot make the page ${name}: ${messageOf(cause)}`, {
      cause,
    });
  }
  throw new AppError(
    'FILE_UNREADABLE',
    `this installation has no page "${name}": images leave the pages out; run svidecar on your own machine, from its repository or package`,
  );
}
