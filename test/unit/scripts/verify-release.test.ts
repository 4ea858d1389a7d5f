/** A folder is a release only as long as nothing in it was changed, added or taken away, and by whom it was signed. */
import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import {
  provenanceFile,
  signatureFile,
  sumsFile,
  sumsOf,
  sumsText,
} from '../../../scripts/release.d/listed-files.ts';
import { releaseInFolder } from '../../fakes/release-in-folder.ts';
import { signatureNamespace, verifyRelease } from '../../../scripts/release.d/verify-release.ts';

const here = releaseInFolder();

const yaml = 'manifests/install-kind.yaml';

afterEach(() => {
  vi.unstubAllEnvs();
});

const faults = (signers?: Parameters<typeof verifyRelease>[1]): readonly string[] =>
  verifyRelease(here.folder, signers).faults;

test('as it was made, nothing is wrong, and it says that nobody was asked who made it', () => {
  const { faults, notes } = verifyRelease(here.folder, undefined);
  expect(faults).toEqual([]);
  expect(notes.join()).toContain('release 1.0.0: 29 files have the sums');
  expect(notes.join()).toContain('who made this folder is not known');
});

test('sha256sum reads the list as well', () => {
  const said = execFileSync('sha256sum', ['--check', sumsFile], {
    cwd: here.folder,
    encoding: 'utf8',
  });
  expect(said).toMatch(/^chart\/svidecar-1\.0\.0\.tgz: OK\n/);
});

test.each([
  [
    'a file that was changed',
    () => {
      appendFileSync(join(here.folder, yaml), 'x');
    },
    'manifests/install-kind.yaml differs from what is in SHA256SUMS',
  ],
  [
    'a file that was added',
    () => {
      writeFileSync(join(here.folder, 'c'), '');
    },
    'c is not in SHA256SUMS: it does not belong here',
  ],
  [
    'a file that is gone',
    () => {
      rmSync(join(here.folder, yaml));
    },
    'manifests/install-kind.yaml is in SHA256SUMS, and missing',
  ],
  [
    'a list that was cut',
    () => {
      writeFileSync(join(here.folder, sumsFile), '');
    },
    'manifests/install-kind.yaml is not in SHA256SUMS',
  ],
  [
    'a list that is none',
    () => {
      writeFileSync(join(here.folder, sumsFile), 'x');
    },
    'a line that is not "SHA256  PATH": x',
  ],
  [
    'a list and a file that were changed together',
    () => {
      appendFileSync(join(here.folder, yaml), 'x');
      writeFileSync(join(here.folder, sumsFile), sumsText(sumsOf(here.folder)));
    },
    'manifests/install-kind.yaml differs from what is in provenance.json',
  ],
  [
    'a link beside the files',
    () => {
      symlinkSync('/etc/passwd', join(here.folder, 'npm/link'));
    },
    'npm/link is a symbolic link: it does not belong here',
  ],
  [
    'a folder that is a link to the same files',
    () => {
      renameSync(join(here.folder, 'npm'), join(here.work, 'npm'));
      symlinkSync(join(here.work, 'npm'), join(here.folder, 'npm'));
    },
    'npm is a symbolic link: it does not belong here',
  ],
  [
    'a pipe, which is not read',
    () => {
      execFileSync('mkfifo', [join(here.folder, 'npm/pipe')]);
    },
    'npm/pipe is no ordinary file: it does not belong here',
  ],
  [
    'a name in no writing',
    () => {
      writeFileSync(Buffer.from(`${here.folder}/npm/\xff`, 'latin1'), '');
    },
    'npm/\ufffd has a name that is not UTF-8: it does not belong here',
  ],
  [
    'a list that is a pipe',
    () => {
      rmSync(join(here.folder, sumsFile));
      execFileSync('mkfifo', [join(here.folder, sumsFile)]);
    },
    'SHA256SUMS is no ordinary file',
  ],
  [
    'a statement without an end',
    () => {
      truncateSync(join(here.folder, provenanceFile), 5 * 1024 ** 3);
    },
    'provenance.json has 5368709120 bytes',
  ],
  [
    'a text that is too large to be parsed',
    () => {
      truncateSync(join(here.folder, 'npm/svidecar-1.0.0.spdx.json'), 5 * 1024 ** 2);
    },
    'npm/svidecar-1.0.0.spdx.json has 5242880 bytes',
  ],
  [
    'a manifest that is too large to be parsed',
    () => {
      truncateSync(join(here.folder, yaml), 5 * 1024 ** 2);
    },
    'manifests/install-kind.yaml has 5242880 bytes',
  ],
  [
    'a file that is listed twice',
    () => {
      const text = sumsText(sumsOf(here.folder));
      writeFileSync(join(here.folder, sumsFile), text + text);
    },
    'SHA256SUMS has two lines about chart/svidecar-1.0.0.tgz',
  ],
  [
    'a statement about nothing',
    () => {
      const text = readFileSync(join(here.folder, provenanceFile), 'utf8');
      const statement = { ...(JSON.parse(text) as object), subject: [null, { name: 3 }] };
      writeFileSync(join(here.folder, provenanceFile), JSON.stringify(statement));
    },
    'provenance.json is twice about ',
  ],
  [
    'a statement that is no JSON',
    () => {
      writeFileSync(join(here.folder, provenanceFile), '{');
    },
    'no in-toto statement',
  ],
  [
    'no list',
    () => {
      rmSync(join(here.folder, sumsFile));
    },
    'SHA256SUMS is missing: this is no release',
  ],
  [
    'a statement that is none',
    () => {
      writeFileSync(join(here.folder, provenanceFile), '{}');
    },
    'no in-toto statement',
  ],
])('%s is told', (_what, change, words) => {
  change();
  expect(faults().join('\n')).toContain(words);
});

