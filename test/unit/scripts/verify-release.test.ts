/** A folder is a release only as long as nothing in it was changed, added or taken away, and by whom it was signed. */
import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  provenanceFile,
  sumsFile,
  sumsOf,
  sumsText,
} from '../../../scripts/release.d/listed-files.ts';
import { SmallRelease } from '../../fakes/small-release.ts';
import { signatureNamespace, verifyRelease } from '../../../scripts/release.d/verify-release.ts';

let work: string;
let folder: string;
let release: SmallRelease;
beforeEach(async () => {
  work = mkdtempSync(join(tmpdir(), 'svidecar-release-'));
  folder = join(work, 'release');
  release = new SmallRelease(folder);
  await release.make();
});
afterEach(() => {
  rmSync(work, { recursive: true });
});

const yaml = 'manifests/install-kind.yaml';
const tag = '1.0.0';

const faults = (signers?: Parameters<typeof verifyRelease>[1]): readonly string[] =>
  verifyRelease(folder, signers).faults;

test('as it was made, nothing is wrong, and it says that nobody was asked who made it', () => {
  const { faults, notes } = verifyRelease(folder, undefined);
  expect(faults).toEqual([]);
  expect(notes.join()).toContain('14 files have the sums');
  expect(notes.join()).toContain('who made this folder is not known');
});

test('sha256sum reads the list as well', () => {
  const said = execFileSync('sha256sum', ['--check', sumsFile], { cwd: folder, encoding: 'utf8' });
  expect(said).toMatch(/^chart\/svidecar-1\.0\.0\.tgz: OK\n/);
});

test.each([
  [
    'a file that was changed',
    () => {
      appendFileSync(join(folder, yaml), 'x');
    },
    'manifests/install-kind.yaml differs from what is in SHA256SUMS',
  ],
  [
    'a file that was added',
    () => {
      writeFileSync(join(folder, 'c'), '');
    },
    'c is not in SHA256SUMS: it does not belong here',
  ],
  [
    'a file that is gone',
    () => {
      rmSync(join(folder, yaml));
    },
    'manifests/install-kind.yaml is in SHA256SUMS, and missing',
  ],
  [
    'a list that was cut',
    () => {
      writeFileSync(join(folder, sumsFile), '');
    },
    'manifests/install-kind.yaml is not in SHA256SUMS',
  ],
  [
    'a list that is none',
    () => {
      writeFileSync(join(folder, sumsFile), 'x');
    },
    'a line that is not "SHA256  PATH": x',
  ],
  [
    'a list and a file that were changed together',
    () => {
      appendFileSync(join(folder, yaml), 'x');
      writeFileSync(join(folder, sumsFile), sumsText(sumsOf(folder)));
    },
    'manifests/install-kind.yaml differs from what is in provenance.json',
  ],
  [
    'a link beside the files',
    () => {
      symlinkSync('/etc/passwd', join(folder, 'npm/link'));
    },
    'npm/link is a symbolic link: it does not belong here',
  ],
  [
    'a folder that is a link to the same files',
    () => {
      renameSync(join(folder, 'npm'), join(work, 'npm'));
      symlinkSync(join(work, 'npm'), join(folder, 'npm'));
    },
    'npm is a symbolic link: it does not belong here',
  ],
  [
    'a pipe, which is not read',
    () => {
      execFileSync('mkfifo', [join(folder, 'npm/pipe')]);
    },
    'npm/pipe is no ordinary file: it does not belong here',
  ],
  [
    'a list that is a pipe',
    () => {
      rmSync(join(folder, sumsFile));
      execFileSync('mkfifo', [join(folder, sumsFile)]);
    },
    'SHA256SUMS is no ordinary file',
  ],
  [
    'a statement without an end',
    () => {
      truncateSync(join(folder, provenanceFile), 5 * 1024 ** 3);
    },
    'provenance.json has 5368709120 bytes',
  ],
  [
    'a file that is listed twice',
    () => {
      const text = sumsText(sumsOf(folder));
      writeFileSync(join(folder, sumsFile), text + text);
    },
    'SHA256SUMS has two lines about chart/svidecar-1.0.0.tgz',
  ],
  [
    'a statement about nothing',
    () => {
      writeFileSync(join(folder, provenanceFile), '{"subject": [null, {"name": 3}]}');
    },
    'chart/svidecar-1.0.0.tgz is not in provenance.json',
  ],
  [
    'a statement that is no JSON',
    () => {
      writeFileSync(join(folder, provenanceFile), '{');
    },
    'no in-toto statement',
  ],
  [
    'no list',
    () => {
      rmSync(join(folder, sumsFile));
    },
    'SHA256SUMS is missing: this is no release',
  ],
  [
    'a statement that is none',
    () => {
      writeFileSync(join(folder, provenanceFile), '{}');
    },
    'no in-toto statement',
  ],
])('%s is told', (_what, change, words) => {
  change();
  expect(faults().join('\n')).toContain(words);
});

