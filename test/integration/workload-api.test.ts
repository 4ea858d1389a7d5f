/** Our Workload API sources and our verdicts against a real SPIRE server and agent. */
import { Client, credentials, Metadata } from '@grpc/grpc-js';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { parseSpiffeId } from '#kernel/spiffe-id.ts';
import { workloadService } from '../../sidecar/stand-ins/workload-service.ts';
import { createVerifier } from '../../sidecar/jwt/verify.ts';
import type { WorkloadApi } from '../../sidecar/workload-api/api.ts';
import { JwtBundleSource } from '../../sidecar/workload-api/bundle-source.ts';
import { openWorkloadApi } from '../../sidecar/workload-api/client.ts';
import { systemTimers } from '../../sidecar/workload-api/system-timers.ts';
import { JwtTokenSource } from '../../sidecar/workload-api/token-source.ts';
import { x509BundleSource, x509SvidSource } from '../../sidecar/workload-api/x509-source.ts';
import { describeWithComponents } from './harness/components.ts';
import { startSpireServer } from './harness/spire-server.ts';
import { startSpire, type Spire } from './harness/spire.ts';

const id = 'spiffe://example.org/web';
const web = parseSpiffeId(id);
/** This process itself is the workload. */
const selectors = [`unix:uid:${process.getuid?.() ?? 0}`];
const context = { timers: systemTimers, random: Math.random };
const nowS = (): number => Date.now() / 1_000;
const eventually = (check: () => void | Promise<void>): Promise<void> =>
  vi.waitFor(check, { timeout: 30_000, interval: 100 });

