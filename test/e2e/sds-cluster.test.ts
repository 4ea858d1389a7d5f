import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openBrowser, see } from './harness/browser.ts';
import { describeOnCluster, repository } from './harness/cluster.ts';
import { complaint, definitionsIn, runSteps, stepsOf } from './harness/console-blocks.ts';
import { withoutRegistrations, withRegistrations } from './harness/shared-registrations.ts';

const page = readFileSync(join(repository, 'docs/sds-cluster.md'), 'utf8');
const steps = stepsOf(page);
const sections = [...new Set(steps.map(({ section }) => section))];
/** The run's cluster is up and has these images. */
const isDone = /^scripts\/(image|cluster (load|up))\b/;
const edge = 'https://front-envoy.sds.svc';

describeOnCluster('docs/sds-cluster.md, followed step by step with a browser', (cluster) => {
  const work = mkdtempSync(join(tmpdir(), 'svidecar-sds-'));
  let browser: Browser;

  beforeAll(async () => {
    browser = await openBrowser(cluster, work);
    await withoutRegistrations(cluster);
  });
  afterAll(async () => {
    await browser.close();
    await cluster.kubectl(['delete', 'namespace', 'sds', '--ignore-not-found', '--wait=false']);
    await withRegistrations(cluster);
    rmSync(work, { recursive: true });
  });

  /** What a person must see once the commands up to this one are done. */
  const seen: Readonly<Record<string, () => Promise<void>>> = {
    '2. Three Deployments': async () => {
      const refused = await see(browser, `${edge}/service/gray`, 'sds-1-no-entry');
      expect(refused).toMatchObject({ status: 503, title: 'service-gray is not reached' });
      expect(refused.text).toContain('spiffe://example.org/ns/sds/sa/service-gray');
    },
    '3. An entry is missing': async () => {
      for (const colour of ['purple', 'gray']) {
        const shown = await see(browser, `${edge}/service/${colour}`, `sds-2-${colour}`);
        expect(shown).toMatchObject({ status: 200, title: `service-${colour}` });
        expect(shown.text).toContain('spiffe://example.org/ns/sds/sa/front-envoy');
        expect(shown.text).toContain(`spiffe://example.org/ns/sds/sa/service-${colour}`);
      }
    },
  };

  test('what the page shows of logs and answers is explained on it', () => {
    const rows = [...page.matchAll(/^\| `([^`]+)` \|/gm)].map(([, words = '']) => words);
    const shown = steps.flatMap((step) => step.shown).join('\n');
    const refusals = ['Secret_is', 'workload is not authorized', 'SAN_match', 'there is no Auth'];
    for (const words of refusals) {
      expect(shown).toContain(words);
      expect(
        rows.some((row) => row.startsWith(words)),
        words,
      ).toBe(true);
    }
  });

  test.for(sections)('%s', { timeout: 300_000 }, async (section) => {
    const own = steps.filter((step) => step.section === section && !isDone.test(step.command));
    const before = definitionsIn(steps).filter((step) => !own.includes(step));
    const env = { ...process.env, SVIDECAR_CLUSTER: cluster.name };
    const outcomes = await runSteps([...before, ...own], { cwd: repository, env });
    expect(outcomes.map(complaint).filter((text) => text !== undefined)).toEqual([]);
    await seen[section]?.();
  });
});
