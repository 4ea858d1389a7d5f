/** What the files of a release say, and what they say after somebody changed them and all lists with them. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { isObject, listAt, stringAt } from '#kernel/json.ts';
import { sumsOf, sumsText, withoutProvenance } from '../../../scripts/release.d/listed-files.ts';
import { provenance, readProvenance } from '../../../scripts/release.d/provenance.ts';
import { releaseFiles } from '../../../scripts/release.d/release-files.ts';
import { gzippedTar, tarEntries } from '../../../scripts/tar.ts';
import { readJsonFile } from './unpacked-images.ts';

/** Bytes of what is fetched; docs/releases.md states them. */
export const budgets: readonly (readonly [RegExp, number])[] = [
  [/^npm\/.*\.tgz$/, 3_000_000],
  [/^cli\/.*\.tar\.gz$/, 65_000_000],
  [/^images\/.*\.oci\.tar$/, 125_000_000],
  [/^images\/.*-linux-[^.]*\.tar$/, 145_000_000],
];

/** As the head of a page names what is inside; the artefact itself is the first. */
export function packagesStated(file: string): readonly string[] {
  const document = readJsonFile(file);
  const parts = listAt(isObject(document) ? document : {}, 'packages').filter(isObject);
  return parts.map((part) => {
    const [name, versionOf, licence] = ['name', 'versionInfo', 'licenseDeclared'].map((key) =>
      stringAt(part, key),
    );
    return `${name} ${versionOf} (${licence})`;
  });
}

/** A template of the chart, an object more, and an input less. The folder's files may be hard links to another's. */
export function tamper(folder: string, version: string): void {
  const { chart, manifests } = releaseFiles(version);
  const file = (path: string): string => join(folder, path);
  const replace = (path: string, content: Buffer | string): void => {
    rmSync(file(path));
    writeFileSync(file(path), content);
  };
  const changed = tarEntries(gunzipSync(readFileSync(file(chart)))).map((each) =>
    each.path.endsWith('/service.yaml')
      ? { ...each, content: Buffer.from(`${String(each.content)}# mine\n`) }
      : each,
  );
  replace(chart, gzippedTar(changed));
  const yaml = manifests('kind');
  const more = 'kind: ClusterRoleBinding\n';
  replace(yaml, `${readFileSync(file(yaml), 'utf8')}---\n${more}`);
  const own = readProvenance(readFileSync(file('provenance.json'), 'utf8'));
  const inputs = own.inputs.filter(({ uri }) => !uri.endsWith('package-lock.json'));
  const sums = withoutProvenance(sumsOf(folder));
  replace('provenance.json', provenance(sums, { ...own, inputs }));
  replace('SHA256SUMS', sumsText(sumsOf(folder)));
}
