/** The console's page in a real browser: what it asks for, what it says, and what axe-core finds. */
import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import axe, { type AxeResults } from 'axe-core';
import type { Browser, BrowserContext, Page } from 'playwright-core';

const repository = join(import.meta.dirname, '../../..');
/** Pictures are left here, to be looked at; none without. */
const pictures = process.env['SVIDECAR_PICTURES'];

export const wide = { width: 1280, height: 800 };
export const narrow = { width: 390, height: 844 };

export interface SeenConsole {
  readonly context: BrowserContext;
  readonly page: Page;
  /** Errors of scripts, refusals by the page's policy, and whatever else the browser complains about. */
  readonly complaints: string[];
  /** Requests to anywhere but the page's own server. */
  readonly foreign: string[];
}

export async function openConsole(browser: Browser, address: string): Promise<SeenConsole> {
  const context = await browser.newContext({ viewport: wide, reducedMotion: 'reduce' });
  const page = await context.newPage();
  const complaints: string[] = [];
  const foreign: string[] = [];
  page.on('pageerror', ({ message }) => complaints.push(message));
  page.on('console', (message) => {
    // A server that is gone is what some tests are about.
    const isNetwork = /Failed to load resource|net::ERR/.test(message.text());
    if (message.type() === 'error' && !isNetwork) complaints.push(message.text());
  });
  page.on('request', (request) => {
    const isOwn = request.url().startsWith(new URL(address).origin);
    if (!isOwn && !request.url().startsWith('data:')) foreign.push(request.url());
  });
  await page.goto(address);
  return { context, page, complaints, foreign };
}

/** Goes where a link would lead. @param fragment such as `#/doctor` */
export async function goTo(page: Page, fragment: string): Promise<void> {
  await page.evaluate(`location.hash = ${JSON.stringify(fragment)}`);
}

/** What axe-core finds, one line each: nothing is what is wanted. */
export async function accessFaults(page: Page): Promise<readonly string[]> {
  // By the debugger, which the page's policy does not bind.
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate<AxeResults>('axe.run()');
  return violations.flatMap(({ id, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${id}: ${html.slice(0, 200)} ${failureSummary ?? ''}`),
  );
}

/** Keeps a picture, where SVIDECAR_PICTURES names a folder. */
export async function picture(page: Page, name: string): Promise<void> {
  if (pictures === undefined) return;
  const folder = resolve(repository, pictures);
  mkdirSync(folder, { recursive: true });
  await page.screenshot({ path: join(folder, `${name}.png`) });
}
