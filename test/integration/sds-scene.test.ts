/** `scripts/sds`: front-envoy, service-purple and service-gray with SPIRE on this machine, proved by itself and seen by a browser. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { chromium, type Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeWithComponents } from './harness/components.ts';
import { freePort } from './harness/free-port.ts';
import { runCommand, waitUntil, type CommandResult } from './harness/processes.ts';
import { createWorkFolder, type WorkFolder } from './harness/work-folder.ts';

const repository = join(import.meta.dirname, '../..');
const script = join(repository, 'scripts/sds');

describeWithComponents(
  ['envoy', 'spire-server', 'spire-agent'],
  'the scene without Kubernetes',
  () => {
    let work: WorkFolder;
    let folder: string;
    let env: Record<string, string>;
    let address: string;
    let browser: Browser;
    let letGo: () => Promise<unknown>;

    const sds = (
      args: readonly string[],
      more: Readonly<Record<string, string>> = {},
    ): Promise<CommandResult> =>
      runCommand(script, args, { env: { ...env, ...more }, deadlineMs: 110_000 });
    const processIds = (): readonly string[] =>
      readdirSync(join(folder, 'pid')).map((part) =>
        readFileSync(join(folder, 'pid', part), 'utf8'),
      );

    beforeAll(async () => {
      work = await createWorkFolder('sds-scene');
      folder = join(work.path, 'scene');
      const ports = await Promise.all(Array.from({ length: 5 }, () => freePort()));
      const helperPort = await threePorts();
      const names = ['HTTP_PORT', 'HTTPS_PORT', 'PURPLE_PORT', 'GRAY_PORT', 'SPIRE_PORT'];
      env = Object.fromEntries([
        ...names.map((name, at) => [`SVIDECAR_SDS_${name}`, `${ports[at] ?? 0}`]),
        ['SVIDECAR_SDS_HELPER_PORT', `${helperPort}`],
        ['SVIDECAR_SDS_FOLDER', folder],
        ['SVIDECAR_SDS_UID', '72000'],
        ['SVIDECAR_SDS_CONNECTION_LIFE', '2'],
      ]) as Record<string, string>;
      address = `https://localhost:${ports[1] ?? 0}`;
      // What it starts outlives it: should this process be killed, somebody must take the scene away.
      const guard = spawn('sh', ['-c', 'read -r _; exec "$1" down', 'guard', script], {
        env: { ...process.env, ...env },
        stdio: ['pipe', 'ignore', 'ignore'],
        detached: true,
      });
      guard.unref();
      const ended = once(guard, 'exit');
      letGo = () => {
        guard.ref();
        guard.stdin.end();
        return ended;
      };
      browser = await chromium.launch({
        executablePath: '/usr/bin/chromium',
        args: ['--no-sandbox'],
      });
    });
    afterAll(async () => {
      await browser.close();
      await sds(['down']);
      // It makes the folder of its lock again: before that is removed.
      await letGo();
      await work.remove();
    });

    async function see(
      path: string,
    ): Promise<{ readonly status: number; readonly title: string; readonly text: string }> {
      const context = await browser.newContext({ ignoreHTTPSErrors: true });
      try {
        const page = await context.newPage();
        const response = await page.goto(address + path);
        const text = await page.locator('body').innerText();
        return { status: response?.status() ?? 0, title: await page.title(), text };
      } finally {
        await context.close();
      }
    }

    test('up starts everything, and a second one changes nothing', async () => {
      const { code, stdout, stderr } = await sds(['up']);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      expect(stdout).toContain(`${address}/service/purple`);
      const before = processIds();
      expect(before).toHaveLength(9);
      const again = await sds(['up']);
      expect(again).toEqual({ code: 0, stdout, stderr: '' });
      expect(processIds()).toEqual(before);
      const status = await sds(['status']);
      expect(status.code, status.stdout).toBe(0);
    });

    test('Envoy has nothing to say about the configurations, neither an error nor a warning', () => {
      for (const machine of ['front-envoy', 'service-purple', 'service-gray']) {
        const lines = readFileSync(join(folder, 'log', `${machine}.log`), 'utf8').split('\n');
        expect(lines.filter((line) => line !== '' && !line.startsWith('{'))).toEqual([]);
      }
    });

    test('the browser sees both pages, with both identities', async () => {
      for (const colour of ['purple', 'gray']) {
        const page = await see(`/service/${colour}`);
        expect(page).toMatchObject({ status: 200, title: `service-${colour}` });
        expect(page.text).toContain('spiffe://example.org/front-envoy');
        expect(page.text).toContain(`spiffe://example.org/service-${colour}`);
      }
    });

    test('what docs/sds.md promises is so', async () => {
      const { code, stdout, stderr } = await sds(['test']);
      expect({ code, stderr }, stdout).toEqual({ code: 0, stderr: '' });
      expect(stdout.match(/^ *[\d.]+ s {2}ok /gm)).toHaveLength(8);
    });

    test('without its entry the browser sees a refusal, and status says why', async () => {
      await sds(['register', 'service-gray'], { SVIDECAR_SDS_SVID_LIFE: '3' });
      await waitUntil('service-gray has an identity that ends soon', async () => {
        const [, end = ''] =
          /^service-gray: .* until (\S+)$/m.exec((await sds(['status'])).stdout) ?? [];
        return Date.parse(end) < Date.now() + 10_000;
      });
      await sds(['unregister', 'service-gray']);
      const isRefused = async (): Promise<boolean> => (await see('/service/gray')).status === 503;
      await waitUntil('service-gray is refused', isRefused, { deadlineMs: 15_000 });
      const page = await see('/service/gray');
      expect(page.title).toBe('service-gray is not reached');
      expect(page.text).toContain('spiffe://example.org/service-gray');
      expect((await see('/service/purple')).status).toBe(200);
      const { code, stdout } = await sds(['status']);
      expect(code).toBe(1);
      expect(stdout).toMatch(/^service-gray: .*SPIRE has no entry for it/m);
    });

    test.each(['ext-authz', 'native'])(
      'with tokens on top, by %s, mTLS alone does not get in, and the browser sees both pages',
      async (dataPath) => {
        const { code, stdout, stderr } = await sds(['tokens', dataPath]);
        expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
        // By Envoy's own filter both services share an audience, and whoever starts it is told.
        expect(stdout.match(/^front-envoy: warning: .*each of them gets a token/m) !== null).toBe(
          dataPath === 'native',
        );
        const proved = await sds(['test']);
        expect(proved.code, proved.stdout + proved.stderr).toBe(0);
        expect(proved.stdout.match(/^ *[\d.]+ s {2}ok /gm)).toHaveLength(2);
        for (const colour of ['purple', 'gray'])
          expect(await see(`/service/${colour}`)).toMatchObject({
            status: 200,
            title: `service-${colour}`,
          });
      },
    );

    test('other settings than those it runs with, and another folder with files in it, are refused', async () => {
      const other = await sds(['up'], { SVIDECAR_SDS_HTTP_PORT: '1234' });
      expect(other.code).toBe(1);
      expect(other.stderr).toContain('was started with SVIDECAR_SDS_HTTP_PORT=');
      const strange = await sds(['up'], { SVIDECAR_SDS_FOLDER: repository });
      expect(strange.code).toBe(1);
      expect(strange.stderr).toContain('is not empty and no scene of ours');
      await sds(['down'], { SVIDECAR_SDS_FOLDER: repository });
      expect(existsSync(join(repository, 'package.json'))).toBe(true);
    });

    test('who is not root is told why it needs root', async () => {
      const programs = join(work.path, 'programs');
      mkdirSync(programs);
      writeFileSync(join(programs, 'id'), '#!/bin/sh\necho 1000\n');
      chmodSync(join(programs, 'id'), 0o755);
      const { code, stderr } = await sds(['up'], {
        PATH: `${programs}:${process.env['PATH'] ?? ''}`,
      });
      expect(code).toBe(3);
      expect(stderr).toContain('needs root: each Envoy runs as a user of its own');
    });

    test('after a crash, down takes away what is left; twice is fine', async () => {
      const [crashed = ''] = readFileSync(join(folder, 'pid/spire-server'), 'utf8').split(' ');
      process.kill(Number(crashed), 'SIGKILL');
      const ids = processIds().map((line) => Number(line.split(' ')[0]));
      const quietly = { code: 0, stdout: '', stderr: '' };
      expect(await sds(['down'])).toEqual(quietly);
      expect(await sds(['down'])).toEqual(quietly);
      expect(existsSync(folder)).toBe(false);
      expect(ids.filter(isAlive)).toEqual([]);
    });
  },
);

/** One that only waits for its parent to notice has ended. */
function isAlive(pid: number): boolean {
  try {
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

/** The first of three free ports in a row. */
async function threePorts(): Promise<number> {
  let row: readonly number[] = [];
  while (row.length < 3) {
    const port = await freePort();
    row = row.at(-1) === port - 1 ? [...row, port] : [port];
  }
  return row[0] ?? 0;
}
