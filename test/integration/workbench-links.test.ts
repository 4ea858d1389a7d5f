/** What a link does to the workbench in Chromium: it carries an input, and takes nothing away from who is at work there. */
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { fragmentOf } from '../../webhook/pages/workbench/share-link.ts';
import type { WorkbenchQuestion } from '../../webhook/workbench/workbench-model.ts';
import { describeInBrowser, openOwnBrowser } from './harness/own-browser.ts';
import {
  editorText,
  faultsOfAccess,
  openWorkbench,
  putIn,
  service,
  writtenWorkbench,
} from './harness/workbench-browser.ts';
import { createWorkFolder, type WorkFolder } from './harness/work-folder.ts';

/** What a link asks. */
const asked: WorkbenchQuestion = {
  files: [{ name: 'theirs.yaml', text: '# theirs' }],
  configuration: '',
  namespace: 'default',
  kubernetesMinor: 36,
};

describeInBrowser('a link to the workbench', () => {
  let work: WorkFolder;
  let browser: Browser;
  let address: string;

  beforeAll(async () => {
    work = await createWorkFolder('workbench-links');
    address = await writtenWorkbench(work.path);
    browser = await openOwnBrowser();
  });
  afterAll(async () => {
    await browser.close();
    await work.remove();
  });

  test('a link carries the input to another page', async () => {
    const first = await openWorkbench(browser, address);
    const text = service.replace('other: "1"', 'other: "ünïcode <script>"');
    await putIn(first.page, { 'a.yaml': text, 'b.yaml': service });
    await first.page.getByRole('button', { name: 'Link with this input' }).click();
    await first.page.getByText('The link is').waitFor();
    const link = first.page.url();
    expect(link.length).toBeLessThan(2_000);
    await first.context.close();
    const second = await openWorkbench(browser, link);
    await second.page.getByRole('tab', { name: 'b.yaml', exact: true }).waitFor();
    await second.page.getByRole('tab', { name: 'a.yaml', exact: true }).click();
    await expect.poll(() => editorText(second.page)).toBe(text);
    await second.context.close();
  });

  test('a link opened in this tab takes nothing away: what was written is one button away', async () => {
    const { page, context, complaints } = await openWorkbench(browser, address);
    const back = page.getByRole('button', { name: 'Back to the input before' });
    await expect.poll(() => back.isDisabled()).toBe(true);
    await putIn(page, { 'mine.yaml': service });
    for (const name of ['theirs', 'others']) {
      const hash = await fragmentOf({ ...asked, files: [{ name: `${name}.yaml`, text: name }] });
      await page.evaluate(`location.hash = ${JSON.stringify(hash)}`);
      await page.getByRole('tab', { name: `${name}.yaml` }).waitFor();
    }
    expect(await page.getByRole('tab', { name: 'mine.yaml' }).count()).toBe(0);
    await back.focus();
    await page.keyboard.press('Enter');
    await page.getByRole('tab', { name: 'mine.yaml' }).waitFor();
    await page.getByRole('status').getByText('The input before is back.').waitFor();
    expect(await editorText(page)).toBe(service);
    // What is typed here, and the address, are as if there had been no link.
    await page.getByRole('textbox', { name: /^Manifests of/ }).press('Control+Home');
    await page.keyboard.type('# mine');
    await expect.poll(() => editorText(page)).toBe(`# mine${service}`);
    expect(await page.evaluate('location.hash')).toBe('');
    expect(complaints).toEqual([]);
    await context.close();
  });

  test('a link that takes the place of what was written says so', async () => {
    const { page, context } = await openWorkbench(browser, address);
    await page.getByText('Configuration, namespace').click();
    await page.getByRole('textbox', { name: 'Namespace of objects' }).fill('mine');
    await page.keyboard.press('Tab');
    const hash = await fragmentOf({ ...asked, kubernetesMinor: 20 });
    await page.evaluate(`location.hash = ${JSON.stringify(hash)}`);
    await page.getByRole('status').getByText('in the place of your input').waitFor();
    await page.getByRole('status').getByText('for Kubernetes 1.20, which').waitFor();
    expect(await page.getByRole('combobox', { name: 'Kubernetes' }).inputValue()).toBe('28');
    expect(await faultsOfAccess(page)).toEqual([]);
    await page.getByRole('button', { name: 'Back to the input before' }).click();
    const namespace = page.getByRole('textbox', { name: 'Namespace of objects' });
    await expect.poll(() => namespace.inputValue()).toBe('mine');
    await context.close();
  });

  test('a demo, a file opened again and a file removed leave what was written one button away', async () => {
    const { page, context } = await openWorkbench(browser, address);
    const back = page.getByRole('button', { name: 'Back to the input before' });
    await putIn(page, { 'mine.yaml': service });
    const isBack = async (): Promise<void> => {
      await back.click();
      await page.getByRole('tab', { name: 'mine.yaml' }).waitFor();
      await expect.poll(() => editorText(page)).toBe(service);
    };
    await page.getByRole('combobox', { name: /^Demo/ }).selectOption('2');
    await page.getByRole('tab', { name: 'mistakes.yaml' }).waitFor();
    await isBack();
    await page.getByRole('button', { name: 'Remove this file' }).click();
    await page.getByRole('tab', { name: 'manifest.yaml' }).waitFor();
    await isBack();
    const again = { name: 'mine.yaml', mimeType: 'text/yaml', buffer: Buffer.from('other') };
    await page.setInputFiles('input[type=file]', [again]);
    await expect.poll(() => editorText(page)).toBe('other');
    await isBack();
    await context.close();
  });

  test('a link that is too long is not made, and a damaged one is told of', async () => {
    const { page, context } = await openWorkbench(browser, `${address}#v1.damaged`);
    await page.getByText('This link is cut off or damaged').waitFor();
    let seed = 1;
    const random = (): string => {
      seed = (seed * 48_271) % 2_147_483_647;
      return seed.toString(36);
    };
    const noise = Array.from({ length: 10_000 }, random).join('\n# ');
    await putIn(page, { 'noise.yaml': `# ${noise}\n` });
    await page.getByRole('button', { name: 'Link with this input' }).click();
    await page.getByText('send the files instead').waitFor();
    await context.close();
  });
});
