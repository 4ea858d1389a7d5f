/** The project's pages of Markdown, and what stands in them. */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export const root = join(import.meta.dirname, '../../..');

/** Paths, from the root, of the files that match. */
export function pagesAt(...patterns: readonly string[]): readonly string[] {
  return globSync([...patterns], { cwd: root }).sort();
}

export const allPages = pagesAt('*.md', 'docs/**/*.md', 'templates/*/*.md');

export function textOf(path: string): string {
  return readFileSync(join(root, path), 'utf8');
}

const blockOfCode = /^ *```\w*\n([^]*?)^ *```$/gm;

/** Code of a page, in blocks and between backticks. */
export function codeIn(markdown: string): string {
  const blocks = [...markdown.matchAll(blockOfCode)];
  const spans = [...markdown.replaceAll(blockOfCode, '').matchAll(/`([^`]+)`/g)];
  return [...blocks, ...spans].map(([, code = '']) => code).join('\n');
}

/** Targets of links outside of code: of `[words](target)`, and of `src` and `srcset`. */
export function linksIn(markdown: string): readonly string[] {
  const prose = markdown.replaceAll(blockOfCode, '').replaceAll(/`[^`]*`/g, 'code');
  const found = prose.matchAll(/\]\(([^)\s]+)\)|\bsrc(?:set)?="([^"]+)"/g);
  return [...found].map(([, link, picture]) => link ?? picture ?? '');
}

/** The ends of links to a page's headings, as GitHub makes them. */
export function anchorsOf(markdown: string): ReadonlySet<string> {
  const headings = markdown.replaceAll(blockOfCode, '').matchAll(/^#+ (.*)$/gm);
  return new Set(
    [...headings].map(([, heading = '']) =>
      heading
        .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N}_ -]/gu, '')
        .replaceAll(' ', '-'),
    ),
  );
}
