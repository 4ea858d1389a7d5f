/** The console as a person has it: its page in Chromium, its server, a real API server and the webhook. */
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { builtPage } from '../../../webhook/cli/built-page.ts';
import type { ServingConsole } from '../../../webhook/console-server/serve-console.ts';
import type { ApiServer } from '../harness/api-server.ts';
import { describeWithComponents } from '../harness/components.ts';
import { goTo, openConsole, picture, type SeenConsole } from '../harness/console-browser.ts';
import { startConsole } from '../harness/console.ts';
import { describeInBrowser, openOwnBrowser } from '../harness/own-browser.ts';
import { slowness } from '../harness/pace.ts';
import { startProcess, waitUntil } from '../harness/processes.ts';
import { createWorkFolder } from '../harness/work-folder.ts';
import {
  asks,
  deployment,
  deployments,
  openShop,
  programs,
  secret,
  type Shop,
} from './console-shop.ts';

const svidecar = join(import.meta.dirname, '../../../scripts/svidecar');
const configuration = '/api/v1/namespaces/svidecar/configmaps/svidecar';
const frontend = '#/workload/shop/Deployment/frontend';
const page0 = builtPage('.', 'console');
/** Milliseconds. */
const atOnce = { timeout: 1_000 * slowness };

describeInBrowser('the console in a browser', () => {
  describeWithComponents(programs, 'on a real API server', () => {
    let api: ApiServer;
    let shop: Shop;
    let create: Shop['create'];
    let serving: ServingConsole;
    let browser: Browser;
    let seen: SeenConsole;
    let page: Page;

    beforeAll(async () => {
      browser = await openOwnBrowser();
      shop = await openShop();
      ({ api, create } = shop);
    });
    afterAll(async () => {
      await browser.close();
      await shop.stop();
    });
    beforeEach(async () => {
      serving = await startConsole(api.kubeconfig, { page: page0 });
      seen = await openConsole(browser, serving.address);
      page = seen.page;
    });
    afterEach(async () => {
      const { complaints, foreign } = seen;
      await seen.context.close();
      await serving.stop();
      expect(complaints).toEqual([]);
      expect(foreign).toEqual([]);
    });

    const row = (name: string | RegExp) => page.getByRole('row', { name });
    const text = (words: string | RegExp) => page.getByText(words).first();

    test('shows what each workload is, and why', async () => {
      await goTo(page, '#/coverage?open=plain');
      await row(/unseen/)
        .getByText('○ missing')
        .waitFor();
      await row(/^shop enabled/)
        .getByText('1 of 1 injected')
        .waitFor();
      await row(/^shop enabled/).click();
      await row(/frontend/)
        .getByText('✓ injected')
        .waitFor();
      await row(/quiet/).getByText('– not asked').waitFor();
      await picture(page, 'cluster-coverage');
    });

    test('a workload that comes, changes and goes is seen within a second', async () => {
      await goTo(page, '#/coverage?open=shop');
      await row(/frontend/).waitFor();
      await create(deployments, deployment('late', asks));
      await row(/late/).getByText('✓ injected').waitFor(atOnce);
      await goTo(page, '#/workload/shop/Deployment/late');
      await text('templates_requested').waitFor();
      await api.request('DELETE', `${deployments}/late`);
      await text('Deployment late is not in namespace shop any more.').waitFor(atOnce);
      await text('templates_requested').waitFor();
    });

    test('a workload: its story, both sides of its files, no value of a variable', async () => {
      await goTo(page, frontend);
      await text('templates_requested').waitFor();
      await picture(page, 'cluster-story');
      await page.getByRole('tab', { name: 'Changes' }).click();
      await text('auth-helper').waitFor();
      await picture(page, 'cluster-changes');
      await page.getByRole('button', { name: /envoy\.yaml/ }).click();
      await text('svidecar.jwt-inject').waitFor();
      await goTo(page, `${frontend}?part=helper`);
      await text('No pod of it has a helper.').waitFor();
      await goTo(page, `${frontend}?part=pods`);
      await text(/Injected/).waitFor();
      await goTo(page, `${frontend}?part=undo`);
      await text(/kubectl /).waitFor();
      expect(await page.content()).not.toContain(secret);
    });

    test('a stale workload: what a restart changes, the command first, and then the restart', async () => {
      const { body: before } = await api.request('GET', configuration);
      await api.request('PATCH', configuration, {
        data: { 'config.yaml': 'helper: {logLevel: debug}\n' },
      });
      await goTo(page, '#/coverage?open=shop');
      await row(/frontend/)
        .getByText('↻ stale')
        .waitFor();
      await goTo(page, frontend);
      await page.getByRole('button', { name: 'Restart…' }).click();
      await text('kubectl rollout restart deployment/frontend -n shop').waitFor();
      expect(JSON.stringify(await templateOf('frontend'))).not.toContain('restartedAt');
      await picture(page, 'cluster-restart');
      await page.getByRole('button', { name: 'Carry out' }).click();
      await page.getByRole('dialog').getByRole('button', { name: 'Close' }).click();
      expect(JSON.stringify(await templateOf('frontend'))).toContain('restartedAt');
      const { data } = before as { readonly data: object };
      await api.request('PATCH', configuration, { data });
    });

    async function templateOf(name: string): Promise<unknown> {
      const { body } = await api.request('GET', `${deployments}/${name}`);
      return body;
    }

    test('doctor, certificates and identities say what their commands say', async () => {
      await goTo(page, '#/doctor');
      await text('docs/check.md#webhook_certificate').waitFor({ state: 'attached' });
      await text(/namespaces of annotated workloads carry the label/).waitFor();
      await text(/plain\/unseen/).waitFor();
      await picture(page, 'cluster-doctor');
      await goTo(page, '#/certificates');
      await text('Who trusts what').waitFor();
      await text('✓ trusted').waitFor();
      await picture(page, 'cluster-certificates');
      await goTo(page, '#/identities');
      await text('Identities, from SPIRE to the helper').waitFor();
      await page.getByRole('link', { name: 'shop/frontend' }).first().waitFor();
      await picture(page, 'cluster-identities');
    });

    test('a namespace that vanishes while it is looked at', async () => {
      await api.createNamespace('brief', { 'svidecar.dev/injection': 'enabled' });
      await create(deployments.replace('shop', 'brief'), deployment('short'));
      await goTo(page, '#/workload/brief/Deployment/short');
      await text('nothing was asked for').waitFor();
      await api.request('DELETE', '/api/v1/namespaces/brief');
      await text('Namespace brief is gone, and Deployment short with it.').waitFor();
      await goTo(page, '#/coverage');
      await row(/^shop /).waitFor();
      expect(await row(/brief/).count()).toBe(0);
    });

    test('the API server goes away and comes back', async () => {
      await row(/shop/).waitFor();
      await api.restart(async () => {
        await text('cluster away').waitFor();
        await text(/The cluster does not answer/).waitFor();
        await row(/shop/).waitFor();
      });
      await page.getByText('✓ live').waitFor();
      await create(deployments, deployment('after'));
      await goTo(page, '#/coverage?open=shop');
      await row(/after/).waitFor();
      await api.request('DELETE', `${deployments}/after`);
    });

    test('a console that was started again says how its page is let in', async () => {
      await row(/shop/).waitFor();
      const port = Number(serving.listensOn.split(':')[1]);
      await serving.stop();
      await text('connection lost').waitFor();
      serving = await startConsole(api.kubeconfig, { page: page0, port });
      await text('no session').waitFor();
      await text(/svidecar console/).waitFor();
      await page.goto('about:blank');
      await page.goto(serving.address);
      await row(/shop/).waitFor();
    });

    test('the command prints an address that opens the page', async () => {
      const work = await createWorkFolder('console');
      const command = startProcess({
        name: 'console',
        command: svidecar,
        args: ['console', '--no-open', '--kubeconfig', api.kubeconfig],
        folder: work.path,
      });
      const address = (): string =>
        /http:\/\/127\.0\.0\.1:\d+\/#token=\S+/.exec(command.logTail())?.[0] ?? '';
      await waitUntil('it prints the address', () => Promise.resolve(address() !== ''));
      const own = await openConsole(browser, address());
      await own.page.getByRole('row', { name: /^shop enabled/ }).waitFor();
      expect([own.complaints, own.foreign]).toEqual([[], []]);
      await own.context.close();
      await command.stop();
      await work.remove();
    });

    test('whoever may read nothing is told once, and sees more when the Role is given', async () => {
      const poor = await startConsole(await api.kubeconfigFor('poor'), {
        page: page0,
        namespace: 'shop',
      });
      const own = await openConsole(browser, poor.address);
      try {
        const said = own.page.getByText(/^You may not get, list and watch/);
        await said.click();
        const role = await own.page.getByLabel('command').first().innerText();
        await picture(own.page, 'cluster-rights');
        expect((await api.kubectl(['apply', '-f', '-'], { input: role })).stderr).toBe('');
        await said.waitFor({ state: 'detached', timeout: 60_000 });
        await own.page.getByRole('row', { name: /shop/ }).click();
        await own.page.getByRole('row', { name: /frontend/ }).waitFor();
        expect(own.complaints).toEqual([]);
      } finally {
        await own.context.close();
        await poor.stop();
      }
    });
  });
});
