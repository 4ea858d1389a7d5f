import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openBrowser, see, type Seen } from './harness/browser.ts';
import { describeOnCluster, repository, sharedImages } from './harness/cluster.ts';
import { complaint, definitionsIn, runSteps, stepsOf } from './harness/console-blocks.ts';
import { withoutRegistrations, withRegistrations } from './harness/shared-registrations.ts';

const steps = stepsOf(readFileSync(join(repository, 'docs/tutorial.md'), 'utf8'));
/** The last one takes the cluster away, which other files use after this one. */
const sections = [...new Set(steps.map(({ section }) => section))].slice(0, -1);
/** The run's cluster has these images: the harness made and loaded them with the same two commands. */
const isOfImages = /^scripts\/(image|cluster load) /;
const frontend = 'http://frontend.demo.svc:3000/';
const frontend2 = 'http://frontend-2.demo.svc:3002/';
const banned = 'HTTP 403: banned';
const noToken = 'HTTP 403: jwt-validate: there is no Authorization header';

describeOnCluster('docs/tutorial.md, followed step by step with a browser', (cluster) => {
  const work = mkdtempSync(join(tmpdir(), 'svidecar-tutorial-'));
  let browser: Browser;

  beforeAll(async () => {
    browser = await openBrowser(cluster, work);
    await withoutRegistrations(cluster);
  });
  afterAll(async () => {
    await browser.close();
    const gone = ['demo', 'spire-other'];
    await cluster.kubectl(['delete', 'namespace', ...gone, '--ignore-not-found', '--wait=false']);
    await withRegistrations(cluster);
    rmSync(work, { recursive: true });
  });

  /** A check of bans that takes over 0.1 s lets its request pass, as on a machine that starts a browser: then it is looked at again. */
  async function seeBanned(): Promise<Seen> {
    let page = await see(browser, frontend2, '5-frontend-2-banned');
    for (let looks = 1; looks < 10 && !isRefused(page, banned); looks += 1) {
      page = await see(browser, frontend2, '5-frontend-2-banned');
    }
    return page;
  }

  /** What a person must see once the commands of a section are done. */
  const seen: Readonly<Record<string, () => Promise<void>>> = {
    '3. The services, with mTLS alone': async () => {
      expectAccount(await see(browser, frontend, '1-mtls-frontend'), 'Jacob Marley');
      expectAccount(await see(browser, frontend2, '1-mtls-frontend-2'), 'Alex Fergus');
    },
    '5. A label, and two annotations': async () => {
      const page = await see(browser, frontend, '2-frontend-with-a-token');
      expectAccount(page, 'Jacob Marley');
      expect(page.sections['balance']).toContain('1095.00 USD');
      expect(page.sections['transactions']).toContain('Locksmith');
      expectRefusal(await see(browser, frontend2, '2-frontend-2-without-a-token'), noToken);
    },
    '6. A token for somebody else': async () => {
      const page = await see(browser, frontend2, '3-frontend-2-with-a-token-for-somebody-else');
      expectRefusal(page, 'HTTP 403: jwt-validate: ');
      expect(page.sections['balance']).toContain('audience');
    },
    '7. The third annotation': async () => {
      const page = await see(browser, frontend2, '4-frontend-2-with-a-token');
      expectAccount(page, 'Alex Fergus');
    },
    '8. Shut out': async () => {
      expectRefusal(await seeBanned(), banned);
      expectAccount(await see(browser, frontend, '5-frontend-not-banned'), 'Jacob Marley');
    },
    '9. Let in again': async () => {
      expectAccount(await see(browser, frontend2, '6-frontend-2-no-longer-banned'), 'Alex Fergus');
    },
    '10. Back again': async () => {
      expectAccount(await see(browser, frontend, '7-back-frontend'), 'Jacob Marley');
      expectAccount(await see(browser, frontend2, '7-back-frontend-2'), 'Alex Fergus');
    },
    '11. A caller of another trust domain': async () => {
      const page = await see(browser, frontend2, '8-frontend-2-of-another-trust-domain');
      expectAccount(page, 'Alex Fergus');
    },
    '12. The proof, and the way back': async () => {
      const page = await see(browser, frontend2, '9-frontend-2-no-longer-federated');
      expectRefusal(
        page,
        "HTTP 403: jwt-validate: there is no bundle for the token's trust domain",
      );
    },
  };

  test('the page has the sections that are looked at', () => {
    expect(sections).toEqual(expect.arrayContaining(Object.keys(seen)));
  });

  test('the images that the page makes are those of this cluster', () => {
    const made = steps.find(({ command }) => command.startsWith('scripts/image '))?.command ?? '';
    const names = made.replace(/^scripts\/image | --out .*$/g, '').split(' ');
    expect(names.sort()).toEqual([...sharedImages].sort());
  });

  test.for(sections)('%s', { timeout: 300_000 }, async (section) => {
    const own = steps.filter((step) => step.section === section && !isOfImages.test(step.command));
    const before = definitionsIn(steps).filter((step) => !own.includes(step));
    const env = { ...process.env, SVIDECAR_CLUSTER: cluster.name };
    const outcomes = await runSteps([...before, ...own], { cwd: repository, env });
    expect(outcomes.map(complaint).filter((text) => text !== undefined)).toEqual([]);
    await seen[section]?.();
  });
});

function expectAccount({ status, title, sections }: Seen, name: string): void {
  expect({ status, title }).toEqual({ status: 200, title: `Account of ${name}` });
  expect(sections['profile']).toContain(name);
}

const parts = ['balance', 'profile', 'transactions'] as const;

/** None of the three parts is shown; each says why. */
function expectRefusal({ status, sections }: Seen, reason: string): void {
  expect(status).toBe(502);
  for (const part of parts) expect(sections[part]).toContain(reason);
}

function isRefused({ sections }: Seen, reason: string): boolean {
  return parts.every((part) => sections[part]?.includes(reason));
}
