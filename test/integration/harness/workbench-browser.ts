/** The workbench's page in a real browser, from a file: what it asks for, what it complains of, and its engine. */
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import type { EngineCall, EngineReply } from '../../../webhook/pages/workbench/engine-calls.ts';
import { runCommand } from './processes.ts';

/** Pictures are left here, to be looked at; none without. */
const pictures = process.env['SVIDECAR_PICTURES'];
const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core'), 'utf8');

/** A workload that asks for nothing. */
export const service = `apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  namespace: shop
spec:
  template:
    metadata:
      annotations:
        other: "1"
    spec:
      containers:
        - name: app
          image: app:1
`;

/** Has the command write the page. @returns its `file:` address */
export async function writtenWorkbench(folder: string): Promise<string> {
  const file = join(folder, 'page.html');
  const main = join(import.meta.dirname, '../../../webhook/main.ts');
  const { code, stderr } = await runCommand(process.execPath, [main, 'workbench', '-o', file]);
  if (code !== 0) throw new Error(`svidecar workbench: exit code ${code}\n${stderr}`);
  return pathToFileURL(file).href;
}

export interface SeenWorkbench {
  readonly context: BrowserContext;
  readonly page: Page;
  /** Errors of scripts, and refusals by the page's policy. */
  readonly complaints: string[];
  /** Requests to anywhere, but for the file itself and its worker. */
  readonly requests: string[];
}

/** Opens the page offline. @param options.address `file:` with a fragment, perhaps */
export async function openWorkbench(
  browser: Browser,
  address: string,
  options: { readonly width?: number; readonly theme?: 'light' | 'dark' } = {},
): Promise<SeenWorkbench> {
  const { width = 1280, theme = 'light' } = options;
  const viewport = { width, height: width === 1280 ? 900 : 844 };
  const context = await browser.newContext({
    viewport,
    colorScheme: theme,
    reducedMotion: 'reduce',
  });
  await context.setOffline(true);
  const page = await context.newPage();
  const complaints: string[] = [];
  const requests: string[] = [];
  page.on('pageerror', ({ message }) => complaints.push(message));
  page.on('dialog', (dialog) => {
    complaints.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
  });
  const own = address.replace(/#.*$/s, '');
  page.on('request', (request) => {
    const url = request.url();
    if (url.replace(/#.*$/s, '') !== own && !url.startsWith('blob:')) requests.push(url);
  });
  await page.goto(address);
  await answered(page);
  return { context, page, complaints, requests };
}

/** Waits until the page shows an answer. */
export async function answered(page: Page): Promise<void> {
  await page.getByRole('tab', { name: /^Decisions/ }).waitFor();
}

/** Puts files in, in place of what is there. */
export async function putIn(page: Page, files: Readonly<Record<string, string>>): Promise<void> {
  const remove = page.getByRole('button', { name: 'Remove this file' });
  while (await remove.isEnabled()) await remove.click();
  await page.setInputFiles(
    'input[type=file]',
    Object.entries(files).map(([name, text]) => ({
      name,
      mimeType: 'text/yaml',
      buffer: Buffer.from(text),
    })),
  );
  const first = Object.keys(files)[0] ?? '';
  await page.getByRole('tab', { name: first, exact: true }).waitFor();
}

/** The text in the editor that is seen; for one that fits into it. */
export async function editorText(page: Page): Promise<string> {
  const lines = await page
    .getByRole('textbox', { name: /^Manifests of/ })
    .locator('.cm-line')
    .allTextContents();
  return lines.join('\n');
}

/** Starts the page's own script as its worker does, and asks it all calls. */
export async function askEngine(
  page: Page,
  calls: readonly EngineCall[],
): Promise<readonly EngineReply[]> {
  // As text: nothing of the browser's is known to the compiler here.
  return page.evaluate<readonly EngineReply[]>(`(async (all) => {
    const script = document.scripts[0].textContent;
    const worker = new Worker(URL.createObjectURL(new Blob([script])));
    const replies = [];
    for (const call of all)
      replies.push(await new Promise((resolve, reject) => {
        worker.onmessage = ({ data }) => resolve(data);
        worker.onerror = ({ message }) => reject(new Error(message));
        worker.postMessage(call);
      }));
    worker.terminate();
    return replies;
  })(${JSON.stringify(calls)})`);
}

/** What axe-core finds, one line each: nothing is what is wanted. */
export async function faultsOfAccess(page: Page): Promise<readonly string[]> {
  // By the debugger, which the page's policy does not bind.
  await page.evaluate(axeSource);
  return page.evaluate<readonly string[]>(`axe.run().then(({ violations }) =>
    violations.flatMap(({ id, nodes }) =>
      nodes.map(({ html, failureSummary }) => id + ': ' + html.slice(0, 200) + ' ' + failureSummary)))`);
}

/** Keeps a picture, where SVIDECAR_PICTURES names a folder. */
export async function keepPicture(page: Page, name: string): Promise<void> {
  if (pictures === undefined) return;
  mkdirSync(pictures, { recursive: true });
  await page.screenshot({ path: join(pictures, `${name}.png`) });
}
