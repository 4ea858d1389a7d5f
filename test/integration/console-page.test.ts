/** The console's page in Chromium, beside a server without a cluster: what it shows, how it follows, and how it is steered. */
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { consolePaths } from '../../webhook/console/console-model.ts';
import { builtPage } from '../../webhook/cli/built-page.ts';
import { factsNowS, standing, standingWithoutRights, workloadRow } from '../fakes/console-facts.ts';
import { FakeConsole } from '../fakes/fake-console.ts';
import { goTo, openConsole, type SeenConsole } from './harness/console-browser.ts';
import { describeInBrowser, openOwnBrowser } from './harness/own-browser.ts';
import { slowness } from './harness/pace.ts';

const built = builtPage('.', 'console');
/** Milliseconds. */
const atOnce = { timeout: 1_000 * slowness };
const frontend = '#/workload/shop-0/Deployment/frontend-0';

/** Of a look that is over. */
function answered(result: object): object {
  const state = { kind: 'done', finishedS: factsNowS, tookMs: 100 };
  return { nowS: factsNowS, state, result, resultS: factsNowS };
}

describeInBrowser("the console's page", () => {
  let browser: Browser;
  let server: FakeConsole;
  let seen: SeenConsole;
  let page: Page;

  beforeAll(async () => {
    browser = await openOwnBrowser();
  });
  afterAll(async () => {
    await browser.close();
  });
  beforeEach(async () => {
    server = new FakeConsole(built);
    server.fill(12, 240);
    await server.start();
    seen = await openConsole(browser, server.address);
    page = seen.page;
    await page.getByRole('row', { name: /shop-0/ }).waitFor();
  });
  afterEach(async () => {
    const { complaints, foreign } = seen;
    await seen.context.close();
    await server.stop();
    expect(complaints).toEqual([]);
    expect(foreign).toEqual([]);
  });

  const row = (name: string | RegExp) => page.getByRole('row', { name });
  const chip = (name: RegExp) => page.getByRole('button', { name });
  const text = (words: string | RegExp) => page.getByText(words);

  test('the token leaves the address, and a second visit needs none', async () => {
    expect(page.url()).not.toContain('token');
    expect(await page.evaluate('history.length')).toBeLessThanOrEqual(2);
    await page.reload();
    await row(/shop-0/).waitFor();
  });

  test('an address that was used says how to get another', async () => {
    const { origin } = new URL(server.address);
    const other = await openConsole(browser, `${origin}/#token=once`);
    await other.page.getByRole('alert').getByText('this address was used already').waitFor();
    await other.page.getByText('no session').waitFor();
    await other.context.close();
  });

  test('an address that is opened again, and a link with any token, lock nobody out', async () => {
    const { origin } = new URL(server.address);
    for (const token of ['once', 'x']) {
      await page.goto('about:blank');
      await page.goto(`${origin}/#token=${token}`);
      await row(/shop-0/).waitFor();
      expect(page.url()).not.toContain('token');
    }
    // In the same tab nothing is loaded.
    await goTo(page, '#token=x');
    await expect.poll(() => server.posted.length).toBe(4);
    expect(await page.evaluate('location.href')).not.toContain('token');
    server.fill(13, 260);
    server.tell({ kind: 'reset' });
    await row(/shop-12/).waitFor();
    await text('live').waitFor();
  });

  test('a page without a session goes on where a new address is opened, in its tab or beside it', async () => {
    const { origin } = new URL(server.address);
    const other = await openConsole(browser, `${origin}/#token=once`);
    const beside = await other.context.newPage();
    await beside.goto(origin);
    await other.page.getByText('no session').waitFor();
    await beside.getByText('no session').waitFor();
    await page.getByRole('button', { name: 'Address for another browser' }).click();
    const address = await page.getByLabel('address', { exact: true }).innerText();
    await goTo(other.page, new URL(address).hash);
    for (const each of [other.page, beside]) {
      await each.bringToFront();
      await each.getByRole('row', { name: /shop-0/ }).waitFor();
      expect(await each.evaluate('location.href')).not.toContain('token');
    }
    await other.context.close();
  });

  test('a token waits for a server that does not answer yet', async () => {
    const context = await browser.newContext();
    const other = await context.newPage();
    await other.route('**/api/session', (route) => route.abort(), { times: 1 });
    await other.goto(server.another());
    await other.getByText('connection lost').waitFor();
    await other.getByRole('row', { name: /shop-0/ }).waitFor();
    await context.close();
  });

  test('where the browser keeps nothing for sites, the page works until it is closed', async () => {
    const context = await browser.newContext();
    const other = await context.newPage();
    await other.addInitScript(`Object.defineProperty(globalThis, 'localStorage', {
      get() { throw new DOMException('denied', 'SecurityError'); } })`);
    await other.goto(server.another());
    await other.getByRole('row', { name: /shop-0/ }).waitFor();
    await context.close();
  });

  test('the page makes an address for another browser, which works once', async () => {
    await page.getByRole('button', { name: 'Address for another browser' }).click();
    const address = await page.getByLabel('address', { exact: true }).innerText();
    const other = await openConsole(browser, address);
    await other.page.getByRole('row', { name: /shop-0/ }).waitFor();
    await other.context.close();
    const third = await openConsole(browser, address);
    await third.page.getByText('no session').waitFor();
    await third.context.close();
  });

  test('namespaces stand with what needs somebody first, and open down to a workload', async () => {
    const counts = [...server.workloads.values()].filter(({ status }) => status === 'refused');
    expect(await chip(/refused/).innerText()).toContain(`${counts.length}`);
    await row(/shop-3/).click();
    await row(/payments-171/).waitFor();
    expect(page.url()).toContain('open=shop-3');
    await page.goBack();
    await row(/payments-171/).waitFor({ state: 'detached' });
  });

  test('a status chooses, words choose, and Esc shows all again', async () => {
    await chip(/stale/).click();
    const stale = [...server.workloads.values()].filter(({ status }) => status === 'stale');
    await text(`${stale.length} workloads`).waitFor();
    await page.keyboard.press('/');
    await page.keyboard.type(`shop-1/ ${stale[0]?.name ?? ''}`);
    await page.waitForURL(/words=/);
    await page.keyboard.press('Escape');
    await text(`${stale.length} workloads`).waitFor();
    await chip(/all/).click();
    await text('240 workloads').waitFor();
  });

  test('the keyboard alone leads from the list into a workload and back', async () => {
    await page.getByRole('treegrid').focus();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('ArrowDown');
    const grid = page.getByRole('treegrid');
    const active = await grid.getAttribute('aria-activedescendant');
    expect(await page.locator(`[id="${active ?? ''}"]`).getAttribute('aria-level')).toBe('2');
    await page.keyboard.press('Enter');
    await page.getByRole('tab', { name: 'Story' }).waitFor();
    await page.keyboard.press('Escape');
    await grid.waitFor();
    expect(page.url()).toMatch(/open=/);
  });

  test('a change is seen within a second, in the list and in an open workload', async () => {
    const old = server.workloads.get('shop-0/Deployment/frontend-0');
    if (old === undefined) throw new Error('there is no frontend-0');
    await goTo(page, '#/coverage?open=shop-0');
    await row(/frontend-0/)
      .getByText('✓ injected')
      .waitFor();
    server.change([{ ...old, status: 'refused', revision: 2 }]);
    await row(/frontend-0/)
      .getByText('✕ refused')
      .waitFor(atOnce);
    await goTo(page, frontend);
    await text('1 pod, 1 ready').waitFor();
    server.change([
      { ...old, status: 'stale', revision: 3, pods: { total: 5, ready: 2, injected: 1 } },
    ]);
    await text('5 pods, 2 ready').waitFor(atOnce);
    await goTo(page, `${frontend}?part=pods`);
    await text('frontend-0-7d9c-4').waitFor(atOnce);
  });

  test('the server goes away and comes back: said, and healed by itself', async () => {
    await server.stop();
    await text('connection lost').waitFor();
    await page.getByRole('alert').getByText('does not answer').waitFor();
    await row(/shop-0/).waitFor();
    server.fill(13, 260);
    await server.start();
    server.tell({ kind: 'reset' });
    await text('live').waitFor();
    await page.getByRole('alert').waitFor({ state: 'detached' });
  });

  test('a server that says nothing any more counts as away, until it speaks', async () => {
    server.isFrozen = true;
    await text('connection lost').waitFor({ timeout: 20_000 });
    server.isFrozen = false;
    await text('live').waitFor({ timeout: 20_000 });
  });

  test('a page that nobody sees holds no line, and catches up when it is seen', async () => {
    const hide = (isHidden: boolean): Promise<unknown> =>
      page.evaluate(`
        Object.defineProperty(document, 'hidden', { value: ${isHidden}, configurable: true });
        document.dispatchEvent(new Event('visibilitychange'));`);
    await text('live').waitFor();
    await expect.poll(() => server.streams).toBe(1);
    await hide(true);
    await expect.poll(() => server.streams).toBe(0);
    server.fill(14, 280);
    await hide(false);
    await expect.poll(() => server.streams).toBe(1);
    server.tell({ kind: 'reset' });
    await row(/shop-13/).waitFor(atOnce);
    await text('live').waitFor();
  });

  test('what cannot be resumed is read again', async () => {
    server.fill(14, 280);
    server.tell({ kind: 'reset' });
    await row(/shop-13/).waitFor(atOnce);
    await text('280 workloads').waitFor();
  });

  test('the cluster away is told apart from the server away', async () => {
    server.standAs({ ...standing, connection: 'away', problem: 'connection refused' });
    await text('cluster away').waitFor();
    await text('The cluster does not answer: connection refused.').waitFor();
    server.standAs(standing);
    await text('live').waitFor();
  });

  test('missing rights are said once, with the Role', async () => {
    server.standAs(standingWithoutRights);
    const said = page.getByText('You may not get, list and watch pods; get configmaps.');
    await said.click();
    await text('kind: ClusterRole').waitFor();
    await goTo(page, '#/doctor');
    expect(await said.count()).toBe(1);
  });

  test('where something may not be read, nothing is said not to be there', async () => {
    const nothing = {
      '**/api/bans': { lists: [] },
      '**/api/certificates': answered({ hooks: [], certificates: [], unread: [], isPartial: true }),
      '**/api/identities': answered({
        spire: { kind: 'unknown', reason: 'not asked' },
        askedHelpers: false,
        unread: [],
        isPartial: true,
        edgesLeftOut: 0,
        nodes: [],
        edges: [],
      }),
    };
    for (const [path, json] of Object.entries(nothing))
      await page.route(path, (route) => route.fulfill({ json }));
    server.fill(0, 0);
    server.standAs(standingWithoutRights);
    server.tell({ kind: 'reset' });
    await text('Nothing that you may read is here').waitFor();
    for (const [fragment, words] of [
      ['#/bans', 'No workload that you may read has a rule'],
      ['#/certificates', 'No hook of svidecar is seen'],
      ['#/identities', 'No workload that could be read calls another'],
    ] as const) {
      await goTo(page, fragment);
      await text(words).waitFor();
      expect(await text(/There (is|are) no|No workload here/).count()).toBe(0);
    }
    server.standAs({ ...standing, namespace: 'gone' });
    await goTo(page, '#/coverage');
    await text('There is no namespace gone any more.').waitFor();
    server.standAs(standing);
    await text('There are no workloads here.').waitFor();
  });

  test('a workload that vanishes with its namespace leaves what was last seen', async () => {
    await goTo(page, frontend);
    await text('templates_requested').waitFor();
    server.dropNamespace('shop-0');
    await text('Namespace shop-0 is gone, and Deployment frontend-0 with it.').waitFor();
    await text('templates_requested').waitFor();
    expect(await page.getByRole('button', { name: 'Restart…' }).count()).toBe(0);
    await goTo(page, '#/coverage');
    expect(await row(/^▸ shop-0 /).count()).toBe(0);
  });

  test('an action shows its command first, and does nothing until it is carried out', async () => {
    await goTo(page, frontend);
    await page.getByRole('button', { name: 'Restart…' }).click();
    const dialog = page.getByRole('dialog', { name: 'Restart' });
    await dialog.getByText('kubectl rollout restart').waitFor();
    const paths = () => server.posted.map(({ path }) => path);
    expect(paths()).toContain(consolePaths.actions);
    expect(paths()).not.toContain(consolePaths.carryOut);
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
    expect(page.url()).toContain(frontend);
    await page.getByRole('button', { name: 'Restart…' }).click();
    await dialog.getByRole('button', { name: 'Carry out' }).click();
    await dialog.getByText('It restarts.').waitFor();
    expect(server.posted.at(-1)).toEqual({
      path: consolePaths.carryOut,
      body: { id: 'prepared-1' },
    });
  });

  test('a ban that is typed is in the command as a shell takes it', async () => {
    await goTo(page, '#/bans');
    await page.getByLabel('Claim').fill('email');
    await page.getByLabel('Value').fill("o'neil $& {value}");
    await page.getByRole('button', { name: 'Ban…' }).click();
    await text(String.raw`# o'\''neil $& {value}`).waitFor();
    expect(server.posted.at(-1)?.body).toEqual({
      kind: 'ban_add',
      list: 'list-1',
      claim: 'email',
      value: "o'neil $& {value}",
    });
  });

  test('the story, both sides of each file, tokens, pods and the way back', async () => {
    await goTo(page, frontend);
    await text('anyone on the path can replay it').waitFor();
    await page.getByRole('tab', { name: 'Changes' }).click();
    await page.getByRole('button', { name: /envoy\.yaml/ }).click();
    await text('name: svidecar.jwt-inject').waitFor();
    await page.goBack();
    await text('anyone on the path can replay it').waitFor();
    await goTo(page, `${frontend}?part=helper`);
    await text(/3 min left/).waitFor();
    await text('the caller is not among allow-callers').waitFor();
    await goTo(page, `${frontend}?part=undo`);
    await text('svidecar.dev/inject=false').waitFor();
  });

  test('who may call whom: what is missing is in the picture and in words', async () => {
    await goTo(page, '#/identities');
    await text('add its SPIFFE ID to svidecar.dev/allow-callers of backend').waitFor();
    expect(await page.locator('.link-missing').count()).toBe(3);
    await page.getByRole('link', { name: 'shop-0/mail ✕ identity broken' }).press('Enter');
    await text('1 link, 1 with something missing').waitFor();
  });

  test('the doctor says what to do, and runs again', async () => {
    await goTo(page, '#/doctor');
    await text('kubectl label namespace shop-7 svidecar.dev/injection=enabled').waitFor();
    await text('docs/check.md#namespace_label').waitFor();
    await page.getByRole('button', { name: 'Check again' }).click();
    server.progress('doctor', 'deployments');
    await text('7 answers so far; asking for deployments').waitFor();
    expect(server.posted.at(-1)).toEqual({ path: consolePaths.doctor, body: {} });
  });

  test('certificates: who trusts what, and what is late', async () => {
    await goTo(page, '#/certificates');
    await text('not trusted: the API server refuses it').waitFor();
    await text('renewal is late').waitFor();
  });

  test('names and messages of strangers are text, never markup', async () => {
    const script = '<img src=x onerror="document.title=1">';
    const hostile = { ...workloadRow(0, 'shop-0'), why: { id: 'x', message: script } };
    server.change([hostile]);
    await goTo(page, '#/coverage?open=shop-0');
    await text(script).waitFor();
    expect(await page.locator('img').count()).toBe(0);
    expect(await page.title()).toBe('svidecar console');
    await goTo(page, '#/workload/%3Cimg%3E/%/x?part=%00');
    await text('is gone').first().waitFor();
  });
});
