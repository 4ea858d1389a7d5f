/** `svidecar console` on the local cluster, as a person has it: the command, the page in Chromium, and helpers that run. */
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { goTo, wide } from '../integration/harness/console-browser.ts';
import { startProcess, waitUntil, type RunningProcess } from '../integration/harness/processes.ts';
import { createWorkFolder, type WorkFolder } from '../integration/harness/work-folder.ts';
import { artefact } from './harness/artefacts.ts';
import { openBrowser } from './harness/browser.ts';
import { describeOnCluster, repository } from './harness/cluster.ts';
import { demoIn } from './harness/demo-in.ts';
import { installSvidecar, Workloads } from './harness/workloads.ts';

const both = ['backend', 'frontend'];
/** Milliseconds, on a machine whose cores the pods use too; that it is a second at most is looked at without them. */
const soon = { timeout: 5_000 };

describeOnCluster('svidecar console on a cluster', (cluster) => {
  const seen = new Workloads(cluster, 'seen');
  let work: WorkFolder;
  let running: RunningProcess;
  let browser: Browser;
  let page: Page;

  beforeAll(async () => {
    await installSvidecar(cluster);
    const labels = ['svidecar.dev/injection: enabled'];
    await cluster.kubectl(['apply', '-f', '-'], demoIn({ namespace: seen.namespace, labels }));
    await seen.rolledOut(both);
    await seen.answers();
    work = await createWorkFolder('console');
    const console = [join(repository, 'scripts/svidecar'), 'console', '--no-open'];
    running = startProcess({
      name: 'console',
      command: join(repository, 'scripts/cluster'),
      args: ['--name', cluster.name, 'exec', '--', ...console],
      folder: work.path,
    });
    let address = '';
    await waitUntil(
      'the address is printed',
      () => {
        address = /^http:\S+$/m.exec(running.logTail())?.[0] ?? '';
        return Promise.resolve(address !== '');
      },
      { processes: [running] },
    );
    browser = await openBrowser(cluster, work.path);
    page = await browser.newPage({ viewport: wide, reducedMotion: 'reduce' });
    await page.goto(address);
  });
  afterAll(async () => {
    await browser.close();
    await running.stop();
    await work.remove();
    await cluster.kubectl(['delete', 'namespace', seen.namespace, '--wait=false']);
  });

  const row = (name: RegExp) => page.getByRole('row', { name });

  test('the demo is injected, and its pods are ready', async () => {
    await goTo(page, `#/coverage?open=${seen.namespace}`);
    for (const name of both) {
      const found = row(new RegExp(`Deployment ${name}`));
      await found.getByText('✓ injected').waitFor();
      await found.getByText(/1 of 1 pods?/).waitFor();
    }
    await page.screenshot({ path: artefact('console-coverage.png') });
  });

  test('its helper says what it has in hand, and no token is on the page', async () => {
    await goTo(page, `#/workload/${seen.namespace}/Deployment/frontend?part=helper`);
    await page.getByText(`/ns/${seen.namespace}/sa/frontend`).first().waitFor();
    await page.getByText('example.org').first().waitFor();
    await page.screenshot({ path: artefact('console-helper.png') });
    expect(await page.content()).not.toMatch(/eyJ[\w-]{10}/);
  });

  test('a workload that comes and goes is seen at once', async () => {
    await goTo(page, `#/coverage?open=${seen.namespace}`);
    await row(/Deployment frontend/).waitFor();
    const frontend: unknown = JSON.parse(
      await seen.kubectl(['get', 'deployment/backend', '-o', 'json']),
    );
    const late = JSON.stringify(frontend).replaceAll('"backend"', '"late"');
    await seen.kubectl(['create', '-f', '-'], withoutServerFields(late));
    await row(/Deployment late/).waitFor(soon);
    await seen.kubectl(['delete', 'deployment/late']);
    await row(/Deployment late/).waitFor({ ...soon, state: 'detached' });
  });

  test('the checks run, and find nothing wrong with the demo', async () => {
    await goTo(page, '#/doctor');
    await page
      .getByRole('button', { name: /Run|again/i })
      .first()
      .click();
    await page.getByText('namespace_label').first().waitFor({ state: 'attached' });
    await page.screenshot({ path: artefact('console-doctor.png') });
  });
});

/** What the API server has added. */
function withoutServerFields(text: string): string {
  const { metadata, status, ...object } = JSON.parse(text) as {
    metadata: { name: string; namespace: string };
    status: unknown;
    spec: unknown;
  };
  return JSON.stringify({
    ...object,
    metadata: { name: metadata.name, namespace: metadata.namespace },
  });
}
