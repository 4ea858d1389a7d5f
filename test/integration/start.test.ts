/** `npm start`: what it prints with and without a real Envoy, its page in a browser, and who else may ask its server. */
import { execFile, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { programPath } from './harness/components.ts';
import { describeInBrowser, openOwnBrowser } from './harness/own-browser.ts';
import { accessFaults, narrow, openConsole, picture } from './harness/console-browser.ts';

const root = join(import.meta.dirname, '../..');
const run = promisify(execFile);
const hasEnvoy = existsSync(programPath('envoy'));

function start(...flags: readonly string[]): Promise<{ stdout: string; stderr: string }> {
  return run('bash', ['scripts/start', ...flags], { cwd: root, timeout: 120_000 });
}

describe('npm start without a terminal', () => {
  test('says on one screen what it did, and ends with 0', async () => {
    const { stdout, stderr } = await start('--stand-in');
    expect(stderr).toBe('');
    expect(stdout).toContain('Deployment demo/frontend    injected jwt-inject');
    expect(stdout).toContain('Deployment demo/frontend-2  skipped: nothing was asked for');
    expect(stdout).toMatch(/ {2}200 {2}frontend asks backend.*\n {2}403 .*\n {2}403 .*\n {2}403 /);
    expect(stdout).toContain('A small client plays Envoy’s part: --stand-in was given.');
    expect(stdout).not.toContain('http://');
    expect(stdout.split('\n').length).toBeLessThanOrEqual(24);
  });

  test.skipIf(!hasEnvoy)('with a real Envoy both data paths are shown, on one screen', async () => {
    const { stdout, stderr } = await start();
    expect(stderr).toBe('');
    expect(stdout).toMatch(/with Envoy \d+\.\d+\.\d+, which asks its helper/);
    expect(stdout).toMatch(/data-path: native.*\n {2}200 .*\n {2}401 .*\n {2}401 .*\n {2}403 /);
    expect(stdout.split('\n').length).toBeLessThanOrEqual(24);
  });

  test('--verbose shows each decision, each change and each request', async () => {
    const { stdout, stderr } = await start('--verbose');
    expect(stderr).toBe('');
    expect(stdout).toMatch(/The webhook listens on https:\/\/127\.0\.0\.1:\d+\/mutate/);
    expect(stdout).toMatch(/── Deployment demo\/frontend {2}HTTP 200, injected/);
    expect(stdout).toMatch(/── Deployment demo\/backend {2}HTTP 200, injected/);
    expect(stdout).toMatch(/── Deployment demo\/frontend-2 {2}HTTP 200, skipped/);
    expect(stdout).toContain('+        - name: auth-helper');
    expect(stdout).toContain('+                  - name: svidecar.jwt-inject');
    expect(stdout).toContain('+    - name: ext-authz');
    expect(stdout).toContain('added svidecar.jwt-validate for jwt-validate before');
    if (hasEnvoy)
      expect(stdout).toMatch(
        /HTTP 200 {2}frontend asks backend through its own Envoy\n +HTTP 401 .*\n +HTTP 401 .*\n +HTTP 403 /,
      );
  });
});

interface Staying {
  /** `http://127.0.0.1:PORT/` */
  readonly url: string;
  readonly stop: () => Promise<number | null>;
}

/** As on a terminal, until it is interrupted. */
async function startStaying(...flags: readonly string[]): Promise<Staying> {
  const child: ChildProcess = spawn('bash', ['scripts/start', '--stay', ...flags], { cwd: root });
  let said = '';
  child.stdout?.on('data', (chunk: Buffer) => (said += chunk.toString('utf8')));
  child.stderr?.on('data', (chunk: Buffer) => (said += chunk.toString('utf8')));
  while (!said.includes('Ctrl-C ends it')) {
    if (child.exitCode !== null) throw new Error(said);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return {
    url: /page +(http:\S+)/.exec(said)?.[1] ?? '',
    stop: async () => {
      const ended = once(child, 'exit');
      child.kill('SIGINT');
      await ended;
      return child.exitCode;
    },
  };
}

const noScript = spawnSync('script', ['--version']).status !== 0;

test.skipIf(noScript)(
  'on a terminal npm start stays until Ctrl-C, without being asked to',
  async () => {
    // exec: a /bin/sh that waits for it would end with 130 by itself.
    const line = 'exec bash scripts/start --stand-in';
    // It gives the line a terminal of its own; what is typed comes from our pipe.
    const child = spawn('script', ['-qec', line, '/dev/null'], {
      cwd: root,
      env: { ...process.env, TERM: 'xterm', CI: '' },
    });
    let said = '';
    child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString('utf8')));
    const ended = once(child, 'exit');
    await expect.poll(() => said, { timeout: 60_000 }).toContain('Ctrl-C ends it');
    expect(said).toMatch(/page {7}.*http:\/\/127\.0\.0\.1:\d+\//);
    expect(child.exitCode).toBeNull();
    child.stdin.write('\u0003');
    await ended;
    expect(child.exitCode).toBe(0);
  },
);

/** What each button leads to: status, and the state of each place. */
const ways = {
  'own-envoy': [200, 'passed passed passed passed passed passed'],
  'no-token': [403, 'passed not_on_the_way not_on_the_way refused refused not_reached'],
  'no-real-token': [403, 'passed not_on_the_way not_on_the_way refused refused not_reached'],
  'own-credential': [403, 'passed refused refused not_reached not_reached not_reached'],
} as const;
const nativeWays = {
  'own-envoy': [200, 'passed passed not_asked passed not_asked passed'],
  'no-token': [401, 'passed not_on_the_way not_on_the_way refused not_asked not_reached'],
  'own-credential': [403, 'passed refused not_asked not_reached not_reached not_reached'],
} as const;

describeInBrowser('the page of npm start', () => {
  let browser: Browser;

  beforeAll(async () => {
    browser = await openOwnBrowser();
  });
  afterAll(async () => {
    await browser.close();
  });

  async function press(
    url: string,
    expected: Readonly<Record<string, readonly [number, string]>>,
    dataPath: string,
  ): Promise<void> {
    const { context, page, complaints, foreign } = await openConsole(browser, url);
    for (const [scene, [status, states]] of Object.entries(expected)) {
      await page.click(`[data-scene="${dataPath} ${scene}"]`);
      await page.waitForSelector(`text=HTTP ${status}`);
      const title = await page.textContent(`[data-scene="${dataPath} ${scene}"]`);
      await page.waitForSelector(`h2:text-is("${title ?? ''}")`);
      await page.waitForSelector(`text=data path ${dataPath},`);
      const seen = await page.evaluate<string>(
        "[...document.querySelectorAll('[data-place]')].map((each) => each.dataset.state).join(' ')",
      );
      expect([scene, seen]).toEqual([scene, states]);
      // A JWT has three parts, and begins with an object.
      expect(await page.content()).not.toMatch(/eyJ[\w-]+\.[\w-]+\.[\w-]+/);
    }
    expect([complaints, foreign]).toEqual([[], []]);
    await context.close();
  }

  test.skipIf(!hasEnvoy)('buttons send requests through a real Envoy, on both paths', async () => {
    const staying = await startStaying();
    try {
      await press(staying.url, ways, 'ext-authz');
      await press(staying.url, nativeWays, 'native');
    } finally {
      expect(await staying.stop()).toBe(0);
    }
  });

  describe('with a stand-in for Envoy', () => {
    let staying: Staying;

    beforeAll(async () => {
      staying = await startStaying('--stand-in');
    });
    afterAll(async () => {
      await staying.stop();
    });

    test('buttons send requests too, and what needs a real one says why it does not run', async () => {
      await press(staying.url, ways, 'ext-authz');
      const { context, page } = await openConsole(browser, staying.url);
      expect(await page.isDisabled('[data-scene="native no-token"]')).toBe(true);
      expect(await page.textContent('main')).toContain('It needs a real Envoy');
      await context.close();
    });

    test('axe-core finds nothing, in both themes and both widths, and the keyboard is enough', async () => {
      const { context, page } = await openConsole(browser, staying.url);
      await page.focus('[data-scene="ext-authz own-credential"]');
      await page.keyboard.press('Enter');
      await page.waitForSelector('[data-place="app"]');
      for (const theme of ['light', 'dark']) {
        await page.selectOption('select', theme);
        for (const size of [{ width: 1280, height: 900 }, narrow]) {
          await page.setViewportSize(size);
          expect(await accessFaults(page)).toEqual([]);
          const isWide = await page.evaluate(
            'document.documentElement.scrollWidth > document.documentElement.clientWidth',
          );
          expect([theme, size.width, isWide]).toEqual([theme, size.width, false]);
          await picture(page, `start-${theme}-${size.width}`);
        }
      }
      await context.close();
    });

    test('the workbench is a link away', async () => {
      const { context, page, complaints } = await openConsole(browser, staying.url);
      await page.click('text=Workbench');
      await page.waitForSelector('h1');
      expect(page.url()).toBe(`${staying.url}workbench`);
      expect(complaints).toEqual([]);
      await context.close();
    });

    test('another site can neither read nor send anything', async () => {
      const { host } = new URL(staying.url);
      const own = { host, origin: `http://${host}` };
      const body = '{"dataPath":"ext-authz","scene":"no-token"}';
      const ask = (
        method: string,
        path: string,
        headers: Readonly<Record<string, string>>,
      ): Promise<number> =>
        new Promise((resolve, reject) => {
          const sent = request(`${staying.url}${path}`, { method, headers }, (response) => {
            response.resume();
            resolve(response.statusCode ?? 0);
          });
          sent.on('error', reject);
          sent.end(method === 'POST' ? body : undefined);
        });
      expect(await ask('POST', 'api/send', own)).toBe(200);
      expect(await ask('POST', 'api/send', { ...own, origin: 'http://evil.test' })).toBe(403);
      expect(await ask('POST', 'api/send', { host })).toBe(403);
      expect(await ask('GET', 'api/start', { host: 'evil.test' })).toBe(403);
      expect(await ask('GET', '', { host: `evil.test:${new URL(staying.url).port}` })).toBe(403);
      expect(await ask('GET', 'api/start', { host, 'sec-fetch-site': 'cross-site' })).toBe(403);
      expect(await ask('GET', '', { host, 'sec-fetch-dest': 'iframe' })).toBe(403);
      expect(await ask('POST', 'api/send?x', own)).toBe(404);
    });
  });
});