/** Sums and statement are made again: only what is inside tells. */
test.each<[string, () => unknown, string]>([
  [
    'a manifest with an image by its tag',
    () => {
      release.write(yaml, `image: svidecar/helper:${tag}\n`);
    },
    `manifests/install-kind.yaml: it asks for svidecar/helper:${tag}, and the image here is sha256:`,
  ],
  [
    'a manifest with the digest of another image, under a registry',
    () => {
      release.write(
        yaml,
        `image: "registry.example.org/svidecar/helper@sha256:${'0'.repeat(64)}"\n`,
      );
    },
    'it asks for svidecar/helper@sha256:0000',
  ],
  [
    'a chart with another digest',
    () => {
      release.chart("image:\n  digest: ''\n");
    },
    "chart/svidecar-1.0.0.tgz: its values name '', and the webhook here is sha256:",
  ],
  [
    'an image that was built again, of something else',
    () => release.image('helper', 'other'),
    'install-kind.yaml: it asks for svidecar/helper@',
  ],
  [
    'an archive for docker that holds another image',
    () => {
      const file = 'images/svidecar-webhook-1.0.0-linux-arm64';
      cpSync(join(folder, `${file.replace('arm64', 'amd64')}.tar`), join(folder, `${file}.tar`));
    },
    'linux-arm64.tar: it is not the image for arm64 of the layout for webhook',
  ],
  [
    'a blob that was changed',
    () => {
      changeIn('images/svidecar-helper-1.0.0.oci.tar', '"/program"', '"/progrum"');
    },
    'svidecar-helper-1.0.0.oci.tar: the blob sha256:',
  ],
  [
    'a layer that was changed',
    () => {
      changeIn('images/svidecar-helper-1.0.0-linux-amd64.tar', 'one', 'bad');
    },
    'linux-amd64.tar: its layers are not those that its configuration states',
  ],
  [
    'a layout that was cut',
    () => {
      truncateSync(join(folder, 'images/svidecar-helper-1.0.0.oci.tar'), 3_000);
    },
    'svidecar-helper-1.0.0.oci.tar: the archive ends inside',
  ],
  [
    "another statement beside an image than the one that's inside",
    () => {
      appendFileSync(join(folder, 'images/svidecar-helper-1.0.0-linux-amd64.spdx.json'), '\n');
    },
    'linux-amd64.spdx.json is not the one inside',
  ],
  [
    'a package whose statement is of another one',
    () => {
      changeIn('npm/svidecar-1.0.0.spdx.json', './package/a', './package/b');
    },
    'npm/svidecar-1.0.0.tgz: its SBOM says nothing of package/a',
  ],
])('%s is told, though the lists were made again', async (_what, change, words) => {
  await change();
  release.list();
  expect(faults().join('\n')).toContain(words);
});

function changeIn(path: string, is: string, becomes: string): void {
  const file = join(folder, path);
  const text = readFileSync(file, 'latin1');
  expect(text).toContain(is);
  writeFileSync(file, text.replace(is, becomes), 'latin1');
}

describe.runIf(existsSync('/usr/bin/ssh-keygen'))('a signature', () => {
  const identity = 'releases@svidecar.dev';
  let signers: { file: string; identity: string };
  beforeEach(() => {
    const key = join(work, 'key');
    const quiet = { stdio: 'ignore' as const };
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'x', '-f', key], quiet);
    const published = execFileSync('ssh-keygen', ['-y', '-f', key], { encoding: 'utf8' });
    const file = join(work, 'signers');
    writeFileSync(file, `${identity} ${published}`);
    signers = { file, identity };
    const args = ['-Y', 'sign', '-f', key, '-n', signatureNamespace, join(folder, sumsFile)];
    execFileSync('ssh-keygen', args, quiet);
  });

  test('of whom it should be is accepted', () => {
    const verified = verifyRelease(folder, signers);
    expect(verified.faults).toEqual([]);
    expect(verified.notes.join()).toContain(`Good "${signatureNamespace}" signature`);
  });

  test('of somebody else, or of another list, or none, is told', () => {
    expect(faults({ ...signers, identity: 'mallory@example.org' }).join()).toContain(
      'is not one of mallory',
    );
    writeFileSync(join(folder, sumsFile), sumsText(new Map([...sumsOf(folder)].reverse())));
    expect(faults(signers).join()).toContain('is not one of releases@svidecar.dev');
    const nobody = join(work, 'nobody');
    expect(faults({ ...signers, file: nobody })).toEqual([`there is no file ${nobody} of signers`]);
    rmSync(join(folder, `${sumsFile}.sig`));
    expect(faults(signers)).toEqual(['SHA256SUMS.sig is missing: nobody signed']);
  });
});
