/** Each page is one text, with a policy that lets nothing run but what is in it. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { bundle } from '../../../scripts/bundle.ts';
import { buildPage } from '../../../scripts/pages.ts';

/** Bytes of each page, script and style inside. A new package, or a room that should stay outside, would show here. */
const budgets: Readonly<Record<string, number>> = {
  // The engine with its templates, an editor, and two parsers of YAML that check each other.
  workbench: 1_400_000,
  // Two thirds of it are CodeMirror's.
  console: 450_000,
  start: 40_000,
};

const digest = (text: string): string =>
  `sha256-${createHash('sha256').update(text).digest('base64')}`;

function between(html: string, start: string, end: string): string {
  const from = html.indexOf(start) + start.length;
  return html.slice(from, html.indexOf(end, from));
}

/** The first class that a style is about. */
const ownRule = /^\.[a-z-]+/m;

test('each page has a budget', () => {
  const folders = readdirSync('webhook/pages', { withFileTypes: true })
    .filter((each) => each.isDirectory() && each.name !== 'shared')
    .map(({ name }) => name);
  expect(folders.sort()).toEqual(Object.keys(budgets).sort());
});

test.each(Object.entries(budgets))('the page %s', async (name, budget) => {
  const { html } = await buildPage(name);
  expect(Buffer.byteLength(html)).toBeLessThan(budget);
  const policy = between(html, '<meta http-equiv="Content-Security-Policy" content="', '">');
  expect(policy).toContain("default-src 'none'; ");
  expect(policy).toContain(`script-src '${digest(between(html, '<script>', '</script>'))}'; `);
  expect(policy).toContain(`style-src '${digest(between(html, '<style>', '</style>'))}'; `);
  // The page's own style changes the common one, so it comes after it.
  const style = between(html, '<style>', '</style>');
  const own = ownRule.exec(readFileSync(`webhook/pages/${name}/${name}.css`, 'utf8'))?.[0] ?? '';
  expect(style.indexOf(own)).toBeGreaterThan(style.lastIndexOf('prefers-reduced-motion'));
  expect(policy).not.toMatch(/unsafe|\*|https?:/);
  const head = html.slice(0, html.indexOf('<style>'));
  expect(head).not.toMatch(/<script|<link[^>]+href="(?!data:)|<[^>]+ src=/);
});

test("the webhook's image has none of it, and says so", async () => {
  const folder = mkdtempSync(join(tmpdir(), 'svidecar-pages-'));
  try {
    const out = join(folder, 'webhook/main.mjs');
    const inside = await bundle('webhook', out);
    expect(inside.filter((each) => /preact|codemirror|@noble|esbuild/.test(each))).toEqual([]);
    writeFileSync(join(folder, 'package.json'), '{"version": "0.0.0"}');
    const run = (): string =>
      execFileSync(process.execPath, [out, 'workbench', '-o', '-'], {
        encoding: 'utf8',
        stdio: 'pipe',
      });
    expect(run).toThrow(/this installation has no page "workbench".*\[FILE_UNREADABLE\]/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
