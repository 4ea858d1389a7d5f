import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { JsonObject } from '#kernel/json.ts';
import { waitUntil } from '../integration/harness/processes.ts';
import { artefact } from './harness/artefacts.ts';
import { describeOnCluster, repository } from './harness/cluster.ts';
import { complaint, definitionsIn, runSteps, stepsOf } from './harness/console-blocks.ts';
import { withoutRegistrations, withRegistrations } from './harness/shared-registrations.ts';
import { underLoad, type PageReport } from './harness/under-load.ts';
import {
  endOf,
  isTrue,
  killContainer,
  nameOf,
  restartsOf,
  statusOf,
  Workloads,
} from './harness/workloads.ts';

const steps = stepsOf(readFileSync(join(repository, 'docs/istio.md'), 'utf8'));
const sections = [...new Set(steps.map(({ section }) => section))];
/** The run's cluster is up and has these images. */
const isDone = /^scripts\/(image|cluster (load|up))\b/;
/** From here on the pods have the helper. */
const helperComes = sections.indexOf('The same two apps');
const apps = ['backend', 'frontend'];
/** Requests a second; for each, the frontend asks the backend three times. */
const rate = 6;
/** Of requests that show for how long the backend was open. */
const probeRate = 40;

describeOnCluster('docs/istio.md, followed step by step, and the life of its pods', (cluster) => {
  const shop = new Workloads(cluster, 'shop');
  const figures = new Map<string, unknown>();
  const keep = (name: string, figure: unknown): void => {
    figures.set(name, figure);
    const text = JSON.stringify(Object.fromEntries(figures), undefined, 1);
    writeFileSync(artefact('istio-life.json'), text);
  };

  beforeAll(async () => {
    await withoutRegistrations(cluster);
  });
  afterAll(async () => {
    await cluster.kubectl(['delete', 'namespace', 'shop', '--ignore-not-found', '--wait=false']);
    await withRegistrations(cluster);
  });

  async function follow(section: string): Promise<void> {
    const own = steps.filter((step) => step.section === section && !isDone.test(step.command));
    const before = definitionsIn(steps).filter((step) => !own.includes(step));
    const env = { ...process.env, SVIDECAR_CLUSTER: cluster.name };
    const outcomes = await runSteps([...before, ...own], { cwd: repository, env });
    expect(outcomes.map(complaint).filter((text) => text !== undefined)).toEqual([]);
  }

  const rollingUpdate = (): Promise<PageReport> =>
    underLoad(cluster, { url: shop.url, rate }, async () => {
      await shop.kubectl(['rollout', 'restart', ...apps.map((app) => `deployment/${app}`)]);
      await shop.rolledOut(apps);
    });

  test.for(sections.slice(0, helperComes))('%s', { timeout: 300_000 }, follow);

  let lostWithoutHelper = 0;
  test('a rolling update under load, without the helper', async () => {
    const report = await rollingUpdate();
    keep('rolling update without the helper', report);
    expect(report.sent).toBeGreaterThan(rate * 5);
    lostWithoutHelper = report.failures.length;
  });

  test.for(sections.slice(helperComes, helperComes + 1))('%s', { timeout: 300_000 }, follow);

  describe('with the helper', () => {
    test("Istio's proxy and the helper of a Job end after its app", async () => {
      const [pod = {}] = await shop.list(['pods', '-l', 'job-name=asking']);
      for (const container of ['istio-proxy', 'auth-helper'])
        expect(endOf(statusOf(pod, container))).toBeGreaterThanOrEqual(endOf(statusOf(pod, 'app')));
    });

    test('a rolling update under load loses no more than without', async () => {
      const report = await rollingUpdate();
      keep('rolling update with the helper', report);
      expect(report.sent).toBeGreaterThan(rate * 5);
      expect(report.failures.length).toBeLessThanOrEqual(lostWithoutHelper);
    });

    test('a crash of both helpers is their own restart, and heals', async () => {
      const now = (): Promise<readonly JsonObject[]> =>
        Promise.all(apps.map((app) => shop.onlyPod(app)));
      const before = await now();
      const report = await underLoad(cluster, { url: shop.url, rate }, async () => {
        for (const pod of before) killContainer(pod, 'auth-helper');
        await waitUntil('both helpers run again', async () =>
          (await now()).every(
            (pod) => restartsOf(pod, 'auth-helper') === 1 && isTrue(pod, 'Ready'),
          ),
        );
        await shop.answers();
      });
      keep('crash of both helpers', report);
      const after = await now();
      expect(after.map(nameOf)).toEqual(before.map(nameOf));
      for (const other of ['app', 'istio-proxy'])
        expect(after.map((pod) => restartsOf(pod, other))).toEqual([0, 0]);
    });

    test('an EnvoyFilter that somebody deletes is back, and the door shut again', async () => {
      // In plain text, so that the requests come without a proxy that would add a token.
      await shop.kubectl(['delete', 'peerauthentication', 'backend']);
      const url = 'http://backend.shop.svc:8080/accounts/1/balance';
      const answer = async (): Promise<string> =>
        (await cluster.inNetwork(['curl', '-s', '-m', '5', url])).stdout;
      const isRefused = async (): Promise<boolean> => (await answer()).includes('no Authorization');
      await waitUntil('plain text comes in', isRefused);
      const pod = await shop.onlyPod('backend');
      const label = JSON.stringify(pod).match(/"svidecar.dev\/envoy-filter":"([^"]+)"/)?.[1] ?? '';
      const before = await shop.kubectl([
        'get',
        'envoyfilter',
        label,
        '-o',
        'jsonpath={.metadata.uid}',
      ]);
      const report = await underLoad(cluster, { url, rate: probeRate }, async () => {
        await shop.kubectl(['delete', 'envoyfilter', label]);
        const uid = [
          'get',
          'envoyfilter',
          label,
          '--ignore-not-found',
          '-o',
          'jsonpath={.metadata.uid}',
        ];
        await waitUntil('it is back', async () => {
          const now = await shop.kubectl(uid);
          return now !== '' && now !== before;
        });
      });
      const passed = report.sent - report.failures.length;
      keep('EnvoyFilter deleted', {
        sent: report.sent,
        passed,
        openMs: (passed * 1000) / probeRate,
      });
      const last = report.failures.at(-1)?.what ?? '';
      expect(last).toContain('403');
      expect(await isRefused()).toBe(true);
      expect(passed).toBeLessThan(report.sent / 2);
    });
  });

  test.for(sections.slice(helperComes + 1))('%s', { timeout: 300_000 }, follow);
});
