/** A release is made twice of what is committed, and used by somebody who has only its files. */
import { execFile, execFileSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { programPath } from '../../scripts/pins.ts';
import { describeWithComponents } from './harness/components.ts';

const run = promisify(execFile);
// Beside the packages, which the clone gets as hard links: a link to their folder would be followed.
mkdirSync('dist', { recursive: true });
const work = mkdtempSync(resolve('dist/release-test-'));
afterAll(() => {
  rmSync(work, { recursive: true });
});

// Our own package.json.
const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
/** Bytes of what npm fetches. */
const packageBudget = 3_000_000;
const releases = ['first', 'second'].map((name) => join(work, name));
const [release = ''] = releases;
const archive = `npm/svidecar-${version}.tgz`;

interface Index {
  readonly manifests: readonly { readonly digest: string; readonly platform: unknown }[];
}

function layoutOf(name: string): string {
  return `oci-archive:${join(release, `images/svidecar-${name}-${version}.oci.tar`)}:${version}`;
}

async function digestOf(name: string): Promise<string> {
  const { stdout } = await run('skopeo', ['inspect', '--format', '{{.Digest}}', layoutOf(name)]);
  return stdout.trim();
}

interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function outcome(
  command: string,
  args: readonly string[],
  env?: NodeJS.ProcessEnv,
): Promise<Ran> {
  const options = { ...(env === undefined ? {} : { env }), maxBuffer: 64 * 1024 * 1024 };
  try {
    return { code: 0, ...(await run(command, args, options)) };
  } catch (thrown) {
    // What execFile rejects with.
    const { code, stdout, stderr } = thrown as { code: number; stdout: string; stderr: string };
    return { code, stdout, stderr };
  }
}

describeWithComponents(['kubectl', 'helm', 'node-22', 'node-26'], 'a release', () => {
  beforeAll(async () => {
    const clone = join(work, 'clone');
    execFileSync('git', ['clone', '--quiet', '--local', '.', clone]);
    execFileSync('cp', ['-al', 'node_modules', join(clone, 'node_modules')]);
    for (const out of releases) {
      const { code, stderr } = await outcome(join(clone, 'scripts/release'), [
        version,
        '--out',
        out,
      ]);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    }
  });

  test('made twice, it has the same bytes', () => {
    const [first, second] = releases.map((each) => readFileSync(join(each, 'SHA256SUMS'), 'utf8'));
    expect(first).toBe(second);
    expect(first?.split('\n').length).toBeGreaterThan(10);
  });

  test('verify finds nothing, and sha256sum neither', async () => {
    const said = await outcome('scripts/release', ['verify', release]);
    expect(said).toMatchObject({ code: 0, stderr: '' });
    expect(
      execFileSync('sha256sum', ['--check', '--quiet', 'SHA256SUMS'], {
        cwd: release,
        encoding: 'utf8',
      }),
    ).toBe('');
  });

  test('of a tree that is not committed, or of another version, none is made', async () => {
    const clone = join(work, 'clone');
    const other = await outcome(join(clone, 'scripts/release'), [
      '9.9.9',
      '--out',
      join(work, 'x'),
    ]);
    expect(other).toMatchObject({ code: 1 });
    expect(other.stderr).toContain(`this tree is version ${version}, not 9.9.9`);
    writeFileSync(join(clone, 'stray'), '');
    const dirty = await outcome(join(clone, 'scripts/release'), [
      version,
      '--out',
      join(work, 'x'),
    ]);
    rmSync(join(clone, 'stray'));
    expect(dirty.stderr).toContain('made of what is committed, and 1 files are not: ?? stray');
    expect(existsSync(join(work, 'x'))).toBe(false);
  });

  test('its images have one index for two architectures, which another reader finds whole', async () => {
    for (const name of ['helper', 'webhook', 'demo']) {
      const { stdout } = await run('skopeo', ['inspect', '--raw', layoutOf(name)]);
      const { manifests } = JSON.parse(stdout) as Index;
      expect(manifests.map(({ platform }) => platform)).toEqual([
        { architecture: 'amd64', os: 'linux' },
        { architecture: 'arm64', os: 'linux' },
      ]);
    }
    // Reads each blob, and compares its digest.
    const copy = join(work, 'copy');
    await run('skopeo', ['copy', '--all', '--quiet', layoutOf('demo'), `dir:${copy}`]);
    rmSync(copy, { recursive: true });
  });

  test('its manifests name images by the digest of that index', async () => {
    const text = readFileSync(join(release, 'manifests/install-kind.yaml'), 'utf8');
    const named = [...text.matchAll(/^ *image: (.*)$/gm)].map(([, image]) => image);
    expect(named).toEqual([
      `svidecar/helper@${await digestOf('helper')}`,
      `svidecar/webhook@${await digestOf('webhook')}`,
    ]);
  });

  test('the chart is one for helm, with the same images', async () => {
    const chart = join(release, `chart/svidecar-${version}.tgz`);
    const helm = programPath('helm');
    const packed = await outcome(helm, ['template', 'svidecar', chart, '--namespace', 'svidecar']);
    const folder = await outcome(helm, [
      'template',
      'svidecar',
      'manifests/helm/svidecar',
      '--namespace',
      'svidecar',
      '--set',
      `image.digest=${await digestOf('webhook')}`,
      '--set',
      `config.helper.image=svidecar/helper@${await digestOf('helper')}`,
    ]);
    expect(packed).toEqual(folder);
  });

  test('the package is small, has no dependencies and no scripts, and no TypeScript', async () => {
    expect(statSync(join(release, archive)).size).toBeLessThan(packageBudget);
    const listed = (await run('tar', ['-tzf', join(release, archive)])).stdout.split('\n');
    expect(listed.filter((path) => path.endsWith('.ts'))).toEqual([]);
    const { stdout } = await run('tar', ['-xzOf', join(release, archive), 'package/package.json']);
    // Our own, just written.
    const description = JSON.parse(stdout) as Record<string, unknown>;
    expect(Object.keys(description).filter((key) => /ependencies|scripts/.test(key))).toEqual([]);
  });

  describe.each([
    ['24', process.execPath],
    ['22', programPath('node-22')],
    ['26', programPath('node-26')],
  ])('on Node %s, in a home of its own and without a network', (name, node) => {
    const home = join(work, `home-${name}`);
    const prefix = join(home, 'prefix');
    const shop = join(home, 'shop.yaml');
    const env = { HOME: home, PATH: `${home}/bin:/usr/bin:/bin`, npm_config_offline: 'true' };
    const svidecar = (...args: readonly string[]): Promise<Ran> =>
      outcome(join(prefix, 'bin/svidecar'), args, env);

    beforeAll(async () => {
      mkdirSync(join(home, 'bin'), { recursive: true });
      symlinkSync(node, join(home, 'bin/node'));
      copyFileSync('manifests/demo/frontend.yaml', shop);
      const npm = execFileSync('bash', ['-c', 'command -v npm'], { encoding: 'utf8' }).trim();
      const installed = await outcome(
        npm,
        ['install', '-g', '--prefix', prefix, join(release, archive)],
        {
          ...env,
          PATH: `${env.PATH}:${dirname(npm)}`,
        },
      );
      expect(installed).toMatchObject({ code: 0 });
    });

    test('it says its version, and nothing else', async () => {
      expect(await svidecar('--version')).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' });
    });

    test('it injects as the clone does', async () => {
      const own = await outcome('scripts/svidecar', ['inject', shop]);
      expect(own).toMatchObject({ code: 0 });
      expect(await svidecar('inject', shop)).toEqual(own);
    });

    test('it checks files, and says what is missing for a cluster', async () => {
      expect(await svidecar('check', shop)).toMatchObject({ code: 0, stderr: '' });
      expect(await svidecar('check')).toMatchObject({ code: 3 });
    });

    test('it shows svidecar at work', async () => {
      const shown = await svidecar('dev');
      expect(shown).toMatchObject({ code: 0, stderr: '' });
      expect(shown.stdout).toContain('200  frontend asks backend through its own Envoy');
    });

    test('kubectl finds it as a plug-in', async () => {
      const kubectl = programPath('kubectl');
      const path = `${prefix}/bin:${env.PATH}`;
      const said = await outcome(kubectl, ['svidecar', '--version'], { ...env, PATH: path });
      expect(said).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' });
    });
  });
});
