import { X509Certificate, createPrivateKey, createPublicKey } from 'node:crypto';
import { mkdtempSync, rmSync, existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, credentials, status } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import {
  createAuthority,
  type EmbeddedAuthority,
} from '../../../../sidecar/stand-ins/jwt-authority.ts';
import {
  startEmbeddedWorkloadApi,
  type EmbeddedWorkloadApi,
} from '../../../../sidecar/stand-ins/workload-api.ts';
import { workloadService } from '../../../../sidecar/stand-ins/workload-service.ts';
import { createVerifier } from '../../../../sidecar/jwt/verify.ts';
import type { WorkloadApi } from '../../../../sidecar/workload-api/api.ts';
import { JwtBundleSource } from '../../../../sidecar/workload-api/bundle-source.ts';
import { openWorkloadApi } from '../../../../sidecar/workload-api/client.ts';
import { systemTimers } from '../../../../sidecar/workload-api/system-timers.ts';
import { JwtTokenSource } from '../../../../sidecar/workload-api/token-source.ts';
import { x509BundleSource, x509SvidSource } from '../../../../sidecar/workload-api/x509-source.ts';

const context = { timers: systemTimers, random: () => 0 };
const a = 'spiffe://example.org/a';
/** Generous: the machine may be busy. */
const eventually = (check: () => void | Promise<void>): Promise<void> =>
  vi.waitFor(check, { timeout: 10_000 });
const nowS = (): number => Date.now() / 1_000;
let folder: string;
let authority: EmbeddedAuthority;
let embedded: EmbeddedWorkloadApi;
let api: WorkloadApi;
let stop: AbortController;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'svidecar-'));
  authority = await createAuthority({ trustDomain: 'example.org' });
  const socketPath = join(folder, 'agent.sock');
  embedded = await startEmbeddedWorkloadApi({
    authority,
    socketPath,
    identities: [{ spiffeId: a }],
  });
  api = openWorkloadApi(embedded.address);
  stop = new AbortController();
});
afterEach(async () => {
  stop.abort();
  api.close();
  await embedded.close();
  rmSync(folder, { recursive: true });
});

function startBundles(): JwtBundleSource {
  const bundles = new JwtBundleSource({ api, ...context });
  bundles.start(stop.signal);
  return bundles;
}
function startTokens(audience = 'backend'): JwtTokenSource {
  const tokens = new JwtTokenSource({ api, audience, ...context });
  tokens.start(stop.signal);
  return tokens;
}
const judge = async (bundles: JwtBundleSource, token: string | undefined): Promise<string> => {
  const verifier = createVerifier({ audiences: ['backend'], bundles });
  const verdict = await verifier.verify(token ?? '', nowS());
  return verdict.kind === 'accepted' ? 'accepted' : verdict.reason;
};
const fetch = (
  request: Parameters<WorkloadApi['fetchJwtSvids']>[0],
): ReturnType<WorkloadApi['fetchJwtSvids']> => api.fetchJwtSvids(request, { deadlineMs: 2_000 });
const mint = (spiffeId = a): Promise<string> =>
  authority.mint({ spiffeId, audiences: ['backend'], ttlS: 60 });

