/** What whoever can write the folder makes so that all lists and statements are true: it is not as a release is made. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import type { Image } from '../../../scripts/image-archive.ts';
import { inputs, type Input } from '../../../scripts/release.d/inputs.ts';
import { sumsOf, sumsText } from '../../../scripts/release.d/listed-files.ts';
import { provenance, readProvenance } from '../../../scripts/release.d/provenance.ts';
import { releaseFiles } from '../../../scripts/release.d/release-files.ts';
import { verifyRelease } from '../../../scripts/release.d/verify-release.ts';
import { gzippedTar, tar, tarEntries, type TarEntry } from '../../../scripts/tar.ts';
import { releaseInFolder } from '../../fakes/release-in-folder.ts';
import { packageFiles, programFiles, programFor } from '../../fakes/small-release.ts';

const here = releaseInFolder();
const paths = releaseFiles('1.0.0');
const linux = paths.cli('linux-x64');
const own = packageFiles();

const text = (path: string, content = ''): TarEntry => ({
  path,
  mode: 0o644,
  content: Buffer.from(content),
});

/** With an SBOM of these files. */
const npm =
  (...files: readonly TarEntry[]) =>
  () => {
    here.release.package('svidecar', paths.npm, files);
  };
const program =
  (...files: readonly TarEntry[]) =>
  () => {
    here.release.package('svidecar-linux-x64', linux, files);
  };
const withMode = (path: string, mode: number): readonly TarEntry[] =>
  own.map((each) => (each.path === path ? { ...each, mode } : each));
/** Of npm's package. */
const sbom = (change: (text: string) => string) => () => {
  const file = join(here.folder, paths.npm.sbom);
  const before = readFileSync(file, 'utf8');
  const after = change(before);
  expect(after).not.toBe(before);
  writeFileSync(file, after);
};
const image = (changed: (image: Image) => Image) => () =>
  here.release.image('helper', 'one', { changed });
const settings = (changed: Partial<Image['config']>) =>
  image((each) => ({ ...each, config: { ...each.config, ...changed } }));
const layer = (...entries: readonly TarEntry[]) =>
  image((each) => ({ ...each, layers: [...each.layers, entries] }));
const template = (content: string) => () => {
  here.release.chart({ 'templates/x.yaml': content });
};

const faults = (): string => verifyRelease(here.folder, undefined).faults.join('\n');

