/** A release is made twice of what is committed, and used by somebody who has only its files. */
import { execFile, execFileSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { verifyRelease } from '../../scripts/release.d/verify-release.ts';
import { programPath } from '../../scripts/pins.ts';
import { answerFromDemo, headerFromHelper, reviewFromWebhook } from './harness/asked-images.ts';
import { describeWithComponents } from './harness/components.ts';
import { budgets, packagesStated, tamper } from './harness/release-contents.ts';
import { unpackImages } from './harness/unpacked-images.ts';

const run = promisify(execFile);
// Beside the packages, which the clone gets as hard links: a link to their folder would be followed.
mkdirSync('dist', { recursive: true });
const work = mkdtempSync(resolve('dist/release-test-'));
afterAll(() => {
  rmSync(work, { recursive: true });
});

// Our own package.json.
const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
/** Milliseconds for two releases beside other tests. */
const makeMs = 480_000;
/** Milliseconds for three programs under emulation, likewise. */
const emulatedMs = 240_000;
const releases = ['first', 'second'].map((name) => join(work, name));
const [release = ''] = releases;
const archive = `npm/svidecar-${version}.tgz`;

function programOf(platform: string): string {
  return join(release, `cli/svidecar-${version}-${platform}.tar.gz`);
}

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

const components = [
  'kubectl',
  'helm',
  'node-22',
  'node-26',
  'bun-arm64',
  'bun-darwin-x64',
  'bun-darwin-arm64',
  'node-arm64',
  'libraries-arm64',
  'qemu-aarch64-static',
];

describeWithComponents(components, 'a release', () => {
  beforeAll(async () => {
    const made = releases.map(async (out, index) => {
      const clone = join(work, `clone-${index}`);
      // Of the first one: whoever works here may commit meanwhile.
      const source = index === 0 ? '.' : join(work, 'clone-0');
      execFileSync('git', ['clone', '--quiet', '--local', source, clone]);
      execFileSync('cp', ['-al', 'node_modules', join(clone, 'node_modules')]);
      const args = [version, '--out', out];
      const { code, stderr } = await outcome(join(clone, 'scripts/release'), args);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    });
    await Promise.all(made);
  }, makeMs);

  test('made twice, in two folders, it has the same bytes', () => {
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

  test('verify tells of what is not as in the commit, though all lists were made again', () => {
    const tampered = join(work, 'tampered');
    execFileSync('cp', ['-al', release, tampered]);
    tamper(tampered, version);
    const { faults, notes } = verifyRelease(tampered, undefined);
    rmSync(tampered, { recursive: true });
    expect(faults).toEqual([
      'provenance.json: it does not state urn:svidecar:package-lock.json as it is in the commit',
      `chart/svidecar-${version}.tgz: svidecar/templates/service.yaml is not the one of the commit`,
      expect.stringMatching(/^manifests\/install-kind\.yaml: object \d+ of it is not the one/),
    ]);
    expect(notes.join()).toContain('are those of commit');
  });

  test('of a tree that is not committed, or of another version, none is made', async () => {
    const clone = join(work, 'clone-0');
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
    expect(dirty.stderr).toContain(
      'made of what is committed, and not committed are 1 files: ?? stray',
    );
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

  test.each(['amd64', 'arm64'])(
    'its images for %s run as nobody, and say what they are and of which commit',
    async (architecture) => {
      const clone = join(work, 'clone-0');
      const head = ['-C', clone, 'rev-parse', 'HEAD'];
      const commit = execFileSync('git', head, { encoding: 'utf8' }).trim();
      for (const name of ['helper', 'webhook', 'demo']) {
        const args = ['inspect', '--config', '--override-arch', architecture, layoutOf(name)];
        const { stdout } = await run('skopeo', args);
        expect(JSON.parse(stdout)).toMatchObject({
          architecture,
          config: {
            User: '65532:65532',
            Labels: {
              'org.opencontainers.image.title': `svidecar/${name}`,
              'org.opencontainers.image.version': version,
              'org.opencontainers.image.licenses': 'Apache-2.0',
              'org.opencontainers.image.revision': commit,
            },
          },
        });
      }
    },
  );

  test.runIf(process.getuid?.() === 0)(
    'its images for arm64 hold no shell, and work under emulation, with nothing that they could write to',
    async () => {
      const [helper, webhook, demo] = ['helper', 'webhook', 'demo'].map((name) => {
        const archive = join(release, `images/svidecar-${name}-${version}-linux-arm64.tar`);
        const [image] = unpackImages(archive, work).values();
        if (image === undefined) throw new TypeError(`no image of ${name}`);
        const files = execFileSync('find', ['.', '-type', 'f'], {
          cwd: image.root,
          encoding: 'utf8',
        });
        expect(files).not.toMatch(/\/(sh|bash|dash|busybox|apt|dpkg)$/m);
        const folder = mkdtempSync(join(work, `${name}-`));
        return { image, folder, emulator: programPath('qemu-aarch64-static') };
      });
      if (helper === undefined || webhook === undefined || demo === undefined) return;
      const [header, review, answer] = await Promise.all([
        headerFromHelper(helper),
        reviewFromWebhook(webhook),
        answerFromDemo(demo),
      ]);
      expect(header).toMatch(/^Bearer eyJ/);
      expect(review).toContain('"patch":"');
      expect(answer).toContain('there is nothing at /');
    },
    emulatedMs,
  );

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

  test('nothing is larger than it may be', () => {
    for (const [paths, budget] of budgets) {
      const sums = readFileSync(join(release, 'SHA256SUMS'), 'utf8').split('\n');
      const found = sums.map((line) => line.slice(66)).filter((path) => paths.test(path));
      expect(found).not.toEqual([]);
      for (const path of found)
        expect(statSync(join(release, path)).size, path).toBeLessThan(budget);
    }
  });

  test('what docs/releases.md says of that is so', () => {
    const page = readFileSync('docs/releases.md', 'utf8');
    const said = /^What is fetched is bounded[^]*?\n\n/m.exec(page)?.[0].match(/\b\d+\b/g);
    expect(said?.map(Number)).toEqual(budgets.map(([, bytes]) => bytes / 1_000_000));
  });

  test('the package has no dependencies and no scripts, and no TypeScript', async () => {
    const listed = (await run('tar', ['-tzf', join(release, archive)])).stdout.split('\n');
    expect(listed.filter((path) => path.endsWith('.ts'))).toEqual([]);
    const { stdout } = await run('tar', ['-xzOf', join(release, archive), 'package/package.json']);
    // Our own, just written.
    const description = JSON.parse(stdout) as Record<string, unknown>;
    expect(Object.keys(description).filter((key) => /ependencies|scripts/.test(key))).toEqual([]);
  });

  test('what the pages hold is in the statements of contents, and all licences in the notices', async () => {
    const folder = mkdtempSync(join(work, 'package-'));
    await run('tar', ['-xzf', join(release, archive), '-C', folder]);
    const read = (path: string): string => readFileSync(join(folder, 'package', path), 'utf8');
    const pages = readdirSync(join(folder, 'package/dist/pages')).map((name) =>
      read(`dist/pages/${name}`),
    );
    const inPages = pages.flatMap(
      (html) => /Inside: (.*)\. -->/.exec(html)?.[1]?.split(', ') ?? [],
    );
    for (const name of ['preact', '@codemirror/view', '@lezer/lr', '@noble/hashes'])
      expect(inPages.some((each) => each.startsWith(`${name} `))).toBe(true);
    const stated = packagesStated(join(release, archive.replace('.tgz', '.spdx.json')));
    expect(inPages.filter((each) => !stated.includes(each))).toEqual([]);
    const notices = read('THIRD-PARTY-NOTICES');
    expect(stated.slice(1).filter((each) => !notices.includes(`\n${each}\n`))).toEqual([]);
    const program = packagesStated(programOf('darwin-arm64').replace('.tar.gz', '.spdx.json'));
    expect(inPages.filter((each) => !program.includes(each))).toEqual([]);
  });

  test('a program has its licence beside it, and those of what is inside', async () => {
    const { stdout } = await run('tar', ['-tzf', programOf('darwin-arm64')]);
    expect(stdout).toBe('LICENSE\nTHIRD-PARTY-NOTICES\nsvidecar\n');
    const args = ['-xzOf', programOf('darwin-arm64'), 'THIRD-PARTY-NOTICES'];
    const notices = (await run('tar', args)).stdout;
    for (const inside of ['bun', 'fastify', 'preact']) expect(notices).toContain(`\n${inside} `);
  });

  test.each([
    ['linux-arm64', '7f454c46'],
    ['darwin-x64', 'cffaedfe07000001'],
    ['darwin-arm64', 'cffaedfe0c000001'],
  ])('the program for %s is one of that system', async (platform, magic) => {
    const folder = mkdtempSync(join(work, `${platform}-`));
    await run('tar', ['-xzf', programOf(platform), '-C', folder]);
    const program = join(folder, 'svidecar');
    const bytes = readFileSync(program);
    expect(bytes.toString('hex', 0, magic.length / 2)).toBe(magic);
    // One for macOS does not start there without a signature: it has one of nobody, from its start to its end.
    const signature = bytes.lastIndexOf(Buffer.from('fade0cc0', 'hex'));
    if (platform === 'darwin-arm64')
      expect(signature + bytes.readUInt32BE(signature + 4)).toBe(bytes.length);
    if (platform !== 'linux-arm64') return;
    const folders = readdirSync(programPath('libraries-arm64'));
    const libraries = folders.find((name) => name.startsWith('libc6_')) ?? '';
    const system = ['-L', join(programPath('libraries-arm64'), libraries)];
    const said = await outcome(programPath('qemu-aarch64-static'), [
      ...system,
      program,
      '--version',
    ]);
    expect(said).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' });
  });

  describe.each([
    ['on Node 24', process.execPath],
    ['on Node 22', programPath('node-22')],
    ['on Node 26', programPath('node-26')],
    ['as a program without Node', undefined],
  ])('%s, in a home of its own and without a network', (name, node) => {
    const home = join(work, name);
    const prefix = join(home, 'prefix');
    const shop = join(home, 'shop.yaml');
    const env = { HOME: home, PATH: `${home}/bin:/usr/bin:/bin`, npm_config_offline: 'true' };
    const svidecar = (...args: readonly string[]): Promise<Ran> =>
      outcome(join(prefix, 'bin/svidecar'), args, env);

    async function install(): Promise<Ran> {
      if (node === undefined) {
        mkdirSync(join(prefix, 'bin'), { recursive: true });
        symlinkSync('svidecar', join(prefix, 'bin/kubectl-svidecar'));
        return outcome('tar', ['-xzf', programOf('linux-x64'), '-C', join(prefix, 'bin')]);
      }
      symlinkSync(node, join(home, 'bin/node'));
      const npm = execFileSync('bash', ['-c', 'command -v npm'], { encoding: 'utf8' }).trim();
      const path = `${env.PATH}:${dirname(npm)}`;
      const args = ['install', '-g', '--prefix', prefix, join(release, archive)];
      return outcome(npm, args, { ...env, PATH: path });
    }

    beforeAll(async () => {
      mkdirSync(join(home, 'bin'), { recursive: true });
      copyFileSync('manifests/demo/frontend.yaml', shop);
      expect(await install()).toMatchObject({ code: 0 });
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
