/** The console's page in Chromium: quick with thousands of workloads, and readable by everybody in each theme and width. */
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { builtPage } from '../../webhook/cli/built-page.ts';
import { standingWithoutRights } from '../fakes/console-facts.ts';
import { FakeConsole } from '../fakes/fake-console.ts';
import {
  accessFaults,
  goTo,
  narrow,
  openConsole,
  picture,
  wide,
} from './harness/console-browser.ts';
import { describeInBrowser, openOwnBrowser } from './harness/own-browser.ts';
import { bestRound, slowness } from './harness/pace.ts';

const frontend = '#/workload/shop-0/Deployment/frontend-0';
/** Each view, and words by which it is there. */
const views = [
  ['coverage', '#/coverage?open=shop-2', 'of 3 pods'],
  ['nothing', '#/coverage?words=nowhere', 'Nothing fits'],
  ['story', frontend, 'anyone on the path can replay it'],
  ['changes', `${frontend}?part=changes`, 'name: auth-helper'],
  ['helper', `${frontend}?part=helper`, 'the caller is not among allow-callers'],
  ['pods', `${frontend}?part=pods`, 'EnvoyWarning'],
  ['undo', `${frontend}?part=undo`, 'svidecar.dev/inject=false'],
  ['gone', '#/workload/shop-0/Deployment/nobody', 'is not in namespace shop-0'],
  ['identities', '#/identities', 'to svidecar.dev/allow-callers of backend'],
  ['doctor', '#/doctor', 'docs/check.md#namespace_label'],
  ['certificates', '#/certificates', 'renewal is late'],
  ['bans', '#/bans', 'lost laptop: 1'],
] as const;

/** Milliseconds: from the answer with all workloads to the first rows on the screen. */
const firstPaintMs = 1_000 * slowness;
/** Milliseconds: what a person feels as a jerk. */
const longTaskMs = 200 * slowness;

/** Before anything of the page runs: when rows are there first, and which tasks were long. */
const watching = `
  globalThis.seen = { rowsMs: 0, long: [] };
  new PerformanceObserver((list) => {
    for (const { startTime, duration } of list.getEntries()) seen.long.push([startTime, duration]);
  }).observe({ type: 'longtask', buffered: true });
  new MutationObserver((_, observer) => {
    if (document.querySelector('.grid-body .grid-row') === null) return;
    observer.disconnect();
    requestAnimationFrame(() => setTimeout(() => { seen.rowsMs = performance.now(); }));
  }).observe(document, { childList: true, subtree: true });
`;

/** From the top to the end, while a workload changes with each turn of the wheel. @returns milliseconds of the longest task */
async function scrollThrough(page: Page, server: FakeConsole): Promise<number> {
  const grid = page.getByRole('treegrid');
  await grid.press('Home');
  await page.evaluate('seen.long.length = 0');
  await grid.hover();
  const rows = [...server.workloads.values()];
  for (let turn = 0; turn < 60; turn += 1) {
    await page.mouse.wheel(0, 3_500);
    const row = rows[turn];
    if (row !== undefined) server.change([{ ...row, revision: row.revision + 1 }]);
  }
  await grid.press('End');
  const long = await page.evaluate<readonly (readonly [number, number])[]>('seen.long');
  return Math.round(Math.max(0, ...long.map(([, duration]) => duration)));
}

/** Captions of tables of which a part is beyond the edge. */
const cutTables = `[...document.querySelectorAll('.table-frame')]
  .filter(({ scrollWidth, clientWidth }) => scrollWidth > clientWidth)
  .map((frame) => frame.getAttribute('aria-label'))`;

describeInBrowser("the console's page, measured", () => {
  let browser: Browser;
  let server: FakeConsole;
  const built = builtPage('.', 'console');

  beforeAll(async () => {
    browser = await openOwnBrowser();
    server = new FakeConsole(built);
  });
  afterAll(async () => {
    await browser.close();
    await server.stop();
  });

  test('5,000 workloads: the first rows within a second, and no jerk while scrolling and changing', async () => {
    server.fill(1, 5_000);
    await server.start();
    const context = await browser.newContext({ viewport: wide });
    const page = await context.newPage();
    await page.addInitScript(watching);
    await page.goto(server.address);
    await page.getByRole('row', { name: /shop-0/ }).waitFor();
    const firstMs = await page.evaluate<number>(
      `seen.rowsMs - performance.getEntriesByType('resource').find(({ name }) => name.endsWith('/coverage')).responseEnd`,
    );
    await page.getByRole('row', { name: /shop-0/ }).click();
    await page.waitForURL(/open=/);
    const longestMs = await bestRound(longTaskMs, () => scrollThrough(page, server));
    const drawn = await page.locator('.grid-body .grid-row').count();
    const last = await page.locator('.grid-body .grid-row').last().getAttribute('aria-rowindex');
    console.log(`first rows ${firstMs.toFixed(0)} ms; longest task ${longestMs} ms`);
    expect(firstMs).toBeGreaterThan(0);
    expect(firstMs).toBeLessThan(firstPaintMs);
    expect(longestMs).toBeLessThan(longTaskMs);
    expect(drawn).toBeLessThan(60);
    expect(last).toBe('5002');
    await context.close();
    await server.stop();
  });

  test.each([
    ['light', wide],
    ['dark', wide],
    ['light', narrow],
    ['dark', narrow],
  ] as const)('axe-core finds nothing: %s, %o', async (colorScheme, viewport) => {
    server = new FakeConsole(built);
    server.fill(12, 240);
    await server.start();
    const { page, context, complaints } = await openConsole(browser, server.address);
    await page.setViewportSize(viewport);
    await page.emulateMedia({ colorScheme });
    for (const [name, fragment, words] of views) {
      await goTo(page, fragment);
      await page.getByText(words).first().waitFor();
      await picture(page, `console-${name}-${colorScheme}-${viewport.width}`);
      expect(await accessFaults(page), name).toEqual([]);
      expect(await page.evaluate('document.documentElement.scrollWidth'), name).toBe(
        viewport.width,
      );
      expect(await page.evaluate(cutTables), name).toEqual([]);
    }
    await goTo(page, '#/coverage');
    // Told by a word, not by colour and pattern alone.
    await page
      .getByText(/^\d+ stale, /)
      .filter({ visible: true })
      .first()
      .waitFor();
    server.standAs(standingWithoutRights);
    await page.getByText('You may not get, list and watch pods').click();
    await goTo(page, frontend);
    await page.getByRole('button', { name: 'Restart…' }).click();
    await page.getByText('Its pods are replaced one by one.').waitFor();
    expect(await accessFaults(page), 'dialog and rights').toEqual([]);
    expect(complaints).toEqual([]);
    await context.close();
    await server.stop();
  });
});