test.each<[string, () => unknown, string]>([
  [
    'a program of the package that cannot be run',
    npm(...withMode('package/bin/svidecar.mjs', 0o644)),
    `${paths.npm.archive}: package/bin/svidecar.mjs has the mode 644, not 755`,
  ],
  [
    'a text of the package that can be run',
    npm(...withMode('package/LICENSE', 0o755)),
    `${paths.npm.archive}: package/LICENSE has the mode 755, not 644`,
  ],
  [
    'a file of the chart that can be run',
    () => {
      const file = join(here.folder, paths.chart);
      const [first, ...rest] = tarEntries(gunzipSync(readFileSync(file)));
      if (first !== undefined)
        writeFileSync(file, gzippedTar([{ ...first, mode: 0o755 }, ...rest]));
    },
    `${paths.chart}: svidecar/Chart.yaml has the mode 755, not 644`,
  ],
  [
    'a program of an image that cannot be run',
    image((each) => ({
      ...each,
      layers: each.layers.map((entries) => entries.map((entry) => ({ ...entry, mode: 0o644 }))),
    })),
    'linux-amd64.tar: usr/local/bin/auth-helper has the mode 644, not 755',
  ],
  [
    'a folder for all in an image',
    layer({ path: 'tmp/', mode: 0o777 }),
    'linux-amd64.tar: tmp/ has the mode 777',
  ],
  ...[
    'package/\u{e9}',
    'package/\u{202e}a',
    'package/a\nb',
    'package/a\\b',
    'package//a',
    'package/ a',
  ].map((path): [string, () => unknown, string] => [
    `the name ${JSON.stringify(path)}`,
    npm(...own, text(path)),
    'has a name that no file of ours has',
  ]),
  [
    'two names that are one on macOS',
    npm(...own, text('package/license')),
    `${paths.npm.archive}: the archive holds package/license twice`,
  ],
  [
    'a file inside a file',
    npm(...own, text('package/LICENSE/a')),
    `${paths.npm.archive}: the archive holds package/LICENSE/a inside a file`,
  ],
  [
    'a file for which npm compiles',
    npm(...own, text('package/binding.gyp')),
    `${paths.npm.archive}: it holds package/binding.gyp, which is no file of the package`,
  ],
  [
    'a file beside the folder that npm takes away',
    npm(...own, text('other/bin/svidecar.mjs')),
    `${paths.npm.archive}: it holds other/bin/svidecar.mjs, which is no file of the package`,
  ],
  [
    'a program that npm runs when it installs',
    npm(
      ...own.map((each) =>
        each.path.endsWith('package.json')
          ? text(each.path, String(each.content).replace('{', '{"scripts": {"install": "x"},'))
          : each,
      ),
    ),
    `${paths.npm.archive}: its package.json says more than the one of a release`,
  ],
  [
    'a program for another machine',
    program(...programFiles('linux-arm64')),
    `${linux.archive}: svidecar is one for linux-arm64, not one for linux-x64`,
  ],
  [
    'a program that is none',
    program(...programFiles('linux-x64').slice(0, 2), { ...text('svidecar'), mode: 0o755 }),
    `${linux.archive}: svidecar is no program, not one for linux-x64`,
  ],
  [
    'a file beside a program',
    program(...programFiles('linux-x64'), text('README')),
    `${linux.archive}: it holds LICENSE, THIRD-PARTY-NOTICES, svidecar, README, and must hold`,
  ],
  [
    'another name of a package that is inside',
    sbom((is) => is.replaceAll('yaml', 'yeml')),
    `${paths.npm.archive}: its SBOM names yeml 2.`,
  ],
  [
    'a statement that leaves a package out',
    npm(
      ...own.map((each) =>
        each.path.endsWith('NOTICES')
          ? text(
              each.path,
              `${String(each.content)}\n${'='.repeat(80)}\na 1 (MIT)\n${'='.repeat(80)}\n`,
            )
          : each,
      ),
    ),
    `${paths.npm.archive}: its SBOM does not name a 1 (MIT), of which package/THIRD-PARTY-NOTICES has the licence`,
  ],
  [
    'another place of a package',
    sbom((is) => is.replace('pkg:npm/yaml@', 'pkg:npm/yeml@')),
    `${paths.npm.archive}: its SBOM is not the one that is made`,
  ],
  [
    'a package of no kind of ours',
    sbom((is) => is.replace('pkg:npm/', 'pkg:gem/')),
    `${paths.npm.archive}: its SBOM names yaml, which is of no kind of ours`,
  ],
  [
    'a statement of what is inside that is none',
    () => {
      here.release.write(paths.npm.sbom, '');
    },
    `${paths.npm.archive}: its SBOM is no object in JSON`,
  ],
  [
    'a file that the statement names twice',
    sbom((is) => is.replace('./package/bin/svidecar.mjs', './package/LICENSE')),
    `${paths.npm.archive}: its SBOM says nothing of package/bin/svidecar.mjs`,
  ],
  [
    'another sum by an older method',
    sbom((is) => is.replace(/("SHA1",\s+"checksumValue": ")./, '$1x')),
    `${paths.npm.archive}: its SBOM is not the one that is made`,
  ],
  [
    'somebody else who wrote the statement',
    sbom((is) => is.replace('Tool: svidecar', 'Person: mallory')),
    `${paths.npm.archive}: its SBOM is not the one that is made`,
  ],
  ['an image that is root', settings({ User: '0:0' }), 'it is not started as the image helper'],
  [
    'an image with a variable of others',
    settings({ Env: ['LD_PRELOAD=/tmp/x.so'] }),
    'it is not started as the image helper',
  ],
  [
    'an image that starts something else',
    settings({ Entrypoint: ['/usr/local/bin/auth-helper', '-c', 'x'] }),
    'it is not started as the image helper',
  ],
  [
    'an image that says that something else runs it',
    image(({ config, ...each }) => ({
      ...each,
      config: {
        ...config,
        Labels: { ...config.Labels, 'dev.svidecar.image.runtime': 'node 23.0.0' },
      },
    })),
    'its label says that node 23.0.0 runs it, and its SBOM names node 24.0.0',
  ],
  [
    'an image without the program that it starts',
    image((each) => ({ ...each, layers: each.layers.slice(1) })),
    'it starts /usr/local/bin/auth-helper, and does not hold it',
  ],
  [
    'a layer over a file of another',
    layer({ path: 'usr/local/bin/auth-helper', mode: 0o755, content: programFor('linux-x64') }),
    'a layer covers usr/local/bin/auth-helper of another one',
  ],
  [
    'a file that a system reads by itself',
    layer(text('etc/ld.so.preload', '/lib/x.so')),
    'it holds etc/ld.so.preload, which is no file of the image helper',
  ],
  [
    'a program too many',
    image((each) => ({
      ...each,
      layers: [
        ...each.layers,
        [
          {
            path: 'usr/local/bin/sh',
            mode: 0o755,
            content: programFor(each.architecture === 'amd64' ? 'linux-x64' : 'linux-arm64'),
          },
        ],
      ],
    })),
    'it holds usr/local/bin/sh, which is no file of the image helper',
  ],
  [
    'other users',
    layer(text('etc/passwd', 'root:x:65532:0:::\n')),
    'its etc/passwd is not the one of our images',
  ],
  [
    'a layer that takes a file of another away',
    layer(text('usr/local/bin/.wh.auth-helper')),
    'has a name that no file of ours has',
  ],
  [
    'a library for another machine',
    layer({ path: 'lib/x.so', mode: 0o755, content: programFor('linux-x64') }),
    'linux-arm64.tar: lib/x.so is one for linux-x64, not one for linux-arm64',
  ],
  [
    'a layout that says more',
    () => {
      here.release.change(
        paths.layout('demo'),
        '"imageLayoutVersion":"1.0.0"',
        '"imageLayoutVersion":"1.0.1"',
      );
    },
    `${paths.layout('demo')}: it says more than the layout of a release`,
  ],
  [
    'an archive for docker with a second list of names',
    () => {
      const { archive } = paths.image('demo', 'amd64');
      const file = join(here.folder, archive);
      const names = text('repositories', '{"evil.example/x": {"1": "a"}}');
      writeFileSync(file, tar([...tarEntries(readFileSync(file)), names]));
    },
    'linux-amd64.tar: it holds more than the archive of a release',
  ],
  ...[
    '"im\\x61ge": evil.example/x',
    '? image\n: evil.example/x',
    '? "image"\n: evil.example/x',
    '!!str image : evil.example/x',
    'a: &a image\n*a : evil.example/x',
    '{{ printf "ima%s" "ge" }}: evil.example/x',
    '{{ "image" }}: evil.example/x',
    '{{ b64dec "aW1hZ2U6IGV2aWw=" }}',
    '{{ tpl .Values.x . }}',
    '{{ .Files.Get "values.yaml" | fromYaml }}',
  ].map((line): [string, () => unknown, string] => [
    `a chart with the template ${line}`,
    template(`${line}\n`),
    `${paths.chart}: svidecar/templates/x.yaml `,
  ]),
])('%s is told, though the lists were made again', async (_what, change, words) => {
  await change();
  here.release.list();
  expect(faults()).toContain(words);
});

const sums = 'SHA256SUMS';

const form = 'SHA256SUMS is not written as that of a release';

test.each<[string, (text: string) => string, string]>([
  ['with the line ends of others', (is) => is.replaceAll('\n', '\r\n'), 'has a line that is not'],
  ['with other marks', (is) => is.replaceAll('  ', ' *'), form],
  ['in another order', (is) => `${is.split('\n').filter(Boolean).reverse().join('\n')}\n`, form],
  ['with lines that say nothing', (is) => `\n${is}\n`, form],
  ['with whole paths', (is) => is.replaceAll('  ', '  /'), '/chart/svidecar-1.0.0.tgz is in'],
  ['with paths by here', (is) => is.replaceAll('  ', '  ./'), './chart/svidecar-1.0.0.tgz is in'],
])('a list %s is told', (_what, change, words) => {
  const file = join(here.folder, sums);
  writeFileSync(file, change(readFileSync(file, 'utf8')));
  expect(faults()).toContain(words);
});

test.each<[string, (text: string) => string]>([
  ['with more than a release says', (is) => is.replace('{\n', '{\n "also": true,\n')],
  ['that says one thing twice', (is) => is.replace('"_type"', '"_type": "x",\n "_type"')],
  ['that is written in another form', (is) => JSON.stringify(JSON.parse(is))],
  ['of more inputs, in a form of others', (is) => is.replace(/\{\s+"uri"/, '{"a": 1, "uri"')],
])('a statement %s is told', (_what, change) => {
  const file = join(here.folder, 'provenance.json');
  const before = readFileSync(file, 'utf8');
  expect(change(before)).not.toBe(before);
  writeFileSync(file, change(before));
  expect(faults()).toContain('provenance.json is not written as that of a release');
});

const sha256 = 'a'.repeat(64);
const node = 'pkg:generic/node@24.1.0?arch=amd64';

test.each<[string, readonly object[], string]>([
  ['of another kind', [{ uri: 'pkg:npm/x@1', digest: { sha256 } }], 'pkg:npm/x@1'],
  ['that fetches', [{ uri: 'https://example.org/x', digest: { sha256 } }], 'https://example.org/x'],
  ['without its hash', [{ uri: node }], node],
  ['with a hash that is none', [{ uri: node, digest: { sha256: 'b' } }], node],
  [
    'with a hash where none is known',
    [{ uri: 'pkg:deb/debian/a@1?arch=amd64', digest: { sha256 } }],
    'pkg:deb',
  ],
  ['twice', [node, node].map((uri) => ({ uri, digest: { sha256 } })), node],
])('an input %s is told', (_what, more, words) => {
  const file = join(here.folder, 'provenance.json');
  const found = readProvenance(readFileSync(file, 'utf8'));
  writeFileSync(file, provenance(found.subjects, { ...found, inputs: more as Input[] }));
  writeFileSync(join(here.folder, sums), sumsText(sumsOf(here.folder)));
  expect(faults()).toContain(`provenance.json states ${words}`);
});

test('inputs of a release are accepted', () => {
  const file = join(here.folder, 'provenance.json');
  const found = readProvenance(readFileSync(file, 'utf8'));
  writeFileSync(file, provenance(found.subjects, { ...found, inputs: inputs() }));
  writeFileSync(join(here.folder, sums), sumsText(sumsOf(here.folder)));
  expect(faults()).toBe('');
});

test('that the commit is not here is said, and what was not compared for that', () => {
  expect(verifyRelease(here.folder, undefined).notes.join()).toMatch(
    /commit (c0ffee00){5} is not in this clone: chart, manifests, texts and lists of packages were not compared/,
  );
});
