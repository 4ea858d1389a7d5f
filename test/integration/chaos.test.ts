/** Everything that happens to a webhook in years happens within a minute, while pods are admitted at a steady rate. */
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { isObject, objectAt, stringAt } from '#kernel/json.ts';
import { defaultLimits } from '../../webhook/server/limits.ts';
import { Admissions, type Outcomes } from './harness/admissions.ts';
import { startApiServer, type ApiServer } from './harness/api-server.ts';
import { describeWithComponents } from './harness/components.ts';
import { waitUntil } from './harness/processes.ts';
import { installReplicas, type Moment, type Replica, type Replicas } from './harness/replicas.ts';
import { shopParts } from './harness/shop-fixture.ts';

const programs = ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kubectl'];
const count = 2_000;
const everyMs = 25;
/** Seconds: within the 50 s of a run a leaf is renewed each 12 s, 6 s before its end, and an authority once. */
const lives = { leafS: 18, authorityS: 54, settleS: 1 };
const leaseTimes = { durationMs: 3_000, renewDeadlineMs: 2_000, retryMs: 500 };
/** The product's own drain; the harness has a shorter one. */
const limits = { drainMs: defaultLimits.drainMs };
const secretPath = '/api/v1/namespaces/svidecar/secrets/svidecar-tls';
const shop = shopParts();

describeWithComponents(programs, `${count} admissions while everything changes`, () => {
  let api: ApiServer;
  let replicas: Replicas;
  let live: readonly Replica[] = [];
  let started = 0;

  beforeAll(async () => {
    api = await startApiServer();
    replicas = await installReplicas(
      api,
      { settings: { kind: 'self_signed', lives }, leaseTimes },
      { limits },
    );
    await replace();
    await replace();
    await api.createNamespace('shop', { 'svidecar.dev/injection': 'enabled' });
    await api.request('POST', '/api/v1/namespaces/shop/configmaps', shop.source);
  });
  afterAll(async () => {
    await replicas.stop();
    await api.stop();
  });

  /** Starts a replica, waits until it is ready, and takes it in for one that has gone. */
  async function replace(gone?: Replica): Promise<void> {
    started += 1;
    const made = await replicas.start(`replica-${started}`);
    await replicas.takesReviews(made);
    live = [...live.filter((each) => each !== gone), made];
  }

  async function leader(): Promise<Replica> {
    let found: Replica | undefined;
    await waitUntil('one replica leads', async () => {
      const leads = await Promise.all(
        live.map((each) => each.metric('svidecar_certificate_leader')),
      );
      found = live.find((_, index) => leads[index] === 1);
      return found !== undefined;
    });
    if (found === undefined) throw new TypeError('nobody leads');
    return found;
  }

  async function secret(): Promise<Readonly<Record<'leaf' | 'authority', string>>> {
    const { body } = await api.request('GET', secretPath);
    const data = objectAt(isObject(body) ? body : {}, 'data');
    return { leaf: stringAt(data, 'tls.crt') ?? '', authority: stringAt(data, 'ca.crt') ?? '' };
  }

  /** Remembers every leaf and authority that there is until it is told to stop. */
  function watchSecret(): { stop(): Promise<{ leaves: number; authorities: number }> } {
    const leaves = new Set<string>();
    const authorities = new Set<string>();
    const over = new AbortController();
    const watching = (async () => {
      while (!over.signal.aborted) {
        const { leaf, authority } = await secret();
        if (leaf !== '') leaves.add(leaf);
        if (authority !== '') authorities.add(authority);
        await wait(200);
      }
    })();
    return {
      stop: async () => {
        over.abort();
        await watching;
        return { leaves: leaves.size, authorities: authorities.size };
      },
    };
  }

  /** @param moment when a process may die, or connections may end: those that carry a review lose it. */
  async function everything(moment: Moment): Promise<void> {
    const [drained, stays] = live;
    if (drained === undefined || stays === undefined) throw new TypeError('two replicas serve');
    await Promise.all([replicas.retire(drained, moment), replace(drained)]);
    await api.request('DELETE', secretPath);
    await waitUntil('the Secret is there again', async () => (await secret()).leaf !== '');
    await moment(() => replicas.cutConnections());
    const killed = await leader();
    await moment(() => replicas.lose(killed));
    await replace(killed);
    const leads = await leader();
    const [follower = leads] = live.filter((each) => each !== leads);
    await moment(() => replicas.lose(follower));
    await replace(follower);
  }

  async function admitDuring(
    total: number,
    moment: (admissions: Admissions) => Moment,
  ): Promise<Outcomes> {
    const admissions = new Admissions(api, 'shop', shop.pod);
    const run = admissions.run(total, everyMs);
    const changes = everything(moment(admissions));
    for (const end of await Promise.allSettled([run, changes])) {
      if (end.status === 'rejected') throw end.reason;
    }
    return admissions.outcomes;
  }

  async function failurePolicy(policy: string): Promise<void> {
    const patch = [{ op: 'replace', path: '/webhooks/0/failurePolicy', value: policy }];
    const name = ['mutatingwebhookconfiguration', 'svidecar-pods'];
    const args = ['patch', ...name, '--type=json', '-p', JSON.stringify(patch)];
    expect(await api.kubectl(args)).toMatchObject({ code: 0 });
  }

  test.each(['Ignore', 'Fail'])(
    'with failurePolicy %s all are let in with the helper, when what dies carries no review',
    async (policy) => {
      await failurePolicy(policy);
      const watched = watchSecret();
      const outcomes = await admitDuring(count, (all) => (act) => all.between(act));
      const { leaves, authorities } = await watched.stop();
      expect(leaves).toBeGreaterThan(3);
      // The first, its successor in time, and the one after the Secret was deleted.
      expect(authorities).toBeGreaterThan(2);
      expect(outcomes).toEqual({ injected: count, uninjected: [], refused: [] });
    },
  );

  test('with failurePolicy Ignore none is let in without the helper, whatever dies under a review', async () => {
    await failurePolicy('Ignore');
    const total = count / 2;
    const { injected, uninjected, refused } = await admitDuring(total, () => (act) => act());
    expect(uninjected).toEqual([]);
    expect(injected + refused.length).toBe(total);
    // The guard refuses what a dying process took with it: a few reviews, within a moment.
    for (const words of refused) expect(words).toContain('svidecar-guard');
    expect(refused.length).toBeLessThan(total / 20);
  });
});
