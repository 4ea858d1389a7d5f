/**
 * Two trust domains, each with a SPIRE server and an agent of its own, and a pod of each data path in one of them. A
 * caller of the other one comes in by three things together: the relationship of the servers, its trust domain in the
 * registration of the pod that is called, and its name among the callers. Tokens are those that the caller's agent
 * gives its helper, and its Envoy sends.
 */
import { createPrivateKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { SignJWT } from 'jose';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { dataPaths, startPod, type Pod, type PodSpec } from './data-paths/pods.ts';
import { describeWithComponents } from './harness/components.ts';
import { bestRound } from './harness/pace.ts';
import { waitUntil } from './harness/processes.ts';
import { startSpire, type Spire } from './harness/spire.ts';
import { createWorkFolder, type WorkFolder } from './harness/work-folder.ts';
import { send, startApp, type Answer, type Arrived } from './mesh/app.ts';
import { runtimes } from './runtimes.ts';

const own = process.getuid?.() ?? 0;
const isRoot = own === 0;
const uids = { called: isRoot ? 31_801 : own, caller: isRoot ? 31_802 : own };
const ours = 'example.org';
const theirs = 'other.org';
const called = `spiffe://${ours}/ns/shop/sa/called`;
const caller = `spiffe://${theirs}/ns/pay/sa/caller`;
/** Seconds that the caller's tokens live; they are renewed at half of it. */
const tokenLifeS = 8;
/** SPIRE asks for another domain's bundle at a quarter of the hint, which is a minute at least. */
const pollS = 15;

describeWithComponents(['envoy', 'spire-server', 'spire-agent'], 'two trust domains', () => {
  let work: WorkFolder;
  let home: Spire;
  let abroad: Spire;
  let app: Server;
  let callerPod: Pod;
  /** Pods that name the caller, by data path and runtime. */
  let naming: ReadonlyMap<string, Pod>;
  /** Pods that name no caller: those of their own trust domain may call. */
  let silent: ReadonlyMap<string, Pod>;
  let entry = '';

  const entryOf = (federatesWith: readonly string[]) => ({
    spiffeId: called,
    parentId: home.agentId,
    selectors: [`unix:uid:${uids.called}`],
    federatesWith,
  });
  /** What the caller's helper has from its agent, as its Envoy sends it. */
  const callersToken = async (): Promise<string> => {
    // What `startApp` answers.
    const { authorization } = JSON.parse((await send(callerPod.out)).body) as Arrived;
    return authorization[0] ?? '';
  };
  const ask = (pod: Pod, authorization: string): Promise<Answer> =>
    send(pod.in, ['authorization', authorization]);
  const statuses = async (
    pods: ReadonlyMap<string, Pod>,
    authorization?: string,
  ): Promise<readonly number[]> => {
    const token = authorization ?? (await callersToken());
    const answers = await Promise.all([...pods.values()].map((pod) => ask(pod, token)));
    return answers.map(({ status }) => status);
  };
  const areAll = async (isMeant: (status: number) => boolean, token?: string): Promise<boolean> =>
    (await statuses(naming, token)).every(isMeant);
  const passes = (status: number): boolean => status === 200;
  const isRefused = (status: number): boolean => status === 401 || status === 403;
  const opened = (token?: string): Promise<void> =>
    waitUntil('the caller comes in', () => areAll(passes, token));
  /** @param unseen gives a good token that no Envoy has seen: in the native path it remembers those until they expire. */
  const closed = (unseen: () => Promise<string>): Promise<void> =>
    waitUntil('the caller is refused', async () => areAll(isRefused, await unseen()));
  /** Refused for as long as any news would need to arrive. */
  const staysClosed = async (pods = naming, tokenNow = callersToken): Promise<void> => {
    const end = Date.now() + 2_000;
    while (Date.now() < end) {
      expect((await statuses(pods, await tokenNow())).filter(passes)).toEqual([]);
      await sleep(200);
    }
  };
  const minted = async (spiffeId: string, audience = called): Promise<string> =>
    `Bearer ${await abroad.server.mintJwt(spiffeId, audience, 300)}`;
  const ownCallersPass = async (): Promise<void> => {
    const token = await home.server.mintJwt(`spiffe://${ours}/tester`, called, 120);
    expect(await statuses(silent, `Bearer ${token}`)).toEqual([...silent].map(() => 200));
  };

  beforeAll(async () => {
    work = await createWorkFolder('federation');
    [home, abroad, app] = await Promise.all([
      startSpire({ trustDomain: ours }),
      startSpire({ trustDomain: theirs, bundleEndpoint: { profile: 'https_spiffe' } }),
      startApp(),
    ]);
    [entry] = await Promise.all([
      home.createEntry(entryOf([])),
      abroad.createEntry({
        spiffeId: caller,
        selectors: [`unix:uid:${uids.caller}`],
        jwtTtlS: tokenLifeS,
      }),
    ]);
    // Listening on loopback on a free port: a number.
    const appPort = (app.address() as AddressInfo).port;
    const podAt = (
      spire: Spire,
      name: string,
      rest: Omit<PodSpec, 'name' | 'app' | 'helper'> & {
        readonly uid: number;
        readonly runtime?: (typeof runtimes)[number];
      },
    ): Promise<Pod> => {
      const { uid, runtime = 'node', ...spec } = rest;
      const helper = {
        folder: work.path,
        workloadApi: spire.endpoint,
        runtime,
        ...(isRoot ? { uid } : {}),
      };
      return startPod({ ...spec, name, app: appPort, helper });
    };
    const validating = {
      'inject.svidecar.dev/templates': 'jwt-validate',
      'svidecar.dev/validate-audience': called,
    };
    const annotations = {
      ...validating,
      'svidecar.dev/federates-with': theirs,
      'svidecar.dev/allow-callers': `spiffe://${ours}, spiffe://${theirs}/ns/pay/*`,
    };
    // One first: it makes the bundle that the others start.
    callerPod = await podAt(abroad, 'caller', {
      uid: uids.caller,
      dataPath: 'ext-authz',
      annotations: {
        'inject.svidecar.dev/templates': 'jwt-inject',
        'svidecar.dev/audience': called,
        'svidecar.dev/spiffe-id': caller,
      },
    });
    const open = dataPaths.flatMap((dataPath) =>
      runtimes.map(async (runtime) => {
        const name = `naming-${runtime}`;
        const pod = await podAt(home, name, { uid: uids.called, runtime, dataPath, annotations });
        return [`${dataPath} on ${runtime}`, pod] as const;
      }),
    );
    const shut = dataPaths.map(async (dataPath) => {
      const spec = { uid: uids.called, dataPath, annotations: validating };
      return [dataPath, await podAt(home, 'silent', spec)] as const;
    });
    naming = new Map(await Promise.all(open));
    silent = new Map(await Promise.all(shut));
    const isReady = async (pod: Pod): Promise<boolean> =>
      (await pod.helper.page('/readyz')).status === 200;
    await waitUntil('all are ready', async () => {
      const all = await Promise.all(
        [callerPod, ...naming.values(), ...silent.values()].map(isReady),
      );
      return all.every(Boolean);
    });
  }, 120_000);
  afterAll(async () => {
    const pods = [callerPod, ...naming.values(), ...silent.values()];
    await Promise.all(pods.map((pod) => pod.stop()));
    app.close();
    await Promise.all([home.stop(), abroad.stop()]);
    await work.remove();
  });

  test('a caller of another trust domain comes in by relationship, registration and name together', async () => {
    await staysClosed();
    await expect(home.server.updateEntry(entry, entryOf([`spiffe://${theirs}`]))).rejects.toThrow(
      'unable to find federated bundle',
    );
    await home.server.federateWith(abroad.server);
    await staysClosed();
    await home.server.updateEntry(entry, entryOf([`spiffe://${theirs}`]));
    const changed = Date.now();
    await opened();
    console.log(`the registration opened all pods after ${Date.now() - changed} ms`);
    // Their helpers and Envoys have the same keys by now, and nobody names a caller there.
    await staysClosed(silent);
    await ownCallersPass();
    // And where the settings themselves name nobody, as those that are written by hand.
    const helper = silent.get('ext-authz')?.helper;
    helper?.configure([{ name: 'jwt-validate', mode: 'validate', audiences: [called] }]);
    const reloads = 'svidecar_settings_reloads_total{result="accepted"}';
    await waitUntil('the settings are taken up', async () => (await helper?.metric(reloads)) === 1);
    await staysClosed(silent);
    await ownCallersPass();
  });

  test('of the other trust domain only callers that are named, for our audience, come in', async () => {
    const statusesFor = async (token: string): Promise<readonly number[]> =>
      statuses(naming, token);
    expect((await statusesFor(await minted(`spiffe://${theirs}/ns/pay/sa/x`))).every(passes)).toBe(
      true,
    );
    for (const token of [
      await minted(`spiffe://${theirs}/ns/payroll/sa/x`),
      await minted(caller, `spiffe://${theirs}/ns/shop/sa/called`),
      await minted(caller, `spiffe://${ours}/ns/shop/sa/calle`),
    ])
      expect((await statusesFor(token)).filter((status) => !isRefused(status))).toEqual([]);
  });

  test("the other trust domain's own key is good for none of our SPIFFE IDs", async () => {
    const claims = { sub: `spiffe://${ours}/ns/shop/sa/x`, aud: called };
    for (const pods of [naming, silent]) {
      expect(await statuses(pods, await forged({ ...claims, sub: caller }))).toEqual(
        [...pods.keys()].map((name) => (pods === silent ? refusalOf(name) : 200)),
      );
      expect(
        (await statuses(pods, await forged(claims))).filter((each) => !isRefused(each)),
      ).toEqual([]);
    }
  });

  /** Signed with the key that the other domain's server signs with, from its disk. */
  async function forged(claims: JsonObject): Promise<string> {
    const { active = '' } = await abroad.server.jwtAuthorities();
    const file = join(dirname(abroad.server.socketPath), 'data/keys.json');
    // What SPIRE's key manager writes: PKCS #8, by the name of its slot.
    const keys = objectAt(JSON.parse(readFileSync(file, 'utf8')) as JsonObject, 'keys');
    const slot = Object.keys(keys).find((name) => name.startsWith('JWT-Signer')) ?? '';
    const key = createPrivateKey({
      key: Buffer.from(stringAt(keys, slot) ?? '', 'base64'),
      format: 'der',
      type: 'pkcs8',
    });
    const header = { alg: 'ES256', kid: active, typ: 'JWT' };
    const token = new SignJWT(claims).setProtectedHeader(header).setExpirationTime('2 minutes');
    return `Bearer ${await token.setIssuedAt().sign(key)}`;
  }
  /** Of a caller whose token is good: the helper answers 403, and Envoy's own filter knows no provider for it. */
  const refusalOf = (name: string): number => (name.startsWith('ext-authz') ? 403 : 401);

  /** Sends the caller's token of the moment to each pod, over and over. @returns how often, and what was refused. */
  async function loadDuring(task: () => Promise<unknown>) {
    const over = new AbortController();
    const seen = { passed: 0, refused: [] as (readonly [string, Answer])[], tokens: new Set() };
    const lane = async (): Promise<void> => {
      while (!over.signal.aborted) {
        const token = await callersToken();
        seen.tokens.add(token);
        for (const [name, pod] of naming) {
          const answer = await ask(pod, token);
          if (answer.status === 200) seen.passed += 1;
          else seen.refused.push([name, answer]);
        }
        await sleep(5);
      }
    };
    const load = Promise.all([lane(), lane()]);
    try {
      await task();
    } finally {
      over.abort();
      await load;
    }
    return seen;
  }

  test('through a rotation of its signing key no request of the caller is lost', async () => {
    const { server } = abroad;
    const before = (await server.jwtAuthorities()).active ?? '';
    const old = await minted(caller);
    const { passed, refused, tokens } = await loadDuring(async () => {
      const next = await server.prepareJwtKey();
      const knows = async (): Promise<boolean> =>
        (await home.server.showBundle(theirs)).includes(next);
      const began = Date.now();
      // By itself, and long before it is signed with.
      await waitUntil('our server has fetched the new key', knows, {
        deadlineMs: (pollS + 10) * 1_000,
      });
      console.log(`our server had the other domain's new key after ${Date.now() - began} ms`);
      // The agent hears of it within half a second, and Envoy a second later.
      await sleep(3_000);
      await server.activateJwtKey(next);
      await server.taintJwtKey(before);
      await sleep((tokenLifeS + 1) * 1_000);
      await server.revokeJwtKey(before);
      await home.server.refreshBundle(theirs);
      await sleep(3_000);
    });
    expect(refused).toEqual([]);
    expect((await statuses(naming, old)).filter(passes), 'its key is revoked').toEqual([]);
    expect(tokens.size).toBeGreaterThan(2);
    console.log(`${passed} requests with ${tokens.size} tokens, none refused`);
  }, 120_000);

  test('a registration that no longer names the trust domain shuts the door, and lets own callers in', async () => {
    const opens = async (): Promise<void> => {
      await home.server.updateEntry(entry, entryOf([`spiffe://${theirs}`]));
      await opened();
    };
    // The agent asks every half second, the server's cache is as old at most, and Envoy asks every second.
    const shutMs = await bestRound(6_000, async (round) => {
      if (round > 0) await opens();
      await home.server.updateEntry(entry, entryOf([]));
      const changed = Date.now();
      await closed(() => minted(caller));
      return Date.now() - changed;
    });
    console.log(`the registration shut all pods after ${shutMs} ms`);
    expect(shutMs).toBeLessThan(6_000);
    await staysClosed(naming, () => minted(caller));
    await ownCallersPass();
    await opens();
  });

  test("with the other domain's server away, keys stay until the bundle is dropped", async () => {
    const unseen: string[] = [];
    for (let count = 0; count < 20; count += 1) unseen.push(await minted(caller));
    const token = await minted(caller);
    await abroad.server.stop();
    const { refused, passed } = await loadOf(token, (pollS + 3) * 1_000);
    expect(refused).toEqual([]);
    expect(passed).toBeGreaterThan(0);
    await home.server.endFederation(theirs);
    await sleep(2_000);
    expect(await areAll(passes, token), 'the relationship is gone, the bundle stays').toBe(true);
    await home.server.deleteBundle(theirs);
    await closed(async () => {
      await sleep(500);
      return unseen.shift() ?? '';
    });
    await ownCallersPass();
  }, 90_000);

  async function loadOf(token: string, forMs: number) {
    const end = Date.now() + forMs;
    const seen = { passed: 0, refused: [] as number[] };
    while (Date.now() < end) {
      const all = await statuses(naming, token);
      seen.passed += all.filter(passes).length;
      seen.refused.push(...all.filter((status) => !passes(status)));
      await sleep(50);
    }
    return seen;
  }
});
