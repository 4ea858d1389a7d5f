/** Thousands of workloads on a real API server: how soon they are seen and judged, and what that takes. */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { consolePaths, type ConsoleEvent } from '../../../webhook/console/console-model.ts';
import { ConsoleClient } from '../../fakes/console-client.ts';
import { startApiServer, type ApiServer } from '../harness/api-server.ts';
import { describeWithComponents } from '../harness/components.ts';
import { startConsole } from '../harness/console.ts';
import { asks, deployment, envoyYaml } from './console-shop.ts';

const programs = ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kubectl'];
const count = 5_000;
const namespaceCount = 50;
const atOnce = 32;
/**
 * What is allowed on two cores that others use as well, several times what was measured on quieter ones (docs/performance.md);
 * that a change is told within a second stands in console.test.ts.
 */
const allowed = { listedMs: 30_000, judgedMs: 90_000, changeMs: 4_000, heapMiB: 400 };

describeWithComponents(programs, `svidecar console with ${count} workloads`, () => {
  let api: ApiServer;

  beforeAll(async () => {
    api = await startApiServer();
    for (let i = 0; i < namespaceCount; i += 1) {
      await api.request('POST', '/api/v1/namespaces', {
        metadata: { name: `n${i}`, labels: { 'svidecar.dev/injection': 'enabled' } },
      });
      await api.request('POST', `/api/v1/namespaces/n${i}/configmaps`, {
        metadata: { name: 'envoy' },
        data: { 'envoy.yaml': envoyYaml },
      });
    }
    const left = Array.from({ length: count }, (_, i) => i);
    const work = async (): Promise<void> => {
      for (let i = left.pop(); i !== undefined; i = left.pop()) await make(i);
    };
    await Promise.all(Array.from({ length: atOnce }, work));
  }, 600_000);
  afterAll(async () => {
    await api.stop();
  });

  async function make(i: number): Promise<void> {
    const path = `/apis/apps/v1/namespaces/n${i % namespaceCount}/deployments`;
    const object = deployment(`w${i}`, i % 5 === 0 ? {} : asks);
    const { status } = await api.request('POST', path, object);
    expect(status).toBe(201);
  }

  test('shows all of them soon, judges them beside that, and tells changes all the while', async () => {
    const delays = monitorEventLoopDelay({ resolution: 10 });
    globalThis.gc?.();
    const heapBefore = process.memoryUsage().heapUsed;
    delays.enable();
    const beganMs = performance.now();
    const serving = await startConsole(api.kubeconfig);
    const end = new AbortController();
    try {
      const page = await ConsoleClient.open(serving.address);
      await page.coverage();
      const firstMs = performance.now() - beganMs;
      const { board } = serving.desk.cluster;
      await until(() => board.size === count, allowed.listedMs);
      const listedMs = performance.now() - beganMs;
      const events: ConsoleEvent[] = [];
      const { version } = await page.coverage();
      const following = page.follow(version, (event) => events.push(event), end.signal);
      const changeMs = await changeSeen(events);
      await until(() => board.rows().every(({ status }) => status !== 'unknown'), allowed.judgedMs);
      const judgedMs = performance.now() - beganMs;
      delays.disable();
      const snapshotMs = performance.now();
      const { workloads, namespaces } = await page.coverage();
      const answerMs = performance.now() - snapshotMs;
      globalThis.gc?.();
      const heapMiB = (process.memoryUsage().heapUsed - heapBefore) / 1024 / 1024;
      const longestMs = delays.max / 1e6;
      console.log({ firstMs, listedMs, judgedMs, changeMs, answerMs, heapMiB, longestMs });
      expect(workloads.filter(({ status }) => status === 'missing')).toHaveLength((count / 5) * 4);
      expect(namespaces.find(({ name }) => name === 'n0')?.counts.not_asked).toBe(
        count / namespaceCount,
      );
      expect(changeMs).toBeLessThan(allowed.changeMs);
      expect(heapMiB).toBeLessThan(allowed.heapMiB);
      const largest = Math.max(...events.map((event) => JSON.stringify(event).length));
      expect(largest).toBeLessThan(1_000_000);
      for (const look of ['identities', 'doctor'] as const) {
        const longestMs = await longestWhile(async () => {
          await page.ask('POST', consolePaths[look], { asksHelpers: false });
          await until(() => serving.desk[look].answer.state.kind === 'done', allowed.judgedMs);
        });
        console.log({ look, longestMs, state: serving.desk[look].answer.state });
        expect(longestMs).toBeLessThan(allowed.changeMs);
      }
      end.abort();
      await following;
    } finally {
      end.abort();
      await serving.stop();
    }
  }, 300_000);

  /** While others are still being judged. */
  async function changeSeen(events: readonly ConsoleEvent[]): Promise<number> {
    await until(() => events.length > 0, 10_000);
    const beganMs = performance.now();
    await api.request('POST', '/apis/apps/v1/namespaces/n1/deployments', deployment('fresh'));
    await until(
      () =>
        events.some(
          (event) =>
            event.kind === 'changed' && event.workloads.some(({ name }) => name === 'fresh'),
        ),
      10_000,
    );
    const tookMs = performance.now() - beganMs;
    await api.request('DELETE', '/apis/apps/v1/namespaces/n1/deployments/fresh');
    return tookMs;
  }

  /** Milliseconds for which nothing else had a turn. */
  async function longestWhile(work: () => Promise<void>): Promise<number> {
    let longestMs = 0;
    let beforeMs = performance.now();
    const timer = setInterval(() => {
      longestMs = Math.max(longestMs, performance.now() - beforeMs);
      beforeMs = performance.now();
    }, 5);
    await work();
    await new Promise((resolve) => setTimeout(resolve, 20));
    clearInterval(timer);
    return longestMs;
  }

  async function until(isSo: () => boolean, mostMs: number): Promise<void> {
    const endMs = performance.now() + mostMs;
    while (!isSo()) {
      if (performance.now() > endMs) throw new TypeError('not in time');
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
});
