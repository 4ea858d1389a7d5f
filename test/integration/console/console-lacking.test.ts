/** What the console says to whoever lacks rights, or svidecar: on a real API server with a real webhook. */
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  consolePaths,
  type WorkloadRow,
  type WorkloadView,
} from '../../../webhook/console/console-model.ts';
import type {
  CertificatesView,
  IdentitiesView,
  RunAnswer,
} from '../../../webhook/console/console-reports.ts';
import type { ServingConsole } from '../../../webhook/console-server/serve-console.ts';
import { ConsoleClient } from '../../fakes/console-client.ts';
import type { ApiServer } from '../harness/api-server.ts';
import { describeWithComponents } from '../harness/components.ts';
import { startConsole } from '../harness/console.ts';
import { asks, deployment, deployments, openShop, programs, type Shop } from './console-shop.ts';

describeWithComponents(programs, 'svidecar console where something is lacking', () => {
  let api: ApiServer;
  let shop: Shop;
  let serving: ServingConsole;
  let page: ConsoleClient;

  beforeAll(async () => {
    shop = await openShop();
    ({ api } = shop);
    serving = await startConsole(api.kubeconfig);
    page = await ConsoleClient.open(serving.address);
  });
  afterAll(async () => {
    await serving.stop();
    await shop.stop();
  });

  async function untilRow(id: string, isSo: (row: WorkloadRow) => boolean): Promise<void> {
    await page.until(
      () => page.coverage(),
      ({ workloads }) => workloads.some((row) => row.id === id && isSo(row)),
    );
  }

  /** What a look gives: what a person lacks is told with the cluster, and not there again. */
  async function lookedAt(
    own: ConsoleClient,
    path: string,
  ): Promise<IdentitiesView | CertificatesView | undefined> {
    expect((await own.ask('POST', path, { asksHelpers: false })).status).toBe(202);
    const { result } = await own.until(
      () => own.get<RunAnswer<IdentitiesView | CertificatesView>>(path),
      ({ state }) => state.kind === 'done' || state.kind === 'failed',
    );
    return result;
  }

  test.each([['shop'], [undefined]])(
    'a person without rights is told once what is missing, and knows all by the role that is printed (-n %s)',
    async (namespace) => {
      const user = `poor-${namespace ?? 'all'}`;
      const poor = await startConsole(await api.kubeconfigFor(user), { namespace });
      try {
        const own = await ConsoleClient.open(poor.address);
        const { cluster, workloads } = await own.until(
          () => own.coverage(),
          ({ cluster: { awaited, missingRights } }) =>
            awaited.length === 0 && missingRights?.role.includes(`name: ${user}`) === true,
        );
        expect(workloads).toEqual([]);
        expect(cluster).toMatchObject({ connection: 'connected', hooks: 'unknown' });
        const { rights, role } = cluster.missingRights ?? { rights: [], role: '' };
        expect(rights.map(({ what }) => what)).toContain('get, list and watch deployments.apps');
        expect(role.includes('resourceNames: [svidecar]')).toBe(namespace !== undefined);
        for (const path of [consolePaths.identities, consolePaths.certificates])
          expect(await lookedAt(own, path), path).toMatchObject({ unread: [], isPartial: true });
        const given = await api.kubectl(['apply', '-f', '-'], { input: role });
        expect(given.code, given.stderr + role).toBe(0);
        const after = await own.until(
          () => own.coverage(),
          (each) =>
            each.cluster.missingRights === undefined &&
            each.cluster.hooks === 'there' &&
            each.workloads.some(({ status }) => status === 'injected') &&
            each.workloads.every(({ status }) => status !== 'unknown'),
        );
        expect(after.cluster.configuration.fault ?? '').not.toContain('verb');
        const view = await own.ask('GET', `${consolePaths.workload}/shop/Deployment/frontend`);
        expect(view.status).toBe(200);
        // Whatever is judged again is read anew.
        const touched = ['annotate', 'configmap', 'envoy', '-n', 'shop', `touched-by=${user}`];
        expect((await api.kubectl([...touched, '--overwrite'])).code).toBe(0);
        await wait(1_000);
        const again = await own.coverage();
        expect(again.workloads.filter(({ status }) => status === 'unknown')).toEqual([]);
      } finally {
        await poor.stop();
      }
    },
    60_000,
  );

  test('without hooks of svidecar it promises nothing, offers no restart, and says so', async () => {
    const configuration = ['delete', 'configmap', 'svidecar', '-n', 'svidecar'];
    expect((await api.kubectl(configuration)).code).toBe(0);
    await api.createNamespace('bare', { 'svidecar.dev/injection': 'enabled' });
    const listed = await api.kubectl(['get', 'mutatingwebhookconfigurations', '-o', 'json']);
    const names = (JSON.parse(listed.stdout) as { items: { metadata: { name: string } }[] }).items;
    const hooks = names
      .map(({ metadata: { name } }) => name)
      .filter((name) => name.includes('svidecar'));
    expect(hooks.length).toBeGreaterThan(0);
    const saved = await api.kubectl([
      'get',
      'mutatingwebhookconfigurations',
      ...hooks,
      '-o',
      'yaml',
    ]);
    expect(await api.kubectl(['delete', 'mutatingwebhookconfigurations', ...hooks])).toMatchObject({
      code: 0,
    });
    try {
      const { cluster } = await page.until(
        () => page.coverage(),
        (each) =>
          each.cluster.hooks === 'none' &&
          each.cluster.configuration.words.includes('not installed'),
      );
      expect(cluster.configuration).toEqual({
        words: 'built-in defaults, as svidecar is not installed',
      });
      await page.until(
        () => api.request('POST', deployments.replace('shop', 'bare'), deployment('naked', asks)),
        ({ status }) => status === 201 || status === 409,
      );
      await untilRow('bare/Deployment/naked', ({ why }) => why?.id === 'not_installed');
      const view = await page.get<WorkloadView>(`${consolePaths.workload}/bare/Deployment/naked`);
      expect(view.actions).toEqual([]);
      expect(view.verdict.words).toBe('is not injected');
    } finally {
      const back = await api.kubectl(['create', '-f', '-'], { input: saved.stdout });
      expect(back.code, back.stderr).toBe(0);
    }
    await untilRow('bare/Deployment/naked', ({ why }) => why?.id === 'stored_without');
  }, 60_000);
});
