/** What whoever makes a release gave is looked at before anything is made. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { refuseChangedFiles } from '../../../scripts/release.d/installed-files.ts';
import { refuseOtherPackages } from '../../../scripts/release.d/installed-packages.ts';
import { faultOfRegistry } from '../../../scripts/release.d/registry-name.ts';
import { trySigning } from '../../../scripts/release.d/signing.ts';
import { mayStop, stoppable } from '../../../scripts/release.d/stopping.ts';
import { gzippedTar } from '../../../scripts/tar.ts';

let work: string;
beforeEach(() => {
  work = mkdtempSync(join(tmpdir(), 'svidecar-making-'));
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(work, { recursive: true });
});

test.each(['registry:5000', 'localhost', 'registry.example.org/a__b/c--d', '[::1]:5000/team'])(
  '%s is a registry',
  (name) => {
    expect(faultOfRegistry(name)).toBeUndefined();
  },
);

test.each([
  ['registry', 'a host has a dot or a port'],
  ['a.b/x._y', '"x._y" is no folder'],
  ['a.b/X', '"X" is no folder'],
  ['https://a.b', '"https:" is no host'],
  ['a.b/', '"" is no folder'],
])('%s is none, and why is said', (name, why) => {
  expect(faultOfRegistry(name)).toContain(why);
});

describe('a key', () => {
  const keyWith = (passphrase: string): string => {
    const key = join(work, 'key');
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', passphrase, '-f', key]);
    return key;
  };
  const trying = (key: string) => (): void => {
    trySigning(key);
  };
  beforeEach(() => {
    // Nobody is asked, and nobody helps.
    vi.stubEnv('SSH_ASKPASS', '/bin/false');
    vi.stubEnv('SSH_ASKPASS_REQUIRE', 'force');
    vi.stubEnv('SSH_AUTH_SOCK', '');
  });

  test('that signs is taken, and a public one, a folder or none is not', () => {
    const key = keyWith('');
    trySigning(key);
    rmSync(key);
    for (const other of [`${key}.pub`, work, join(work, 'none')])
      expect(trying(other)).toThrow(`cannot sign with ${other}: `);
  });

  test('with a passphrase and nobody to ask is refused, with what to do', () => {
    expect(trying(keyWith('secret'))).toThrow('needs a terminal or ssh-agent');
  });
});

test('packages that are not those of the lock file are refused', () => {
  const folder = join(work, 'node_modules/a');
  mkdirSync(folder, { recursive: true });
  const write = (file: string, content: object): void => {
    writeFileSync(join(work, file), JSON.stringify(content));
  };
  const lock = { packages: { 'node_modules/a': { version: '1.0.0', integrity: 'x' } } };
  const refuse = (): void => {
    refuseOtherPackages(work);
  };
  expect(refuse).toThrow('npm installed no packages here');
  write('package-lock.json', lock);
  write('node_modules/.package-lock.json', lock);
  write('node_modules/a/package.json', { version: '1.0.0' });
  refuse();
  write('node_modules/a/package.json', { version: '1.0.1' });
  expect(refuse).toThrow('node_modules/a is not what package-lock.json names');
  write('node_modules/.package-lock.json', { packages: {} });
  expect(refuse).toThrow('node_modules/a is in package-lock.json, and not installed');
});

describe('files of packages', () => {
  const cache = (): string => join(work, 'cache');
  const inPackage = (path: string): string => join(work, 'node_modules/a', path);
  const refuse = (): readonly string[] => refuseChangedFiles(cache(), work);
  let integrity: string;

  beforeEach(() => {
    const files = [
      { path: 'package/index.js', mode: 0o644, content: Buffer.from('1') },
      { path: 'package/lib/b.js', mode: 0o644, content: Buffer.from('2') },
    ];
    const archive = gzippedTar(files);
    const hash = createHash('sha512').update(archive).digest();
    const hex = hash.toString('hex');
    integrity = `sha512-${hash.toString('base64')}`;
    const folder = join(cache(), '_cacache/content-v2/sha512', hex.slice(0, 2), hex.slice(2, 4));
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, hex.slice(4)), archive);
    mkdirSync(inPackage('lib'), { recursive: true });
    writeFileSync(inPackage('index.js'), '1');
    writeFileSync(inPackage('lib/b.js'), '2');
    const packages = { 'node_modules/a': { version: '1.0.0', integrity } };
    writeFileSync(join(work, 'node_modules/.package-lock.json'), JSON.stringify({ packages }));
  });

  test('as they were installed are taken', () => {
    expect(refuse()).toEqual([]);
  });

  test.each<[string, () => void, string]>([
    [
      'changed',
      () => {
        writeFileSync(inPackage('lib/b.js'), '3');
      },
      'node_modules/a/lib/b.js is not as in the archive',
    ],
    [
      'gone',
      () => {
        rmSync(inPackage('index.js'));
      },
      'node_modules/a/index.js is not as in the archive',
    ],
    [
      'added',
      () => {
        writeFileSync(inPackage('lib/index.js'), '');
      },
      'node_modules/a/lib/index.js is not as in the archive',
    ],
    [
      'of a package that lies nearer',
      () => {
        mkdirSync(inPackage('node_modules/@b/c'), { recursive: true });
        writeFileSync(inPackage('node_modules/@b/c/index.js'), '');
      },
      'node_modules/a/node_modules/@b/c/index.js is not as in the archive',
    ],
    [
      'of a package too many',
      () => {
        mkdirSync(join(work, 'node_modules/@b/c'), { recursive: true });
      },
      'node_modules/@b/c: in no package-lock.json',
    ],
    [
      'of a package elsewhere',
      () => {
        symlinkSync(work, join(work, 'node_modules/b'));
      },
      'node_modules/b: in no package-lock.json',
    ],
  ])('that are %s are refused', (_what, change, words) => {
    change();
    expect(refuse).toThrow(words);
  });

  test('that npm does not have any more, or not as it had them, are told of', () => {
    const found = join(cache(), '_cacache/content-v2/sha512');
    const hex = Buffer.from(integrity.slice(7), 'base64').toString('hex');
    const file = join(found, hex.slice(0, 2), hex.slice(2, 4), hex.slice(4));
    writeFileSync(file, 'other');
    expect(refuse()).toEqual(['node_modules/a']);
    rmSync(file);
    expect(refuse()).toEqual(['node_modules/a']);
  });
});

test('a run that is stopped says so, once what it began is taken away', async () => {
  const said = vi.spyOn(console, 'error').mockReturnValue();
  const run = stoppable(async () => {
    try {
      process.kill(process.pid, 'SIGTERM');
      await mayStop();
      writeFileSync(join(work, 'released'), '');
    } finally {
      writeFileSync(join(work, 'removed'), '');
    }
  });
  await expect(run).rejects.toThrow('stopped by SIGTERM: no release was made');
  expect(readdirSync(work)).toEqual(['removed']);
  expect(said).toHaveBeenCalledWith('stopping at SIGTERM …');
  said.mockRestore();
});
