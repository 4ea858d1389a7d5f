/**
 * Both data paths side by side on real SPIRE and real Envoy, injected by the shipped templates. What was seen is the table
 * of docs/data-paths.md: `UPDATE=1` writes it. No request passes in `native` that `ext-authz` refuses, but where the
 * page says so.
 */
import { randomUUID } from 'node:crypto';
import { request as httpRequest, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { keys as fuzzKeys, oddTokens } from '../fakes/odd-tokens.ts';
import { makeKey, makeToken } from '../fakes/token-maker.ts';
import {
  audience,
  incoming,
  oddCallers,
  oddDomain,
  oddKeys,
  outgoing,
  self,
  withheld,
  type Case,
  type CaseTools,
} from './data-paths/cases.ts';
import { isOnThePage, isSettled } from './data-paths/named-tokens.ts';
import { cellOf, isPass, tablesOf, type Row } from './data-paths/page.ts';
import { dataPaths, startPod, type DataPathName, type Pod } from './data-paths/pods.ts';
import { describeWithComponents } from './harness/components.ts';
import { slowness } from './harness/pace.ts';
import { waitUntil } from './harness/processes.ts';
import { expectOnPage } from './harness/seen-page.ts';
import { startSpireServer, type SpireServer } from './harness/spire-server.ts';
import { startSpire, type Spire } from './harness/spire.ts';
import { createWorkFolder, type WorkFolder } from './harness/work-folder.ts';
import { send, startApp, type Answer } from './mesh/app.ts';

const own = process.getuid?.() ?? 0;
const isRoot = own === 0;
const uid = isRoot ? 31_301 : own;
/** Seconds that the workload's own tokens live: a test waits for their end. */
const tokenLifeS = 30;

type Both = Readonly<Record<DataPathName, Pod>>;
type Kind = keyof typeof annotations;

const annotations = {
  deny: {
    'inject.svidecar.dev/templates': 'jwt-inject,jwt-validate',
    'svidecar.dev/inject-audience': audience,
    'svidecar.dev/validate-audience': `${audience}, ${self}`,
    'svidecar.dev/spiffe-id': self,
    'svidecar.dev/allow-callers': `spiffe://example.org, spiffe://other.org, ${oddCallers}`,
    'svidecar.dev/skip-paths': '/healthz',
    'svidecar.dev/caller-header': 'x-caller',
  },
  withheld: {
    'inject.svidecar.dev/templates': 'jwt-inject,jwt-validate',
    'svidecar.dev/audience': audience,
    'svidecar.dev/skip-paths': '/healthz',
    'svidecar.dev/forward-token': 'false',
  },
  overwrite: {
    'inject.svidecar.dev/templates': 'jwt-inject',
    'svidecar.dev/audience': audience,
    'svidecar.dev/authorization': 'overwrite',
  },
  keep: {
    'inject.svidecar.dev/templates': 'jwt-inject',
    'svidecar.dev/audience': audience,
    'svidecar.dev/authorization': 'keep',
  },
  byHost: {
    'inject.svidecar.dev/templates': 'jwt-inject',
    'svidecar.dev/audience-by-host':
      'ledger.test=ledger, ledger.test:8443=ledger-tls, *.pay.test=pay, *.eu.pay.test=pay-eu',
  },
} as const satisfies Record<string, Record<string, string>>;

const groups = {
  incoming: 'Requests that come in',
  outgoing: 'Requests that go out',
  overTime: 'What changes over time',
} as const;

describeWithComponents(['envoy', 'spire-server', 'spire-agent'], 'both data paths', () => {
  let work: WorkFolder;
  let spire: Spire;
  let foreign: SpireServer;
  let app: Server;
  let pods: Readonly<Record<Kind, Both>>;
  const rows: Row[] = [];

  const tools: CaseTools = {
    mint: (meantFor) => spire.server.mintJwt('spiffe://example.org/tester', meantFor, 300),
    nowS: () => Math.floor(Date.now() / 1_000),
  };

  /** The row of one request; the rule that the page is about is asserted here. */
  function note(row: Row): void {
    rows.push(row);
    const { 'ext-authz': strict, native } = row.seen;
    const statusOf = (cell: string): string => cell.split(/[ ;]/, 1)[0] ?? '';
    const differs =
      isPass(strict) || isPass(native) ? strict !== native : statusOf(strict) !== statusOf(native);
    expect({ ...row, note: row.note !== '' }).toEqual({ ...row, note: differs });
  }

  async function tryCase(group: string, kind: Kind, one: Case): Promise<void> {
    const headers = await one.headers(tools);
    const tell = one.tell ?? cellOf;
    const ask = async (dataPath: DataPathName): Promise<string> => {
      const pod = pods[kind][dataPath];
      const port = group === groups.incoming ? pod.in : pod.out;
      return tell(await send(port, headers, one.path));
    };
    const seen = { 'ext-authz': await ask('ext-authz'), native: await ask('native') };
    note({ group, name: one.name, seen, note: one.note ?? '' });
  }

  const inBoth = async (ask: (pod: Pod) => Promise<Answer>): Promise<Row['seen']> => ({
    'ext-authz': cellOf(await ask(pods.deny['ext-authz'])),
    native: cellOf(await ask(pods.deny.native)),
  });
  const through = (pod: Pod): Promise<Answer> => send(pod.out);
  const withToken =
    (value: string) =>
    (pod: Pod): Promise<Answer> =>
      send(pod.in, ['authorization', `Bearer ${value}`]);
  const passes = async (pod: Pod): Promise<boolean> => (await through(pod)).status === 200;
  const eachPod = (): readonly Pod[] => dataPaths.map((dataPath) => pods.deny[dataPath]);

  async function federate(keys: readonly object[]): Promise<void> {
    const jwks = keys.map((key) => ({ ...key, use: 'jwt-svid' }));
    await spire.server.setBundle(
      oddDomain,
      JSON.stringify({ keys: jwks, spiffe_sequence: tools.nowS() }),
    );
  }

  beforeAll(async () => {
    work = await createWorkFolder('data-paths');
    [spire, foreign, app] = await Promise.all([
      startSpire({ jwtTtlS: 120 }),
      startSpireServer({ trustDomain: 'other.org' }),
      startApp(),
    ]);
    await federate([
      oddKeys.ec.jwk,
      oddKeys.rsa.jwk,
      ...fuzzKeys.slice(0, 6).map(({ jwk }) => jwk),
    ]);
    // Listening on loopback on a free port: a number.
    const port = (app.address() as AddressInfo).port;
    const helper = {
      folder: work.path,
      workloadApi: spire.endpoint,
      uid: isRoot ? uid : undefined,
    };
    const start = async (kind: Kind): Promise<readonly [Kind, Both]> => {
      const spec = { name: kind.toLowerCase(), annotations: annotations[kind], app: port, helper };
      const [strict, native] = await Promise.all(
        dataPaths.map((dataPath) => startPod({ ...spec, dataPath })),
      );
      if (strict === undefined || native === undefined) throw new TypeError('a pod is missing');
      return [kind, { 'ext-authz': strict, native }];
    };
    const first = await start('deny');
    const others = await Promise.all(
      (['withheld', 'overwrite', 'keep', 'byHost'] as const).map(start),
    );
    // One entry for each kind, made of the list of kinds above.
    pods = Object.fromEntries([first, ...others]) as typeof pods;
  }, 120_000);
  afterAll(async () => {
    await Promise.all(
      Object.values(pods).flatMap((both) => Object.values(both).map((pod) => pod.stop())),
    );
    app.close();
    await Promise.all([spire.stop(), foreign.stop()]);
    await work.remove();
  });

  test('before there is an entry, nothing leaves and nothing comes in', async () => {
    const good = await tools.mint(audience);
    note({
      group: groups.overTime,
      name: 'going out before there is an entry for the workload',
      seen: await inBoth(through),
      note: 'Envoy refuses by itself, and does not know why',
    });
    note({
      group: groups.overTime,
      name: 'coming in before there is one, with a good token',
      seen: await inBoth(withToken(good)),
      note: '401 in place of 403',
    });
  });

  test('an entry opens both paths', async () => {
    await spire.createEntry({
      spiffeId: self,
      selectors: [`unix:uid:${uid}`],
      jwtTtlS: tokenLifeS,
      federatesWith: [`spiffe://${oddDomain}`],
    });
    for (const both of Object.values(pods))
      for (const pod of Object.values(both)) await waitUntil('a request passes', () => passes(pod));
    for (const pod of eachPod())
      await waitUntil('the odd domain is known', async () => {
        const key = oddKeys.ec;
        const claims = { sub: `spiffe://${oddDomain}/ns/a`, aud: audience, exp: tools.nowS() + 60 };
        return (await withToken(makeToken({ key, claims }))(pod)).status === 200;
      });
  });

  test.each([
    ...incoming.map((one) => [one.name, 'deny', one] as const),
    ...withheld.map((one) => [one.name, 'withheld', one] as const),
  ])('coming in: %s', (_name, kind, one) => tryCase(groups.incoming, kind, one));

  test.each(
    (Object.keys(outgoing) as (keyof typeof outgoing)[]).flatMap((kind) =>
      outgoing[kind].map((one) => [one.name, kind, one] as const),
    ),
  )('going out: %s', (_name, kind, one) => tryCase(groups.outgoing, kind, one));

  test('a CONNECT, which has no path, needs a token as well', async () => {
    const good = ['authorization', `Bearer ${await tools.mint(audience)}`];
    const statusOf = (headers: readonly string[]): Promise<readonly number[]> =>
      Promise.all(eachPod().map((pod) => connectStatus(pod.in, headers)));
    expect(await statusOf([])).toEqual([403, 401]);
    expect(await statusOf(['authorization', 'Basic eDp5'])).toEqual([403, 401]);
    expect(await statusOf(good)).toEqual([200, 200]);
  });

  test('the verified caller is in the dynamic metadata of the filter that verified it', async () => {
    const headers = { authorization: `Bearer ${await tools.mint(audience)}` };
    for (const dataPath of dataPaths) {
      const answer = await fetch(`http://127.0.0.1:${pods.deny[dataPath].in}/`, { headers });
      expect(answer.headers.get(`x-${dataPath}`)).toBe('spiffe://example.org/tester');
    }
  });

  test('no random token passes in native that ext-authz refuses, but those that the page names', async () => {
    const nowS = tools.nowS();
    const made = fc.sample(oddTokens({ nowS, trustDomain: oddDomain }), { numRuns: 800, seed: 7 });
    // Header values as HTTP has them, and no time so near to its limit that a slow second decides.
    const tried = made.filter(
      ({ token, claims }) => /^[\x21-\x7e]+$/.test(token) && isSettled(claims, nowS),
    );
    const seen = { both: 0, neither: 0, nativeOnly: [] as string[], strictOnly: [] as string[] };
    for (const one of tried) {
      const [strict, native] = await Promise.all(
        eachPod().map(async (pod) => (await withToken(one.token)(pod)).status === 200),
      );
      const shown = `${JSON.stringify(one.header)} ${JSON.stringify(one.claims)} ${one.token}`;
      if (strict === native) seen[native === true ? 'both' : 'neither'] += 1;
      else if (native !== true) seen.strictOnly.push(shown);
      else if (!isOnThePage(one, nowS)) seen.nativeOnly.push(shown);
    }
    expect(seen.both).toBeGreaterThan(50);
    expect(seen.neither).toBeGreaterThan(200);
    expect(seen.nativeOnly).toEqual([]);
    expect(seen.strictOnly).toEqual([]);
  }, 120_000);

  test('without its helper, ext-authz lets nothing through, and native goes on with what it has', async () => {
    const good = await tools.mint(audience);
    await Promise.all(eachPod().map((pod) => pod.helper.stop(0)));
    note({
      group: groups.overTime,
      name: 'going out while the helper is away',
      seen: await inBoth(through),
      note: 'Envoy has the token; it sends it even when it has expired, which the other side refuses',
    });
    note({
      group: groups.overTime,
      name: 'coming in while the helper is away, with a good token',
      seen: await inBoth(withToken(good)),
      note: 'Envoy has the keys',
    });
    await Promise.all(eachPod().map((pod) => pod.restartHelper()));
    for (const pod of eachPod()) await waitUntil('a request passes', () => passes(pod));
  });

  /** A token of the odd domain that nobody has seen. */
  const unseen = (key = oddKeys.ec): string => {
    const sub = `spiffe://${oddDomain}/ns/a`;
    return makeToken({
      key,
      claims: { sub, aud: audience, exp: tools.nowS() + 300, jti: randomUUID() },
    });
  };
  /** Seen by both, then refused by the one that is asked each time. */
  async function withdraw(what: string, act: () => Promise<void>): Promise<void> {
    const known = unseen();
    for (const pod of eachPod())
      await waitUntil('it passes', async () => (await withToken(known)(pod)).status === 200);
    await act();
    await waitUntil('ext-authz refuses', async () => {
      return (await withToken(known)(pods.deny['ext-authz'])).status === 403;
    });
    // A fetch a second, and the time that it takes.
    await waitUntil(
      'native refuses what it has not seen',
      async () => (await withToken(unseen())(pods.deny.native)).status === 401,
      { deadlineMs: 3_000 * slowness },
    );
    note({
      group: groups.overTime,
      name: `${what}, with a token that was not sent before`,
      seen: await inBoth((pod) => withToken(unseen())(pod)),
      note: '401 in place of 403, a second later',
    });
    note({
      group: groups.overTime,
      name: `${what}, with a token that passed before`,
      seen: await inBoth(withToken(known)),
      note: 'Envoy remembers verified tokens until they expire, and does not look at the keys again',
    });
  }

  test('a key that is withdrawn, and one that is new', async () => {
    const fresh = makeKey('fresh');
    await withdraw('coming in after the key was withdrawn', () =>
      federate([oddKeys.rsa.jwk, fresh.jwk]),
    );
    for (const pod of eachPod())
      await waitUntil(
        'the new key counts',
        async () => (await withToken(unseen(fresh))(pod)).status === 200,
      );
    await federate([oddKeys.ec.jwk, oddKeys.rsa.jwk]);
  });

  test('a trust domain that is withdrawn', async () => {
    await withdraw('coming in after the trust domain was withdrawn', () =>
      spire.server.deleteBundle(oddDomain),
    );
  });

  test('without the agent, tokens are sent until they expire, and none after that', async () => {
    const good = await tools.mint(audience);
    await spire.withoutAgent(async () => {
      note({
        group: groups.overTime,
        name: 'going out while the agent is away',
        seen: await inBoth(through),
        note: '',
      });
      for (const pod of eachPod())
        await waitUntil('the token has ended', async () => !(await passes(pod)), {
          deadlineMs: 60_000,
        });
      note({
        group: groups.overTime,
        name: 'going out after the last token has expired',
        seen: await inBoth(through),
        note: 'Envoy refuses by itself, and does not know why',
      });
      note({
        group: groups.overTime,
        name: 'coming in while the agent is away, with a good token',
        seen: await inBoth(withToken(good)),
        note: '',
      });
    });
    for (const pod of eachPod()) await waitUntil('a request passes', () => passes(pod));
  }, 120_000);

  test('docs/data-paths.md says what was seen: UPDATE=1 writes it', () => {
    expectOnPage('data-paths.md', tablesOf(rows, Object.values(groups)));
  });
});

function connectStatus(port: number, headers: readonly string[]): Promise<number> {
  const all = ['host', 'backend:80', ...headers];
  const request = httpRequest({
    host: '127.0.0.1',
    port,
    method: 'CONNECT',
    path: 'backend:80',
    headers: all,
  });
  return new Promise((resolve, reject) => {
    request.on('connect', ({ statusCode = 0 }, socket) => {
      socket.destroy();
      resolve(statusCode);
    });
    request.on('error', reject);
    request.end();
  });
}
