import { execFile, execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isObject, listAt, objectAt, stringAt } from '#kernel/json.ts';
import { helperVersion } from '../../sidecar/helper/version.ts';
import { startProcess, waitUntil } from './harness/processes.ts';
import {
  containerCommand,
  readJsonFile,
  systemPath,
  unpackImages,
  type UnpackedImage,
} from './harness/unpacked-images.ts';

const work = mkdtempSync(join(tmpdir(), 'svidecar-images-'));
afterAll(() => {
  rmSync(work, { recursive: true });
});

const run = promisify(execFile);
/** Ours. Envoy's image is laid out by the same code and runs in the cluster's tests. */
const names = ['helper', 'webhook', 'demo'] as const;

const writtenSettings = `# by hand
version: 1
listen: {host: 0.0.0.0, port: 9010}
health: {host: 0.0.0.0, port: 9011}
rules:
  - name: jwt-ban
    mode: ban
    claims: [email]
    store: {redis: {url: "redis://127.0.0.1:1"}} # nobody listens
`;
const tutorialConf = `socket_path = "/mnt/agent.sock"
host = "0.0.0.0"
port = 9010
jwt_mode = "jwt_svid_validator"
audience = "spiffe://example.org/backend"
`;

/** Kind, mode, owner and path of all that is there, and the hashes of files. */
function listing(root: string): readonly string[] {
  const script = String.raw`find . -mindepth 1 -printf '%y %m %U:%G %p\n'; find . -type f -exec sha256sum {} +`;
  return execFileSync('sh', ['-c', script], { cwd: root, encoding: 'utf8' }).split('\n').sort();
}

/** What a container has at least: its own files, its variables, its user, and /proc, without which Bun does not start. */
const inside =
  'mkdir -p "$1/proc" && mount --bind /proc "$1/proc" && root=$1 && shift && exec chroot --userspec=65532:65532 "$root" "$@"';

/** @returns what it writes */
function runAlone(
  { root, config }: Pick<UnpackedImage, 'root' | 'config'>,
  words: readonly string[],
): string {
  const settings = objectAt(config, 'config');
  const env = listAt(settings, 'Env').map(String);
  const command = [...listAt(settings, 'Entrypoint').map(String), ...words];
  const unshare = ['unshare', '--mount', 'sh', '-c', inside, 'sh', root, ...command];
  return execFileSync('env', ['-i', ...env, systemPath, ...unshare], { encoding: 'utf8' });
}

