/** The workbench in Chromium, from a file and offline: the same bytes as the command line, for everybody, and harmless. */
import { existsSync, globSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { differencesOf } from '../../webhook/manifests/diff-texts.ts';
import { injectTexts } from '../../webhook/manifests/inject-texts.ts';
import type { SourceText } from '../../webhook/manifests/manifest.ts';
import { Workbench } from '../../webhook/workbench/workbench.ts';
import { helperVersion } from '../../sidecar/helper/version.ts';
import { engineFor } from '../fakes/engine.ts';
import { describeInBrowser, openOwnBrowser } from './harness/own-browser.ts';
import { bestRound } from './harness/pace.ts';
import {
  answered,
  askEngine,
  editorText,
  faultsOfAccess,
  keepPicture,
  openWorkbench,
  putIn,
  service,
  writtenWorkbench,
} from './harness/workbench-browser.ts';
import { createWorkFolder, type WorkFolder } from './harness/work-folder.ts';

const repository = join(import.meta.dirname, '../..');
const handed = join(repository, '../shared/cases');

/** Each file by itself, and the files of each folder together. */
function inputs(): readonly (readonly SourceText[])[] {
  const patterns = [
    'manifests/demo/*.yaml',
    'test/golden/**/*.input.*',
    'test/fixtures/field/**/*.{yaml,json}',
  ];
  const own = patterns.flatMap((pattern) => globSync(pattern, { cwd: repository }));
  const others = existsSync(handed) ? globSync('**/*.{yaml,yml,json}', { cwd: handed }) : [];
  const read = (folder: string, path: string): SourceText => {
    return { name: path, text: readFileSync(join(folder, path), 'utf8') };
  };
  const all = [
    ...own.map((path) => read(repository, path)),
    ...others.map((path) => read(handed, path)),
  ];
  const byFolder = Map.groupBy(all, ({ name }) => name.slice(0, name.lastIndexOf('/')));
  const folders = [...byFolder.values()].filter(({ length }) => length > 1 && length < 20);
  return [...all.map((file) => [file]), ...folders];
}

const templates = Object.fromEntries(
  globSync('templates/*/template.yaml', { cwd: repository }).map((path) => [
    basename(join(path, '..')),
    readFileSync(join(repository, path), 'utf8'),
  ]),
);

/**
 * For how much of the time until its decisions are there a text of a megabyte may hold up the page in one go.
 * Measured, at any load: 0.06 to 0.1; where the page itself does the engine's work 0.2 to 0.3.
 */
const longestShare = 0.15;

/** Pixels that are left beside the tabs of results, all in one line. */
const spareOfTabs = `{
  const list = document.querySelector('[aria-label="What becomes of it"]');
  const tabs = [...list.children].map((tab) => tab.getBoundingClientRect());
  const isOneLine = tabs.every(({ top }) => top === tabs[0].top);
  isOneLine ? list.getBoundingClientRect().right - tabs.at(-1).right : -1;
}`;
/** Pixels: each of the four numbers in them may have a digit more. */
const roomForNumbers = 4 * 9;

describeInBrowser('the workbench in a browser', () => {
  let work: WorkFolder;
  let browser: Browser;
  let address: string;

  beforeAll(async () => {
    work = await createWorkFolder('workbench');
    address = await writtenWorkbench(work.path);
    browser = await openOwnBrowser();
  });
  afterAll(async () => {
    await browser.close();
    await work.remove();
  });

  test('gives the same bytes as the command line, for goldens and cases', async () => {
    const { page, context } = await openWorkbench(browser, address);
    const questions = inputs().map((files) => {
      return { files, configuration: '', namespace: 'default', kubernetesMinor: 36 };
    });
    expect(questions.length).toBeGreaterThan(80);
    const replies = await askEngine(
      page,
      questions.map((question) => ({ kind: 'answer', question })),
    );
    const here = new Workbench({ templates, version: helperVersion, now: () => 0 });
    for (const [at, question] of questions.entries()) {
      const reply = replies[at];
      const answer = reply?.kind === 'answer' ? reply.answer : undefined;
      const options = { engine: engineFor(), namespace: 'default' };
      const injection = injectTexts(question.files, options);
      const names = question.files.map(({ name }) => name).join(', ');
      if (answer?.kind !== 'answered') throw new TypeError(`no answer for ${names}`);
      expect(answer.injected, names).toBe(injection.text);
      expect(answer.differences, names).toBe(differencesOf(injection, options));
      // Across the border of the worker undefined members are kept, and in JSON they are not: both as JSON.
      expect(JSON.stringify(answer), names).toBe(JSON.stringify(here.answer(question)));
    }
    await context.close();
  });

  test('asks nobody for anything, and complains of nothing', async () => {
    const { page, context, complaints, requests } = await openWorkbench(browser, address);
    for (const name of ['Differences', 'Result', 'Objects', 'Entries', 'Findings']) {
      await page.getByRole('tab', { name: new RegExp(`^${name}`) }).click();
      await page.getByRole('tabpanel').last().waitFor();
    }
    await page.getByRole('combobox', { name: /^Demo/ }).selectOption('2');
    await page.getByRole('tab', { name: 'mistakes.yaml' }).waitFor();
    expect(requests).toEqual([]);
    expect(complaints).toEqual([]);
    await context.close();
  });

  test('what is chosen in the form while the choice before is on its way is not lost', async () => {
    const { page, context } = await openWorkbench(browser, address);
    await putIn(page, { 'web.yaml': service });
    await page.getByRole('button', { name: 'web.yaml:1', exact: true }).waitFor();
    // In one turn of the page: no answer can come between.
    await page.evaluate(`for (const name of ['jwt-inject', 'jwt-validate', 'jwt-ban'])
      [...document.querySelectorAll('label.choice')]
        .find((label) => label.querySelector('strong').textContent === name)
        .querySelector('input').click()`);
    await page.getByRole('combobox', { name: 'shop' }).selectOption('enabled');
    await expect.poll(() => editorText(page)).toContain('svidecar.dev/injection: enabled');
    expect(await editorText(page)).toContain('templates: jwt-inject, jwt-validate, jwt-ban');
    // What has to be said is in sight.
    await page.getByLabel('svidecar.dev/audience', { exact: true }).waitFor();
    await context.close();
  });

  test('the form writes annotations and the label into the text, and the decision follows', async () => {
    const { page, context } = await openWorkbench(browser, address);
    await putIn(page, { 'web.yaml': service });
    await page.getByRole('button', { name: 'web.yaml:1', exact: true }).waitFor();
    await page.getByText('is left alone').waitFor();
    await page.getByRole('checkbox', { name: /^spiffe-socket/ }).check();
    await page.getByText('will be injected').waitFor();
    expect(await editorText(page)).toBe(
      service.replace(
        '        other: "1"\n',
        '        other: "1"\n        inject.svidecar.dev/templates: spiffe-socket\n',
      ),
    );
    await page.getByRole('combobox', { name: 'shop' }).selectOption('enabled');
    await expect.poll(() => editorText(page)).toContain('svidecar.dev/injection: enabled');
    await page.getByRole('checkbox', { name: /^spiffe-socket/ }).uncheck();
    await page.getByRole('button', { name: 'web.yaml:1', exact: true }).waitFor();
    await page.getByText('is left alone').waitFor();
    expect(await editorText(page)).toContain(service.trim());
    await context.close();
  });

  test('a refusal has a mark at its line, and a way there', async () => {
    const { page, context } = await openWorkbench(browser, address);
    const mistaken = service.replace(
      'other: "1"',
      'inject.svidecar.dev/templates: jwt-inject\n        svidecar.dev/audiense: x',
    );
    await putIn(page, { 'web.yaml': `${'# far above\n'.repeat(200)}${mistaken}` });
    await page.locator('.badge', { hasText: 'is refused' }).waitFor();
    await page.getByRole('button', { name: 'web.yaml:211' }).first().click();
    const line = page.locator('.cm-activeLineGutter', { hasText: '211' });
    await line.waitFor();
    await page.locator('.cm-lint-marker-error').first().waitFor();
    // Inside the editor's own box, in which the text is scrolled.
    const own = await line.boundingBox();
    const box = await page.locator('.editor').first().boundingBox();
    expect(own?.y).toBeGreaterThan(box?.y ?? Infinity);
    expect(own?.y).toBeLessThan((box?.y ?? 0) + (box?.height ?? 0));
    await context.close();
  });

  test('a configuration that cannot be used is told, with its line', async () => {
    const { page, context } = await openWorkbench(browser, address);
    await page.getByText('Configuration, namespace').click();
    await page.getByRole('textbox', { name: "The injector's configuration" }).fill('foo: 1');
    await page.getByRole('alert').filter({ hasText: 'CONFIG_INVALID' }).waitFor();
    await page.getByRole('textbox', { name: "The injector's configuration" }).fill('');
    await answered(page);
    await context.close();
  });

  test('hostile texts run nothing and change nothing', async () => {
    const { page, context, complaints, requests } = await openWorkbench(browser, address);
    const script = '<img src=x onerror=hacked()><script>hacked()</script>';
    const hostile = service
      .replace('name: web', `name: ${JSON.stringify(script)}`)
      .replace('other: "1"', `inject.svidecar.dev/templates: ${JSON.stringify(script)}`)
      .replace(
        'spec:\n  template',
        '__proto__: {polluted: true}\nconstructor: {prototype: {polluted: true}}\nspec:\n  template',
      );
    await putIn(page, { [`${script}.yaml`]: hostile, __proto__: hostile });
    await page.locator('.badge', { hasText: 'is refused' }).first().waitFor();
    for (const name of ['Differences', 'Result', 'Objects', 'Entries', 'Findings']) {
      await page.getByRole('tab', { name: new RegExp(`^${name}`) }).click();
      await page.getByRole('tabpanel').last().waitFor();
    }
    expect(await page.locator('img').count()).toBe(0);
    expect(await page.evaluate('({}).polluted')).toBeUndefined();
    expect(requests).toEqual([]);
    // Even where somebody could put an element in, the policy lets nothing of it run.
    await page.evaluate(`document.body.insertAdjacentHTML('beforeend', '<img src=x onerror="globalThis.hit = 1">');
      document.body.append(Object.assign(document.createElement('script'), { textContent: 'globalThis.hit = 2' }))`);
    expect(await page.evaluate('globalThis.hit')).toBeUndefined();
    expect(complaints.filter((text) => !/Content Security Policy/.test(text))).toEqual([]);
    await context.close();
  });

  test('a megabyte does not hold up who types', async () => {
    const many = Array.from({ length: 5_000 }, (_, at) => service.replace('web', `web-${at}`));
    const text = many.join('---\n');
    expect(text.length).toBeGreaterThan(1_000_000);
    // The editor takes one such text in at once; the engine works elsewhere.
    expect(await bestRound(longestShare, () => shareOf(text))).toBeLessThan(longestShare);
  });

  /** Types into a text. @returns the page's longest task, as a share of the time from the file to its decisions */
  async function shareOf(text: string): Promise<number> {
    const { page, context } = await openWorkbench(browser, address);
    await page.evaluate(`globalThis.longest = 0; globalThis.began = performance.now(); new PerformanceObserver((list) => {
      for (const { duration } of list.getEntries()) longest = Math.max(longest, duration);
    }).observe({ type: 'longtask' })`);
    await putIn(page, { 'many.yaml': text });
    const editor = page.getByRole('textbox', { name: 'Manifests of many.yaml' });
    await editor.press('Control+Home');
    await editor.pressSequentially('# still here');
    await editor.press('Enter');
    expect(await editorText(page)).toContain('# still here\n');
    await page.getByRole('tab', { name: 'Decisions (5000)' }).waitFor({ timeout: 60_000 });
    const share = await page.evaluate<number>('longest / (performance.now() - began)');
    await context.close();
    return share;
  }

  test.each([
    [1280, 'light'],
    [1280, 'dark'],
    [390, 'light'],
    [390, 'dark'],
  ] as const)('everybody can use it at %i pixels, %s', async (width, theme) => {
    const { page, context, complaints } = await openWorkbench(browser, address, { width, theme });
    await page.getByText('Configuration, namespace').click();
    if (width === 1280) expect(await page.evaluate(spareOfTabs)).toBeGreaterThan(roomForNumbers);
    for (const name of ['Decisions', 'Differences', 'Result', 'Objects', 'Entries', 'Findings']) {
      await page.getByRole('tab', { name: new RegExp(`^${name}`) }).click();
      expect(await faultsOfAccess(page), name).toEqual([]);
      const overflow = await page.evaluate('document.documentElement.scrollWidth - innerWidth');
      expect(overflow, name).toBeLessThanOrEqual(0);
      await keepPicture(
        page,
        `workbench-${width}-${theme}-${name.toLowerCase().replace(' ', '-')}`,
      );
    }
    await page.getByRole('tab', { name: /^Decisions/ }).click();
    await page.getByRole('combobox', { name: /^Demo/ }).selectOption('2');
    await page.locator('.badge', { hasText: 'is refused' }).first().waitFor();
    expect(await faultsOfAccess(page)).toEqual([]);
    expect(complaints).toEqual([]);
    await context.close();
  });

  test('files are dropped; what is no text, and certificates that are not looked at, are told of', async () => {
    const { page, context } = await openWorkbench(browser, address);
    await page.evaluate(`{
      const data = new DataTransfer();
      data.items.add(new File([${JSON.stringify(service)}], 'dropped.yaml'));
      data.items.add(new File([new Uint8Array([0xff, 0xfe, 0x00])], 'image.png'));
      document.body.dispatchEvent(new DragEvent('drop', { dataTransfer: data, bubbles: true }));
    }`);
    await page.getByRole('tab', { name: 'dropped.yaml' }).waitFor();
    await page.getByText('image.png: it is not a text in UTF-8').waitFor();
    await page.getByText('Configuration, namespace').click();
    const pem = '-----BEGIN CERTIFICATE-----\\nAAAA\\n-----END CERTIFICATE-----';
    await page
      .getByRole('textbox', { name: "The injector's configuration" })
      .fill(`apiServerClient: {ca: "${pem}", names: [front]}`);
    await page.getByText('they are not looked at here').waitFor();
    await context.close();
  });

  test('texts that turn the direction of reading are shown as what they are', async () => {
    const { page, context } = await openWorkbench(browser, address);
    const turned = service.replace('name: web', 'name: "we\\u202eb"');
    await putIn(page, { 'web.yaml': turned });
    await page.getByRole('heading', { name: 'Deployment shop/we\\u202eb' }).waitFor();
    await context.close();
  });

  test('where a browser has no workers the page answers itself', async () => {
    const page = await browser.newPage();
    await page.addInitScript('delete globalThis.Worker');
    await page.goto(address);
    await answered(page);
    await page.close();
  });

  test('what is typed quickly stays as it was typed', async () => {
    const { page, context } = await openWorkbench(browser, address);
    await putIn(page, { 'web.yaml': service });
    const editor = page.getByRole('textbox', { name: 'Manifests of web.yaml' });
    await editor.press('Control+Home');
    const typed = '# the quick brown fox jumps over the lazy dog';
    await editor.pressSequentially(typed);
    await expect.poll(() => editorText(page)).toBe(`${typed}${service}`);
    for (let undone = 0; undone < 3; undone += 1) await editor.press('Control+z');
    await expect.poll(() => editorText(page)).toBe(service);
    await context.close();
  });

  test('the keyboard is enough: tabs by arrows, and out of the editor by Tab', async () => {
    const { page, context } = await openWorkbench(browser, address);
    await page.getByRole('tab', { name: /^Decisions/ }).focus();
    await page.keyboard.press('ArrowRight');
    const tab = page.getByRole('tab', { name: /^Differences/ });
    expect(await tab.getAttribute('aria-selected')).toBe('true');
    await page.getByRole('textbox', { name: /^Manifests of/ }).focus();
    await page.keyboard.press('Tab');
    const focused = await page.evaluate('document.activeElement.tagName');
    expect(focused).not.toBe('DIV');
    await context.close();
  });
});