const change = (path: string, is: string, becomes: string) => () => {
  here.release.change(path, is, becomes);
};

/** The sums are those of the files, as whoever can write the folder makes them. */
test.each<[string, () => unknown, string]>([
  [
    'of another builder',
    change(provenanceFile, 'urn:svidecar:scripts/release', 'urn:evil'),
    'its id is "urn:evil", not urn:svidecar:scripts/release',
  ],
  [
    'of another kind',
    change(provenanceFile, 'https://slsa.dev/provenance/v1', 'https://example.org/v1'),
    'its predicateType is "https://example.org/v1"',
  ],
  [
    'with nothing but subjects',
    () => {
      writeFileSync(join(here.folder, provenanceFile), '{"subject": []}');
    },
    'its _type is undefined, not https://in-toto.io/Statement/v1',
  ],
  [
    'of no commit',
    change(provenanceFile, 'c0ffee00', 'c0ffee0'),
    'it states no gitCommit, or none of its form',
  ],
])('a statement %s is told', (_what, change, words) => {
  change();
  writeFileSync(join(here.folder, sumsFile), sumsText(sumsOf(here.folder)));
  expect(faults().join('\n')).toContain(words);
});

/** In the place of ssh-keygen, which is run once all sums are known and before anything is looked into. */
test.each([
  ['a file', `printf '\\n' >> ${yaml}`, yaml],
  ['the list', `printf '\\n' >> ${sumsFile}`, sumsFile],
  ['the statement', `printf '\\n' >> ${provenanceFile}`, provenanceFile],
  ['what was not there', 'echo > npm/more', 'npm/more'],
  ['what is gone', `rm ${yaml}`, yaml],
])('%s that changes while the folder is looked at is told', (_what, command, path) => {
  const programs = join(here.work, 'bin');
  mkdirSync(programs);
  const file = join(programs, 'ssh-keygen');
  writeFileSync(file, `#!/bin/sh\ncat > /dev/null; cd '${here.folder}' && ${command}\n`, {
    mode: 0o755,
  });
  writeFileSync(
    join(here.folder, signatureFile),
    '-----BEGIN SSH SIGNATURE-----\nAA==\n-----END SSH SIGNATURE-----\n',
  );
  vi.stubEnv('PATH', `${programs}:${process.env['PATH'] ?? ''}`);
  const told = faults({ file, identity: 'a' }).join('\n');
  expect(told).toContain(`${path} changed while it was looked at`);
});

describe.runIf(existsSync('/usr/bin/ssh-keygen'))('a signature', () => {
  const identity = 'releases@svidecar.dev';
  let signers: { file: string; identity: string };
  beforeEach(() => {
    const key = join(here.work, 'key');
    const quiet = { stdio: 'ignore' as const };
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'x', '-f', key], quiet);
    const published = execFileSync('ssh-keygen', ['-y', '-f', key], { encoding: 'utf8' });
    const file = join(here.work, 'signers');
    writeFileSync(file, `${identity} ${published}`);
    signers = { file, identity };
    const args = ['-Y', 'sign', '-f', key, '-n', signatureNamespace, join(here.folder, sumsFile)];
    execFileSync('ssh-keygen', args, quiet);
  });

  test('of whom it should be is accepted', () => {
    const verified = verifyRelease(here.folder, signers);
    expect(verified.faults).toEqual([]);
    expect(verified.notes.join()).toContain(`Good "${signatureNamespace}" signature`);
  });

  test.each([
    ['valid-before="20200101"', 'key has expired'],
    ['valid-after="20900101"', 'key is not yet valid'],
    ['namespaces="file"', 'not permitted for use in signature namespace'],
    ['cert-authority', 'Could not verify signature'],
  ])('of a signer with %s is not accepted', (option, words) => {
    const [, ...key] = readFileSync(signers.file, 'utf8').split(' ');
    writeFileSync(signers.file, `${identity} ${option} ${key.join(' ')}`);
    expect(faults(signers).join()).toContain(words);
  });

  test('of somebody else, or of another list, or none, is told', () => {
    expect(faults({ ...signers, identity: 'mallory@example.org' }).join()).toContain(
      'is not one of mallory',
    );
    appendFileSync(join(here.folder, signatureFile), 'x');
    expect(faults(signers)).toEqual([
      'SHA256SUMS.sig holds something else than a signature of SSH',
    ]);
    truncateSync(
      join(here.folder, signatureFile),
      statSync(join(here.folder, signatureFile)).size - 1,
    );
    writeFileSync(
      join(here.folder, sumsFile),
      sumsText(new Map([...sumsOf(here.folder)].reverse())),
    );
    expect(faults(signers).join()).toContain('is not one of releases@svidecar.dev');
    const nobody = join(here.work, 'nobody');
    here.release.list();
    expect(faults({ ...signers, file: nobody })).toEqual([`there is no file ${nobody} of signers`]);
    rmSync(join(here.folder, `${sumsFile}.sig`));
    expect(faults(signers)).toEqual(['SHA256SUMS.sig is missing: nobody signed']);
  });
});