describe('the images that are made without a builder', () => {
  let images: ReadonlyMap<string, UnpackedImage>;

  beforeAll(async () => {
    const archive = join(work, 'images.tar');
    await run('bash', ['scripts/image', ...names, '--out', archive]);
    images = unpackImages(archive, work);
  });

  function image(reference: string): UnpackedImage {
    const found = images.get(reference);
    if (found === undefined) throw new TypeError(`no image ${reference}`);
    return found;
  }

  test('have the names that the manifests ask for, a numeric user, and labels', () => {
    expect([...images.keys()]).toEqual([
      'svidecar/helper:0.2.0',
      'svidecar/webhook:0.2.0',
      'svidecar/demo:0.2.0',
    ]);
    for (const { config } of images.values()) {
      const settings = objectAt(config, 'config');
      expect(settings['User']).toBe('65532:65532');
      expect(objectAt(settings, 'Labels')).toMatchObject({
        'org.opencontainers.image.version': helperVersion,
        'org.opencontainers.image.licenses': 'Apache-2.0',
      });
    }
  });

  test.runIf(process.getuid?.() === 0).for(names)(
    'are made of the same files by a builder that is given the folder with its Dockerfile: %s',
    async (name) => {
      const folder = join(work, `folder-of-${name}`);
      // Somebody whose new files are for nobody else.
      const make = `umask 077; exec bash scripts/image ${name} --folder "$1"`;
      await run('bash', ['-c', make, 'bash', folder]);
      const store = ['--root', join(work, 'store'), '--runroot', join(work, 'run')];
      const buildah = (...args: readonly string[]): Promise<unknown> =>
        run('buildah', [...store, '--storage-driver', 'vfs', ...args]);
      const tag = `svidecar/${name}:own`;
      await buildah('bud', '--isolation', 'chroot', '--quiet', '--tag', tag, folder);
      const archive = join(work, `own-${name}.tar`);
      await buildah('push', '--quiet', tag, `docker-archive:${archive}:${tag}`);
      const [built] = unpackImages(archive, work).values();
      if (built === undefined) throw new TypeError('no image of the builder');
      const own = image(`svidecar/${name}:0.2.0`);
      expect(listing(built.root)).toEqual(listing(own.root));
      const { Labels, ...settings } = objectAt(built.config, 'config');
      const { Labels: labels, ...others } = objectAt(own.config, 'config');
      expect(settings).toEqual(others);
      expect(Labels).toMatchObject(isObject(labels) ? labels : {});
    },
  );

  test('hold of our package.json what the webhook reads of it', () => {
    const { root } = image('svidecar/webhook:0.2.0');
    expect(readJsonFile(join(root, 'opt/svidecar/package.json'))).toEqual({
      version: helperVersion,
    });
  });

  test('share the layer with Node, so that it is imported once', () => {
    const webhook = image('svidecar/webhook:0.2.0');
    const demo = image('svidecar/demo:0.2.0');
    expect(webhook.layers[0]).toBe(demo.layers[0]);
    expect(webhook.layers[1]).not.toBe(demo.layers[1]);
  });

  test.runIf(process.getuid?.() === 0).for([
    ['svidecar/helper:0.2.0', ['-version'], `auth-helper ${helperVersion}`],
    ['svidecar/webhook:0.2.0', ['--version'], helperVersion],
    ['svidecar/webhook:0.2.0', ['render', 'templates'], /jwt-inject[^]*jwt-validate/],
  ] as const)('%s runs with nothing but its own files: %s', ([reference, words, expected]) => {
    const { root, config } = image(reference);
    expect(runAlone({ root, config }, words)).toMatch(expected);
  });

  test.runIf(process.getuid?.() === 0).for(['bun', 'node'])(
    "the helper's script on %s is an image as well",
    async (runtime) => {
      const archive = join(work, `${runtime}.tar`);
      await run('bash', ['scripts/image', 'helper', '--runtime', runtime, '--out', archive]);
      const script = unpackImages(archive, work).get('svidecar/helper:0.2.0');
      if (script === undefined) throw new TypeError('no image of the helper');
      const labels = objectAt(objectAt(script.config, 'config'), 'Labels');
      expect(labels['dev.svidecar.image.runtime']).toMatch(runtime);
      expect(runAlone(script, ['-version'])).toMatch(`auth-helper ${helperVersion}`);
    },
  );

  test('run the helper as one program, whose Bun the SBOM names', () => {
    const { root, config } = image('svidecar/helper:0.2.0');
    const settings = objectAt(config, 'config');
    expect(listAt(settings, 'Entrypoint')).toEqual(['/usr/local/bin/auth-helper']);
    expect(existsSync(join(root, 'opt'))).toBe(false);
    const document = readJsonFile(join(root, 'usr/share/svidecar/sbom.spdx.json'));
    const parts = listAt(isObject(document) ? document : {}, 'packages').filter(isObject);
    const names = parts.map(({ name }) => name);
    for (const inside of ['bun', '@redis/client', 'yaml', 'zod']) expect(names).toContain(inside);
    expect(names).not.toContain('node');
    // Its engine reads our bounds for memory: it would not start with one that it cannot read.
    const env = { BUN_JSC_forceRAMSize: 'much' };
    const program = join(root, 'usr/local/bin/auth-helper');
    expect(() => execFileSync(program, ['-version'], { env, stdio: 'pipe' })).toThrow(
      'BUN_JSC_forceRAMSize',
    );
  });

  test.runIf(process.getuid?.() === 0).for([
    ['in YAML, with a list in Redis', writtenSettings, 'redis://127.0.0.1:1'],
    ["in the tutorial's form", tutorialConf, 'gives no JWT bundle'],
  ] as const)(
    'the helper serves with settings %s, with no network and nothing that it could write to',
    async ([, text, said]) => {
      const folder = mkdtempSync(join(work, 'settings-'));
      chmodSync(folder, 0o755);
      writeFileSync(join(folder, 'helper.conf'), text);
      const [command = '', ...args] = containerCommand(image('svidecar/helper:0.2.0'), {
        volume: folder,
        words: ['-config', '/mnt/helper.conf'],
        namespaces: ['--net'],
      });
      const running = startProcess({ name: 'run', command, args, folder });
      const says = (words: string): Promise<void> =>
        waitUntil(`it says ${words}`, () => Promise.resolve(running.logTail().includes(words)), {
          processes: [running],
          deadlineMs: 20_000,
        });
      try {
        await says('"msg":"listening"');
        await says(said);
        expect(running.logTail()).not.toContain('could not be loaded');
      } finally {
        await running.stop();
      }
    },
  );

  test.each([
    ['helper', ['bun', 'yaml', '@redis/client'], 'GNU LIBRARY GENERAL PUBLIC LICENSE'],
    ['webhook', ['node', 'fastify', 'libc6', 'libstdc++6'], 'RUNTIME LIBRARY EXCEPTION'],
    ['demo', ['node', 'libc6', 'libgcc-s1'], 'GNU LESSER GENERAL PUBLIC LICENSE'],
  ])('hold the licence texts of what is by others: %s', (name, inside, words) => {
    const folder = join(image(`svidecar/${name}:0.2.0`).root, 'usr/share/doc/svidecar');
    const notices = readFileSync(join(folder, 'THIRD-PARTY-NOTICES'), 'utf8');
    for (const each of inside) expect(notices).toContain(`\n${each} `);
    expect(notices.toUpperCase()).toContain(words);
    expect(existsSync(join(folder, 'LICENSE'))).toBe(true);
  });

  test('list in their SBOM what the lock file says of the packages inside, and each file', () => {
    const { root } = image('svidecar/webhook:0.2.0');
    const document = readJsonFile(join(root, 'usr/share/svidecar/sbom.spdx.json'));
    expect(document).toEqual(readJsonFile(join(work, 'images.webhook.spdx.json')));
    const all = isObject(document) ? document : {};
    const byName = new Map(
      listAt(all, 'packages')
        .filter(isObject)
        .map((part) => [part['name'], part]),
    );
    expect(byName.get('fastify')).toMatchObject({
      versionInfo: '5.12.8',
      licenseDeclared: 'MIT',
      externalRefs: [{ referenceType: 'purl', referenceLocator: 'pkg:npm/fastify@5.12.8' }],
    });
    expect(byName.get('node')).toMatchObject({ versionInfo: process.version.slice(1) });
    expect(byName.get('node')).toMatchObject({ licenseDeclared: 'MIT' });
    // Needed to build and to test, and therefore not in the image.
    expect(byName.has('vitest')).toBe(false);
    expect(byName.has('esbuild')).toBe(false);
    const files = execFileSync('find', ['.', '-type', 'f'], { cwd: root, encoding: 'utf8' });
    const listed = listAt(all, 'files').filter(isObject);
    const own = './usr/share/svidecar/sbom.spdx.json';
    const there = files
      .trim()
      .split('\n')
      .filter((path) => path !== own);
    expect(listed.map((file) => stringAt(file, 'fileName')).sort()).toEqual(there.sort());
  });
});
