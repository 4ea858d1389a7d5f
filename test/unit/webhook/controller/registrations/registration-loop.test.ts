import { setTimeout as wait } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { IdentityIndex } from '../../../../../webhook/controller/identity-index.ts';
import { RegistrationBoard } from '../../../../../webhook/controller/registrations/registration-board.ts';
import { defaultRegistrationLimits } from '../../../../../webhook/controller/registrations/registration-limits.ts';
import { RegistrationLoop } from '../../../../../webhook/controller/registrations/registration-loop.ts';
import type { NamespaceStanding } from '../../../../../webhook/request/namespace-standing.ts';
import { checkConfig } from '../../../../../webhook/request/injector-config.ts';
import { FakeSpire } from '../../../../fakes/fake-spire.ts';
import { SilentLog } from '../../../../fakes/silent-log.ts';

const retries = { firstRetryMs: 10, lastRetryMs: 20 };
const place = {
  namespace: 'svidecar',
  object: { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', name: 'l', uid: '' },
};

let spire: FakeSpire;
let identities: IdentityIndex;
let board: RegistrationBoard;
let loop: RegistrationLoop;
let stop: AbortController;
let leads: boolean;
let isCurrent: boolean;
let standing: NamespaceStanding;
let entries: object;
let server: string;
let nowMs: number;

beforeEach(() => {
  spire = new FakeSpire();
  board = new RegistrationBoard();
  stop = new AbortController();
  leads = true;
  isCurrent = true;
  standing = 'acts';
  entries = { graceSeconds: 1 };
  server = 'unix:///one.sock';
  nowMs = 1_000_000;
  identities = new IdentityIndex((namespace) => {
    loop.changed(namespace);
  });
  loop = new RegistrationLoop({
    wishes: {
      namespaces: () => identities.namespaces(),
      groups: (namespace) => identities.groups(namespace),
      standing: () => standing,
      isCurrent: () => isCurrent,
    },
    leaving: () => new Set(),
    leads: () => leads,
    config: () =>
      checkConfig({ registration: 'entries', entries, spire: { server } }, 'config.yaml'),
    api: () => Promise.resolve(spire.api),
    board,
    place,
    clock: { now: () => nowMs },
    log: new SilentLog(),
    limits: {
      ...defaultRegistrationLimits,
      gatherMs: 1,
      idleMs: 5,
      batchSize: 3,
      unreachable: retries,
      forbidden: retries,
      failed: retries,
      item: retries,
    },
    random: () => 0,
  });
});
afterEach(() => {
  stop.abort();
});

function wish(name: string, namespace = 'shop', federatesWith: readonly string[] = []): void {
  identities.put({
    namespace,
    kind: 'Deployment',
    name,
    wish: {
      kind: 'identity',
      identity: {
        spiffeId: `spiffe://example.org/ns/${namespace}/sa/${name}`,
        selectors: [`k8s:ns:${namespace}`, `k8s:sa:${name}`],
        federatesWith,
      },
    },
    workload: { apiVersion: 'apps/v1', kind: 'Deployment', name, uid: `u-${name}` },
  });
}

const accounts = (): readonly string[] =>
  [...spire.entries.values()].map(({ spiffeId }) => spiffeId.split('/sa/')[1] ?? '').sort();

/** Time passes for the loop too: its waits are real, and short. */
async function until(isSo: () => boolean): Promise<void> {
  for (let i = 0; i < 400; i += 1) {
    if (isSo()) return;
    nowMs += 5;
    loop.changed('nothing');
    await wait(2);
  }
  throw new Error('not within the time');
}

test('a start lists once, writes in batches, and a new wish is written without a list', async () => {
  for (const name of ['a', 'b', 'c', 'd', 'e']) wish(name);
  void loop.run(stop.signal);
  await until(() => spire.entries.size === 5);
  expect(spire.counts).toMatchObject({ list: 1, create: 2 });
  wish('f');
  await until(() => spire.entries.size === 6);
  expect(spire.counts).toMatchObject({ list: 1, create: 3, update: 0, delete: 0 });
  expect(loop.counts()).toEqual({ registered: 6, awaited: 0, foreign: 0, unwanted: 0 });
});

test('what one server has tells nothing of another that does not answer', async () => {
  wish('a');
  void loop.run(stop.signal);
  await until(() => loop.counts()?.registered === 1);
  server = 'unix:///other.sock';
  spire.fault = 'SPIRE_UNREACHABLE';
  loop.reviseAll();
  await until(() => loop.counts() === undefined);
  expect(board.of('shop')[0]?.message).toContain('is not known');
  spire.fault = undefined;
  await until(() => loop.counts()?.registered === 1);
});

test('whoever does not lead neither reads nor writes, and tells nothing', async () => {
  leads = false;
  wish('a', 'shop', ['unknown.test']);
  void loop.run(stop.signal);
  await wait(50);
  expect(spire.counts).toEqual({ list: 0, create: 0, update: 0, delete: 0 });
  leads = true;
  await until(() => board.of('shop').length === 1);
  leads = false;
  await until(() => board.of('shop').length === 0);
});

test('what goes is deleted after the grace, and not while a list is not current', async () => {
  wish('a');
  wish('b');
  void loop.run(stop.signal);
  await until(() => spire.entries.size === 2);
  isCurrent = false;
  identities.drop('Deployment', 'shop', 'a');
  await wait(30);
  nowMs += 5_000;
  loop.changed('shop');
  await wait(30);
  expect(accounts()).toEqual(['a', 'b']);
  isCurrent = true;
  const fromMs = nowMs;
  identities.drop('Deployment', 'shop', 'nothing');
  loop.changed('shop');
  await until(() => spire.entries.size === 1);
  expect(nowMs - fromMs).toBeGreaterThanOrEqual(1_000);
  expect(accounts()).toEqual(['b']);
});

test("an administrator's entry of others keeps everybody from its SPIFFE ID; ours that was changed does not", async () => {
  wish('a');
  wish('b');
  void loop.run(stop.signal);
  await until(() => spire.entries.size === 2);
  const all = [...spire.entries.values()];
  const a = all.find(({ spiffeId }) => spiffeId.endsWith('/sa/a'));
  const b = all.find(({ spiffeId }) => spiffeId.endsWith('/sa/b'));
  if (a === undefined || b === undefined) throw new Error('two entries are there');
  spire.entries.set('admin', { ...a, id: 'admin', selectors: ['unix:uid:0'], isAdmin: true });
  spire.entries.set(b.id, { ...b, isAdmin: true });
  loop.reviseAll();
  await until(() => !spire.entries.has(a.id) && spire.entries.get(b.id)?.isAdmin === false);
  expect(spire.entries.has('admin')).toBe(true);
  expect(board.of('shop')).toMatchObject([{ reason: 'RegistrationRefused' }]);
});

test.each(['SPIRE_UNREACHABLE', 'SPIRE_FORBIDDEN', 'SPIRE_FAILED'] as const)(
  'after %s everything is read anew, those who wait are told, and nothing is lost',
  async (code) => {
    wish('a');
    void loop.run(stop.signal);
    await until(() => spire.entries.size === 1);
    spire.fault = code;
    wish('b');
    await until(() => board.of('shop').length === 1);
    expect(board.of('shop')).toMatchObject([
      { reason: 'RegistrationAwaited', workloads: [{ name: 'b' }] },
    ]);
    expect(board.of('svidecar')).toMatchObject([{ workloads: [place.object] }]);
    const { list } = spire.counts;
    spire.fault = undefined;
    await until(() => spire.entries.size === 2);
    expect(spire.counts.list).toBeGreaterThan(list);
    await until(() => board.of('shop').length === 0);
    expect(board.of('svidecar')).toEqual([]);
  },
);

test('what is wished while SPIRE is away is counted as awaited, whichever call has failed', async () => {
  wish('a');
  void loop.run(stop.signal);
  await until(() => loop.counts()?.registered === 1);
  spire.fault = 'SPIRE_UNREACHABLE';
  nowMs += 10_000;
  await until(() => board.of('svidecar').length === 1);
  wish('b');
  await until(() => loop.counts()?.awaited === 1);
  identities.drop('Deployment', 'shop', 'a');
  await until(() => loop.counts()?.unwanted === 1);
  expect(loop.counts()).toEqual({ registered: 0, awaited: 1, foreign: 0, unwanted: 1 });
});

test('until SPIRE has been read, what it has is told as not known, and counted as nothing', async () => {
  spire.fault = 'SPIRE_UNREACHABLE';
  wish('a');
  wish('b', 'bank');
  void loop.run(stop.signal);
  await until(() => board.of('shop').length + board.of('bank').length === 2);
  expect(board.of('shop')).toMatchObject([
    {
      reason: 'RegistrationAwaited',
      message: expect.stringContaining('is not known') as string,
      workloads: [{ name: 'a' }],
    },
  ]);
  expect(loop.counts()).toBeUndefined();
  standing = 'ignored';
  await until(() => board.of('shop').length === 0);
  standing = 'acts';
  spire.fault = undefined;
  await until(() => spire.entries.size === 2);
  await until(() => board.of('shop').length + board.of('bank').length === 0);
  expect(loop.counts()).toMatchObject({ registered: 2, awaited: 0 });
});

test('an entry that SPIRE refuses is tried again by itself, and holds up no other', async () => {
  wish('a');
  void loop.run(stop.signal);
  await until(() => spire.entries.size === 1);
  const [id = ''] = spire.entries.keys();
  spire.entries.clear();
  spire.refusals.set(id, 'disk full');
  nowMs += 20_000;
  loop.changed('shop');
  await until(() => board.of('shop').length === 1);
  wish('b');
  await until(() => accounts().join() === 'b');
  expect(board.of('shop')[0]?.message).toContain('disk full');
  expect(loop.counts()).toMatchObject({ registered: 1, awaited: 1 });
  spire.refusals.clear();
  await until(() => accounts().join() === 'a,b');
  await until(() => board.of('shop').length === 0);
});

test('a bundle that comes is noticed at the next look', async () => {
  entries = { graceSeconds: 1 };
  wish('a', 'shop', ['late.test']);
  void loop.run(stop.signal);
  await until(() => spire.entries.size === 1);
  expect([...spire.entries.values()]).toMatchObject([{ federatesWith: [] }]);
  await until(() => board.of('shop')[0]?.reason === 'FederationAwaited');
  spire.federated.add('late.test');
  nowMs += 10_000;
  await until(() => [...spire.entries.values()][0]?.federatesWith.join() === 'late.test');
  await until(() => board.of('shop').length === 0);
});

test('a quiet cluster writes nothing at all, however often it is looked at', async () => {
  wish('a');
  void loop.run(stop.signal);
  await until(() => spire.entries.size === 1);
  for (let round = 0; round < 5; round += 1) {
    const { list } = spire.counts;
    nowMs += 10_000;
    await until(() => spire.counts.list > list);
  }
  expect(spire.counts).toMatchObject({ create: 1, update: 0, delete: 0 });
});

test('a former cluster name leaves its entries to others', async () => {
  wish('a');
  void loop.run(stop.signal);
  await until(() => spire.entries.size === 1);
  entries = { graceSeconds: 1, cluster: 'blue' };
  loop.reviseAll();
  await until(() => board.of('shop')[0]?.reason === 'RegistrationForeign');
  expect([...spire.entries.keys()][0]).toMatch(/^svidecar\.shop\./);
});
