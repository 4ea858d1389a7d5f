/** Whoever can write the folder can make its lists again: what is inside the files has to agree as well. */
import {
  chmodSync,
  cpSync,
  appendFileSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
} from 'node:fs';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { pathsOfRelease } from '../../../scripts/release.d/release-files.ts';
import { verifyRelease } from '../../../scripts/release.d/verify-release.ts';
import { tar, tarEntries } from '../../../scripts/tar.ts';
import { releaseInFolder } from '../../fakes/release-in-folder.ts';

const here = releaseInFolder();
const yaml = 'manifests/install-kind.yaml';
const tag = '1.0.0';

const npm = 'npm/svidecar-1.0.0.tgz';
const helper = 'images/svidecar-helper-1.0.0.oci.tar';

/** The npm package with another archive in it. */
const packed = (change: (archive: Buffer) => Buffer) => () => {
  const archive = gunzipSync(readFileSync(join(here.folder, npm)));
  here.release.write(npm, gzipSync(change(archive), { level: 9 }));
};

/** The first header with other bytes, and a checksum of them. */
const headed = (at: number, text: string) =>
  packed((archive) => {
    archive.write(text, at, 'latin1');
    archive.fill(' ', 148, 156);
    const sum = archive.subarray(0, 512).reduce((total, byte) => total + byte, 0);
    archive.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
    return archive;
  });

const sbom = 'npm/svidecar-1.0.0.spdx.json';

/** The chart with other values and files. */
const values =
  (edit: ((text: string) => string) | undefined, files: Readonly<Record<string, string>> = {}) =>
  () => {
    const archive = gunzipSync(readFileSync(join(here.folder, 'chart/svidecar-1.0.0.tgz')));
    const found = tarEntries(archive).find(({ path }) => path.endsWith('/values.yaml'));
    const text = String(found?.content);
    here.release.chart({ 'values.yaml': edit?.(text) ?? text, ...files });
  };

/** A layout with another entrance. */
const entrance = (content: string) => () => {
  const entries = tarEntries(readFileSync(join(here.folder, helper)));
  here.release.write(
    helper,
    tar(
      entries.map((each) =>
        each.path === 'index.json' ? { ...each, content: Buffer.from(content) } : each,
      ),
    ),
  );
};

const faults = (): string => verifyRelease(here.folder, undefined).faults.join('\n');

