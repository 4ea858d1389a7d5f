import { afterAll, beforeAll, expect, test } from 'vitest';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import { describeWithComponents } from './harness/components.ts';
import { waitUntil } from './harness/processes.ts';
import { startSpireServer } from './harness/spire-server.ts';
import { startSpire, type Fetched, type Spire } from './harness/spire.ts';

const isRoot = process.getuid?.() === 0;
/** Root can be anybody; others are themselves alone. */
const uid = isRoot ? 31_001 : (process.getuid?.() ?? 0);
const id = 'spiffe://example.org/web';

describeWithComponents(['spire-server', 'spire-agent'], 'SPIRE', () => {
  let spire: Spire;
  beforeAll(async () => {
    spire = await startSpire({ jwtTtlS: 120 });
    await spire.createEntry({ spiffeId: id, selectors: [`unix:uid:${uid}`] });
  });
  afterAll(async () => {
    await spire.stop();
  });

  async function fetchToken(): Promise<Extract<Fetched, { kind: 'token' }>> {
    let fetched: Fetched = await spire.fetchJwt(uid, 'backend');
    await waitUntil('a token is issued', async () => {
      fetched = await spire.fetchJwt(uid, 'backend');
      return fetched.kind === 'token';
    });
    if (fetched.kind !== 'token') throw new Error(fetched.output);
    return fetched;
  }

  test('issues a JWT-SVID to the user whom an entry names', async () => {
    const { token, spiffeId } = await fetchToken();
    const claims = decodeJwt(token);
    expect(spiffeId).toBe(id);
    expect(claims).toMatchObject({ sub: id, aud: ['backend'] });
    expect(Number(claims.exp) - Number(claims.iat)).toBe(120);
    expect(decodeProtectedHeader(token).alg).toBe('ES256');
  });

  test.runIf(isRoot)('refuses a user whom no entry names', async () => {
    const fetched = await spire.fetchJwt(uid + 1, 'backend');
    expect(fetched).toMatchObject({ kind: 'refused' });
    expect(JSON.stringify(fetched)).toContain('no identity issued');
  });

  test.runIf(isRoot)(
    'issues after an entry is made, and refuses again once it is deleted',
    async () => {
      const other = uid + 2;
      const kind = async (): Promise<string> => (await spire.fetchJwt(other, 'backend')).kind;
      const entry = await spire.createEntry({ spiffeId: id, selectors: [`unix:uid:${other}`] });
      await waitUntil('a token is issued', async () => (await kind()) === 'token');
      await spire.deleteEntry(entry);
      await waitUntil('no token is issued', async () => (await kind()) === 'refused');
    },
  );

  test('has no Workload API while the agent is stopped, and the same identity after', async () => {
    await fetchToken();
    await spire.withoutAgent(async () => {
      expect(await spire.fetchJwt(uid, 'backend')).toMatchObject({ kind: 'failed' });
    });
    expect((await fetchToken()).spiffeId).toBe(id);
  });

  test('signs with a new key after it was activated, and forgets a revoked one', async () => {
    const { active: before = '' } = await spire.server.jwtAuthorities();
    expect(decodeProtectedHeader((await fetchToken()).token).kid).toBe(before);
    const prepared = await spire.server.prepareJwtKey();
    expect(await spire.server.showBundle()).toContain(prepared);
    await spire.server.activateJwtKey(prepared);
    const minted = await spire.server.mintJwt(`${id}/minted`, 'backend', 60);
    expect(decodeProtectedHeader(minted).kid).toBe(prepared);
    await spire.server.taintJwtKey(before);
    await waitUntil('the agent has dropped what the tainted key signed', async () => {
      const { token } = await fetchToken();
      return decodeProtectedHeader(token).kid === prepared;
    });
    await spire.server.revokeJwtKey(before);
    expect(await spire.server.showBundle()).not.toContain(before);
  });

  test('hands the bundle of a federated trust domain to the entry that names it', async () => {
    const other = await startSpireServer({ trustDomain: 'other.org', jwtKeyType: 'rsa-2048' });
    try {
      await spire.server.setBundle('other.org', await other.showBundle());
      const token = await other.mintJwt('spiffe://other.org/caller', 'backend');
      expect(decodeProtectedHeader(token).alg).toBe('RS256');
      const entry = await spire.createEntry({
        spiffeId: id,
        selectors: [`unix:gid:${uid}`],
        federatesWith: ['spiffe://other.org'],
      });
      await waitUntil('its bundle arrives', async () =>
        (await fetchToken()).trustDomains.includes('spiffe://other.org'),
      );
      await spire.server.deleteBundle('other.org');
      await spire.deleteEntry(entry);
    } finally {
      await other.stop();
    }
  });
});