describe('the embedded Workload API, seen by our client', () => {
  test('gives tokens that its bundle proves', async () => {
    const tokens = startTokens();
    const bundles = startBundles();
    await Promise.all([tokens.ready, bundles.ready]);
    expect(await judge(bundles, tokens.current(nowS())?.token)).toBe('accepted');
    expect(tokens.problem()).toBeUndefined();
    expect(bundles.problem()).toBeUndefined();
  });

  test.each(['ES384', 'RS256'] as const)('signs with %s where asked to', async (algorithm) => {
    const other = await createAuthority({ trustDomain: 'other.org', algorithm });
    authority.federate('other.org', other.jwks());
    const bundles = startBundles();
    await bundles.ready;
    const token = await other.mint({
      spiffeId: 'spiffe://other.org/x',
      audiences: ['backend'],
      ttlS: 60,
    });
    expect(await judge(bundles, token)).toBe('accepted');
  });

  test('a rotated key is pushed, and a dropped one takes its tokens with it', async () => {
    const bundles = startBundles();
    await bundles.ready;
    const old = await mint();
    const before = bundles.generation;
    await authority.rotate();
    await eventually(() => {
      expect(bundles.generation).toBe(before + 1);
    });
    expect(await judge(bundles, old)).toBe('accepted');
    expect(await judge(bundles, await mint())).toBe('accepted');
    authority.dropRetiredKeys();
    await eventually(() => {
      expect(bundles.generation).toBe(before + 2);
    });
    expect(await judge(bundles, old)).toBe('no_key');
  });

  test('a foreign trust domain counts while it is federated', async () => {
    const other = await createAuthority({ trustDomain: 'other.org' });
    const token = await other.mint({
      spiffeId: 'spiffe://other.org/x',
      audiences: ['backend'],
      ttlS: 60,
    });
    const bundles = startBundles();
    await bundles.ready;
    expect(await judge(bundles, token)).toBe('no_bundle');
    authority.federate('other.org', other.jwks());
    await eventually(async () => {
      expect(await judge(bundles, token)).toBe('accepted');
    });
    authority.withdraw('other.org');
    await eventually(async () => {
      expect(await judge(bundles, token)).toBe('no_bundle');
    });
  });

  test('gives all identities with their hints, or the one asked for', async () => {
    const b = 'spiffe://example.org/b';
    embedded.setIdentities([{ spiffeId: a }, { spiffeId: b, hint: 'internal' }]);
    expect(await fetch({ audiences: ['x'] })).toMatchObject({
      value: [
        { spiffeId: a, hint: '' },
        { spiffeId: b, hint: 'internal' },
      ],
    });
    expect(await fetch({ audiences: ['x'], spiffeId: b })).toMatchObject({
      value: [{ spiffeId: b }],
    });
    expect(await fetch({ audiences: ['x'], spiffeId: `${a}/c` })).toMatchObject({
      failure: { kind: 'no_identity', text: 'PERMISSION_DENIED: no identity issued' },
    });
  });

  test('refuses a request without audience for good', async () => {
    expect(await fetch({ audiences: [] })).toMatchObject({ failure: { kind: 'rejected' } });
  });

  test('refuses a call without the security header', async () => {
    const bare = new Client(`unix:${folder}/agent.sock`, credentials.createInsecure());
    const { path, requestSerialize, responseDeserialize } = workloadService.fetchJwtsvid;
    const code = await new Promise((resolve) => {
      bare.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        { audience: ['x'], spiffeId: '' },
        (fault) => {
          resolve(fault?.code);
        },
      );
    });
    bare.close();
    expect(code).toBe(status.INVALID_ARGUMENT);
  });

  test('gives X.509-SVIDs that its CA proves, and their keys', async () => {
    const svids = x509SvidSource({ api, ...context });
    const cas = x509BundleSource({ api, ...context });
    svids.start(stop.signal);
    cas.start(stop.signal);
    await Promise.all([svids.ready, cas.ready]);
    const svid = svids.current()?.svids[0];
    const ca = new X509Certificate(cas.current()?.get('spiffe://example.org') ?? '');
    const leaf = new X509Certificate(svid?.certificates ?? '');
    expect(leaf.subjectAltName).toBe(`URI:${a}`);
    expect(leaf.ca).toBe(false);
    expect(leaf.verify(ca.publicKey)).toBe(true);
    expect(ca.subjectAltName).toBe('URI:spiffe://example.org');
    const key = createPrivateKey({
      key: svid?.privateKey ?? Buffer.alloc(0),
      format: 'der',
      type: 'pkcs8',
    });
    expect(leaf.publicKey.equals(createPublicKey(key))).toBe(true);
  });
});