test.each<[string, () => unknown, string]>([
  [
    'a manifest with an image by its tag',
    () => {
      here.release.write(yaml, `image: svidecar/helper:${tag}\n`);
    },
    `manifests/install-kind.yaml: it asks for svidecar/helper:${tag}, and the images here are svidecar/webhook@sha256:`,
  ],
  [
    'a manifest with the digest of another image, under a registry',
    () => {
      here.release.write(
        yaml,
        `image: "registry.example.org/svidecar/helper@sha256:${'0'.repeat(64)}"\n`,
      );
    },
    'it asks for registry.example.org/svidecar/helper@sha256:0000',
  ],
  [
    'a manifest that ends for kubectl before its end',
    () => {
      const own = readFileSync(join(here.folder, yaml), 'utf8');
      here.release.write(yaml, `${own}...\nkind: Namespace\n`);
    },
    'install-kind.yaml: it has a line with which no document of ours begins or ends: ...',
  ],
  [
    'a template with a key behind a comment, on a line for Helm alone',
    () => {
      here.release.chart({ 'templates/x.yaml': 'kind: Pod # \u0085image: other\n' });
    },
    'the character U+0085, which YAML readers interpret differently',
  ],
  ['a layout whose index is no JSON', entrance('{"manifests": ['), 'index.json is no JSON'],
  [
    'a layout whose index is too large to be parsed',
    entrance(`{}${' '.repeat(1024 ** 2)}`),
    'index.json has 1048578 bytes',
  ],
  [
    'a chart with another digest',
    () => {
      here.release.chart({ 'values.yaml': "image:\n  digest: ''\n" });
    },
    'chart/svidecar-1.0.0.tgz: its values name @, and the webhook here is svidecar/webhook@sha256:',
  ],
  [
    'an image that was built again, of something else',
    () => here.release.image('helper', 'other'),
    'install-kind.yaml: it asks for svidecar/helper@',
  ],
  [
    'an archive for docker that holds another image',
    () => {
      const file = 'images/svidecar-webhook-1.0.0-linux-arm64';
      cpSync(
        join(here.folder, `${file.replace('arm64', 'amd64')}.tar`),
        join(here.folder, `${file}.tar`),
      );
    },
    'linux-arm64.tar: usr/local/bin/runtime is one for linux-x64, not one for linux-arm64',
  ],
  [
    'a blob that was changed',
    () => {
      here.release.change(
        'images/svidecar-helper-1.0.0.oci.tar',
        '"/usr/local/bin/auth-helper"',
        '"/usr/local/bin/auth-holper"',
      );
    },
    'svidecar-helper-1.0.0.oci.tar: the blob sha256:',
  ],
  [
    'a layer that was changed',
    () => {
      here.release.change('images/svidecar-helper-1.0.0-linux-amd64.tar', 'one', 'bad');
    },
    'linux-amd64.tar: its layers are not those that its configuration states',
  ],
  [
    'a layout that was cut',
    () => {
      truncateSync(join(here.folder, 'images/svidecar-helper-1.0.0.oci.tar'), 3_000);
    },
    'svidecar-helper-1.0.0.oci.tar: the archive ends inside',
  ],
  [
    "another statement beside an image than the one that's inside",
    () => {
      appendFileSync(join(here.folder, 'images/svidecar-helper-1.0.0-linux-amd64.spdx.json'), '\n');
    },
    'linux-amd64.spdx.json is not the one inside',
  ],
  [
    'a package whose statement is of another one',
    () => {
      here.release.change('npm/svidecar-1.0.0.spdx.json', './package/LICENSE', './package/b');
    },
    'npm/svidecar-1.0.0.tgz: its SBOM says nothing of package/LICENSE',
  ],
  [
    'a manifest with an image of others, spelt as nobody does',
    () => {
      here.release.write(yaml, '{"spec": [{"im\\u0061ge": "evil.example/x"}]}\n');
    },
    'manifests/install-kind.yaml: it asks for evil.example/x',
  ],
  [
    'a manifest with a helper of others, in the configuration',
    () => {
      here.release.change(yaml, 'image: svidecar/helper', 'image: evil.example/helper');
    },
    'manifests/install-kind.yaml: it asks for evil.example/helper@',
  ],
  [
    'a manifest without an image',
    () => {
      here.release.write(yaml, '');
    },
    'manifests/install-kind.yaml: it does not ask for svidecar/webhook@',
  ],
  [
    'a chart with a helper of others',
    values((text) => text.replace('svidecar/helper', 'evil.example/helper')),
    'its values ask for evil.example/helper@',
  ],
  [
    'a chart with a webhook of others',
    values((text) => text.replace('svidecar/webhook', 'evil.example/webhook')),
    'its values name evil.example/webhook@',
  ],
  [
    'a chart with an image in a template',
    values(undefined, { 'templates/x.yaml': 'spec:\n  - image: evil.example/x\n' }),
    'svidecar/templates/x.yaml asks for an image of its own: - image: evil.example/x',
  ],
  [
    'a chart with another chart',
    values(undefined, { 'charts/x/Chart.yaml': 'name: x\n' }),
    'it holds svidecar/charts/x/Chart.yaml, which is no file of the chart',
  ],
  [
    'a chart of another version',
    values(undefined, { 'Chart.yaml': 'version: 1.0.0\nappVersion: 0.9.0\n' }),
    'its appVersion is 0.9.0, not 1.0.0',
  ],
  [
    'a statement of what is inside about something else',
    () => {
      here.release.change('npm/svidecar-1.0.0.spdx.json', '"name": "svidecar"', '"name": "other"');
    },
    `${npm}: its SBOM is about other 1.0.0, not svidecar 1.0.0`,
  ],
  [
    'a statement of what is inside that relates nothing',
    () => {
      const { relationships: _, ...rest } = JSON.parse(
        readFileSync(join(here.folder, sbom), 'utf8'),
      ) as Record<string, unknown>;
      here.release.write(sbom, JSON.stringify(rest));
    },
    `${npm}: its SBOM is not the one that is made for these files and parts`,
  ],
  [
    'an image for an architecture twice',
    () => here.release.image('helper', 'one', { platforms: ['amd64', 'amd64', 'arm64'] }),
    `${helper}: it holds images for {"architecture":"amd64","os":"linux"}, {"architecture":"amd64"`,
  ],
  [
    'an image under a name of others',
    () => {
      here.release.change(helper, 'docker.io/svidecar/helper:', 'docker.io/envoyprox/envoy:');
    },
    `${helper}: its index.json is not that of one index, named svidecar/helper:1.0.0`,
  ],
  [
    'an archive for docker under a name of others',
    () => {
      here.release.change(
        'images/svidecar-demo-1.0.0-linux-amd64.tar',
        'svidecar/demo:1.0.0',
        'svidecar/dema:1.0.0',
      );
    },
    'linux-amd64.tar: it is not named svidecar/demo:1.0.0 alone',
  ],
  [
    'a layer of something else than its configuration states',
    () =>
      here.release.image('helper', 'one', { compress: () => Promise.resolve(gzipSync('other')) }),
    `${helper}: the layers for amd64 are not those that its configuration states`,
  ],
  [
    'a link in an archive',
    headed(156, '2/etc/passwd'),
    `${npm}: package/LICENSE is no file or folder as they are written here`,
  ],
  [
    'a path with a prefix',
    headed(345, '../../etc'),
    `${npm}: package/LICENSE is no file or folder as they are written here`,
  ],
  [
    'a path that leads out',
    packed(() => tar([{ path: 'package/../../a', mode: 0o644, content: Buffer.from('a') }])),
    `${npm}: the path package/../../a leads out`,
  ],
  [
    'a file that runs as its owner, in an archive',
    packed(() => tar([{ path: 'package/LICENSE', mode: 0o6755, content: Buffer.from('a') }])),
    `${npm}: package/LICENSE has the mode 6755`,
  ],
  [
    'a file behind the end of an archive',
    packed((archive) => Buffer.concat([archive, archive])),
    `${npm}: the archive ends early, or something follows its end`,
  ],
  [
    'a file that is twice in an archive',
    packed((archive) => Buffer.concat([archive.subarray(0, 1024), archive])),
    `${npm}: the archive holds package/LICENSE twice`,
  ],
  [
    'an archive whose header says something of no use',
    () => {
      const archive = readFileSync(join(here.folder, npm));
      archive[9] = 11;
      here.release.write(npm, archive);
    },
    `${npm}: it is not compressed as a release is`,
  ],
  [
    'a second compressed archive behind the first',
    () => {
      appendFileSync(join(here.folder, npm), gzipSync(tar([])));
    },
    `${npm}: something follows what is compressed`,
  ],
  [
    'a package that unpacks without an end',
    () => {
      here.release.write(npm, gzipSync(Buffer.alloc(260 * 1024 ** 2), { level: 1 }));
    },
    `${npm}: unpacked, it has more than 268435456 bytes`,
  ],
  [
    'a release of nothing',
    () => {
      for (const each of ['chart', 'cli', 'images', 'manifests', 'npm'])
        rmSync(join(here.folder, each), { recursive: true });
    },
    'chart/svidecar-1.0.0.tgz is missing: each release has one',
  ],
  [
    'an archive for docker that is gone',
    () => {
      rmSync(join(here.folder, 'images/svidecar-demo-1.0.0-linux-arm64.tar'));
    },
    'images/svidecar-demo-1.0.0-linux-arm64.tar is missing: each release has one',
  ],
  [
    'a file too many',
    () => {
      here.release.write('npm/svidecar-9.tgz', '');
    },
    'npm/svidecar-9.tgz is no file of release 1.0.0',
  ],
  [
    'an image without an end, which is not read',
    () => {
      truncateSync(join(here.folder, 'images/svidecar-demo-1.0.0.oci.tar'), 1900 * 1024 ** 2);
    },
    'svidecar-demo-1.0.0.oci.tar has 1992294400 bytes',
  ],
  [
    'an empty folder',
    () => {
      mkdirSync(join(here.folder, 'npm/more'));
    },
    'npm/more is an empty folder: it does not belong here',
  ],
  [
    'a file that runs as its owner',
    () => {
      chmodSync(join(here.folder, yaml), 0o4755);
    },
    'manifests/install-kind.yaml has the mode bits 4000',
  ],
])('%s is told, though the lists were made again', async (_what, change, words) => {
  await change();
  try {
    here.release.list();
  } catch {
    // What no list can be made of; the one that is there is as good.
  }
  expect(faults()).toContain(words);
});

test('a statement of another version or commit than what is inside is told', () => {
  here.release.list({ commit: '0'.repeat(40) });
  expect(faults()).toContain('its label of the commit is c0ffee00');
  for (const path of pathsOfRelease('1.0.0'))
    renameSync(join(here.folder, path), join(here.folder, path.replace('1.0.0', '9.9.9')));
  here.release.list({ version: '9.9.9' });
  const told = faults();
  expect(told).toContain("its package.json's version is 1.0.0, and provenance.json states 9.9.9");
  expect(told).toContain('its index.json is not that of one index, named svidecar/helper:9.9.9');
});