describeWithComponents(['spire-server', 'spire-agent'], 'the Workload API of SPIRE', () => {
  let spire: Spire;
  let entry: string;
  let api: WorkloadApi;
  let stop: AbortController;
  let bundles: JwtBundleSource;

  beforeAll(async () => {
    spire = await startSpire({ jwtTtlS: 120 });
    entry = await spire.createEntry({ spiffeId: id, selectors });
  });
  afterAll(async () => {
    await spire.stop();
  });
  beforeEach(async () => {
    stop = new AbortController();
    api = openWorkloadApi(spire.endpoint);
    bundles = new JwtBundleSource({ api, ...context });
    bundles.start(stop.signal);
    await bundles.ready;
  }, 20_000);
  afterEach(() => {
    stop.abort();
    api.close();
  });

  async function startTokens(audience: string): Promise<JwtTokenSource> {
    const tokens = new JwtTokenSource({ api, audience, spiffeId: web, ...context });
    tokens.start(stop.signal);
    await tokens.ready;
    return tokens;
  }
  const judge = async (token: string | undefined, audience = 'backend'): Promise<string> => {
    const verdict = await createVerifier({ audiences: [audience], bundles }).verify(
      token ?? '',
      nowS(),
    );
    return verdict.kind === 'accepted' ? verdict.spiffeId : verdict.reason;
  };
  /** What the agent itself says about a token, as the SPIFFE ID or `refused`. */
  const judgeByAgent = (token: string, audience: string): Promise<string> =>
    new Promise((resolve) => {
      const client = new Client(`unix:${spire.socketPath}`, credentials.createInsecure());
      const metadata = new Metadata();
      metadata.set('workload.spiffe.io', 'true');
      const { path, requestSerialize, responseDeserialize } = workloadService.validateJwtsvid;
      client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        { audience, svid: token },
        metadata,
        (fault, answer) => {
          client.close();
          resolve(fault === null ? (answer?.spiffeId ?? '') : 'refused');
        },
      );
    });

  test('gives a token that its bundle proves, and X.509 state beside', async () => {
    const tokens = await startTokens('backend');
    expect(tokens.current(nowS())).toMatchObject({ spiffeId: id });
    expect(await judge(tokens.current(nowS())?.token)).toBe(id);
    expect([tokens.problem(), bundles.problem()]).toEqual([undefined, undefined]);
    const svids = x509SvidSource({ api, ...context });
    const cas = x509BundleSource({ api, ...context });
    svids.start(stop.signal);
    cas.start(stop.signal);
    await Promise.all([svids.ready, cas.ready]);
    expect(svids.current()?.svids[0]).toMatchObject({ spiffeId: id });
    expect([...(cas.current()?.keys() ?? [])]).toEqual(['spiffe://example.org']);
  });

  test('our verdicts are those of the agent', async () => {
    const good = (await startTokens('backend')).current(nowS())?.token ?? '';
    const [header = '', payload = '', signature = ''] = good.split('.');
    const forged = Buffer.from(payload, 'base64url').toString().replace('/web', '/admin');
    const cases = [
      [good, 'backend'],
      [good, 'other'],
      [[header, Buffer.from(forged).toString('base64url'), signature].join('.'), 'backend'],
      [[header, payload, `A${signature.slice(1)}B`].join('.'), 'backend'],
      [await spire.server.mintJwt('spiffe://example.org/minted', 'backend'), 'backend'],
      ['a.b.c', 'backend'],
    ] as const;
    for (const [token, audience] of cases) {
      const ours = await judge(token, audience);
      const theirs = await judgeByAgent(token, audience);
      expect(ours.startsWith('spiffe:') ? ours : 'refused').toBe(theirs);
    }
  });

  test('a token is renewed at half life', async () => {
    const short = await spire.createEntry({
      spiffeId: 'spiffe://example.org/short',
      selectors,
      jwtTtlS: 8,
    });
    const spiffeId = 'spiffe://example.org/short';
    const tokens = new JwtTokenSource({
      api,
      audience: 'renewed',
      spiffeId: parseSpiffeId(spiffeId),
      ...context,
    });
    tokens.start(stop.signal);
    await tokens.ready;
    const seen = new Set<string | undefined>();
    const untilMs = Date.now() + 14_000;
    while (Date.now() < untilMs) {
      seen.add(tokens.current(nowS())?.token);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    expect(seen.has(undefined), 'there was a token at every moment').toBe(false);
    expect(seen.size).toBeGreaterThanOrEqual(3);
    await spire.deleteEntry(short);
  });

  test('with the agent away tokens and bundles stay, and it is found again within seconds', async () => {
    const tokens = await startTokens('backend');
    const late = new JwtTokenSource({ api, audience: 'late', spiffeId: web, ...context });
    await spire.withoutAgent(async () => {
      await eventually(() => {
        expect(bundles.problem()).toContain('check that the SPIRE agent runs');
      });
      expect(await judge(tokens.current(nowS())?.token)).toBe(id);
      late.start(stop.signal);
      await eventually(() => {
        expect(late.problem()).toContain('UNAVAILABLE');
      });
    });
    const beforeMs = Date.now();
    await late.ready;
    await eventually(() => {
      expect(bundles.problem()).toBeUndefined();
    });
    expect(Date.now() - beforeMs).toBeLessThan(10_000);
    expect(await judge(late.current(nowS())?.token, 'late')).toBe(id);
  });

  test('a key rotation refuses no good token, and a revoked key takes its tokens with it', async () => {
    const old = await spire.server.mintJwt(id, 'backend');
    const { active = '' } = await spire.server.jwtAuthorities();
    // Before it is there: the agent may have it while the command that prepares it still ends.
    const before = bundles.generation;
    const next = await spire.server.prepareJwtKey();
    await eventually(() => {
      expect(bundles.generation).toBeGreaterThan(before);
    });
    await spire.server.activateJwtKey(next);
    expect(await judge(await spire.server.mintJwt(id, 'backend'))).toBe(id);
    expect(await judge(old)).toBe(id);
    await spire.server.taintJwtKey(active);
    await spire.server.revokeJwtKey(active);
    await eventually(async () => {
      expect(await judge(old)).toBe('no_key');
    });
    expect(await judge(await spire.server.mintJwt(id, 'backend'))).toBe(id);
  });

  test('a foreign trust domain is accepted only while it is federated', async () => {
    const other = await startSpireServer({ trustDomain: 'other.org', jwtKeyType: 'rsa-2048' });
    try {
      const caller = 'spiffe://other.org/caller';
      const token = await other.mintJwt(caller, 'backend');
      expect(await judge(token)).toBe('no_bundle');
      await spire.server.setBundle('other.org', await other.showBundle());
      const federated = await spire.createEntry({
        spiffeId: 'spiffe://example.org/federated',
        selectors,
        federatesWith: ['spiffe://other.org'],
      });
      await eventually(async () => {
        expect(await judge(token)).toBe(caller);
      });
      await spire.server.deleteBundle('other.org');
      await spire.deleteEntry(federated);
      await eventually(async () => {
        expect(await judge(token)).toBe('no_bundle');
      });
    } finally {
      await other.stop();
    }
  });

  test('a deleted entry is said in words, tokens in hand stay, and a new entry heals it', async () => {
    const tokens = await startTokens('backend');
    await spire.deleteEntry(entry);
    const late = new JwtTokenSource({ api, audience: 'after', spiffeId: web, ...context });
    await eventually(async () => {
      const request = { audiences: ['gone'], spiffeId: id };
      const outcome = await api.fetchJwtSvids(request, { deadlineMs: 5_000 });
      expect(outcome).toMatchObject({ failure: { kind: 'no_identity' } });
    });
    late.start(stop.signal);
    await eventually(() => {
      expect(late.problem()).toContain('no registration entry matches this workload');
    });
    expect(await judge(tokens.current(nowS())?.token)).toBe(id);
    entry = await spire.createEntry({ spiffeId: id, selectors });
    await late.ready;
    expect(late.problem()).toBeUndefined();
  });
});