describe('faults on demand', () => {
  test('a call fails with the status asked for, once it is asked for', async () => {
    embedded.setFaults({ failWith: { code: status.RESOURCE_EXHAUSTED, details: 'slow down' } });
    expect(await fetch({ audiences: ['x'] })).toMatchObject({
      failure: { kind: 'unavailable', text: 'RESOURCE_EXHAUSTED: slow down' },
    });
    embedded.setFaults({});
    expect(await fetch({ audiences: ['x'] })).toMatchObject({ kind: 'done' });
  });

  test('a hanging agent costs a call its deadline and no more', async () => {
    embedded.setFaults({ hang: true });
    const outcome = await api.fetchJwtSvids({ audiences: ['x'] }, { deadlineMs: 100 });
    expect(outcome).toMatchObject({ failure: { kind: 'unavailable' } });
  });

  test('a call that is called off ends at once', async () => {
    embedded.setFaults({ hang: true });
    const cancel = new AbortController();
    const pending = api.fetchJwtSvids(
      { audiences: ['x'] },
      { deadlineMs: 60_000, signal: cancel.signal },
    );
    setTimeout(() => {
      cancel.abort();
    }, 20);
    expect(await pending).toMatchObject({ kind: 'failed' });
  });

  test('a delay is waited for', async () => {
    embedded.setFaults({ delayMs: 50 });
    const beforeMs = performance.now();
    expect(await fetch({ audiences: ['x'] })).toMatchObject({ kind: 'done' });
    expect(performance.now() - beforeMs).toBeGreaterThan(45);
  });

  test('without an identity the operator reads what to do, and it comes by itself later', async () => {
    embedded.setIdentities([]);
    const tokens = startTokens();
    const bundles = startBundles();
    await eventually(() => {
      expect(tokens.problem()).toContain('no registration entry matches this workload');
      expect(bundles.problem()).toContain('k8s:container-name:auth-helper');
    });
    embedded.setIdentities([{ spiffeId: a }]);
    await Promise.all([tokens.ready, bundles.ready]);
    expect(tokens.problem()).toBeUndefined();
    expect(bundles.problem()).toBeUndefined();
  });

  test('a dropped stream is opened again and keeps its bundles meanwhile', async () => {
    const bundles = startBundles();
    await bundles.ready;
    const token = await mint();
    embedded.dropStreams();
    await eventually(() => {
      expect(bundles.problem()).toContain('UNAVAILABLE');
    });
    expect(await judge(bundles, token)).toBe('accepted');
    await eventually(() => {
      expect(bundles.problem()).toBeUndefined();
    });
    expect(bundles.generation).toBe(1);
  });

  test('an agent that goes and comes back on a new socket is found within seconds', async () => {
    const tokens = startTokens();
    const bundles = startBundles();
    await Promise.all([tokens.ready, bundles.ready]);
    await embedded.stop();
    expect(existsSync(join(folder, 'agent.sock'))).toBe(false);
    await eventually(() => {
      expect(bundles.problem()).toContain('ENOENT');
    });
    expect(await judge(bundles, tokens.current(nowS())?.token)).toBe('accepted');
    await authority.rotate();
    await embedded.restart();
    await eventually(async () => {
      expect(bundles.problem()).toBeUndefined();
      expect(await judge(bundles, await mint())).toBe('accepted');
    });
  });

  test('a socket that appears late is found', async () => {
    await embedded.stop();
    const bundles = startBundles();
    await eventually(() => {
      expect(bundles.problem()).toContain('its socket is mounted here');
    });
    await embedded.restart();
    await bundles.ready;
  });

  test('a source that was closed asks no more', async () => {
    const tokens = startTokens();
    await tokens.ready;
    const calls = embedded.jwtCalls;
    stop.abort();
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(embedded.jwtCalls).toBe(calls);
  });
});
