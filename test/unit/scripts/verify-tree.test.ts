/** What of a release needs no build is that of its commit, byte for byte. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { pinnedChartFiles } from '../../../scripts/release.d/pinned-manifests.ts';
import { lookIntoSbom, type LockedParts } from '../../../scripts/release.d/verify-sbom.ts';
import { withTree, type Tree } from '../../../scripts/release.d/verify-tree.ts';
import { sbomOfPackage } from '../../../scripts/sbom.ts';
import { packageFiles } from '../../fakes/small-release.ts';

const head = execFileSync('git', ['rev-parse', 'HEAD'], { encoding: 'utf8' }).trim();
const digest = `sha256:${'0'.repeat(64)}`;
const images = {
  webhook: { repository: 'r.example/svidecar/webhook', digest },
  helper: { repository: 'r.example/svidecar/helper', digest },
};

/** In the tree of HEAD. */
function inTree<T>(look: (tree: Tree) => T): T {
  return withTree(head, (tree) => {
    if (tree === undefined) throw new TypeError('HEAD is not here');
    return look(tree);
  });
}

type Files = Map<string, Buffer>;

const chartOf = ({ folder }: Tree): Files =>
  new Map(
    pinnedChartFiles(images, folder).map(({ path, content = Buffer.alloc(0) }) => [path, content]),
  );

test('a commit that the clone does not have is no tree', () => {
  const tree = execFileSync('git', ['rev-parse', 'HEAD^{tree}'], { encoding: 'utf8' }).trim();
  for (const none of ['c0ffee00'.repeat(5), tree])
    expect(withTree(none, (found) => found)).toBeUndefined();
});

const charts: readonly (readonly [string, (chart: Files) => unknown, string])[] = [
  ['with the images of a release', () => undefined, 'nothing'],
  [
    'with another template',
    (chart) => chart.set('svidecar/templates/service.yaml', Buffer.from('"im\\u0061ge": x')),
    'svidecar/templates/service.yaml is not the one of the commit',
  ],
  [
    'with a template more',
    (chart) => chart.set('svidecar/templates/x.yaml', Buffer.from('kind: Pod')),
    'svidecar/templates/x.yaml is not the one of the commit',
  ],
  [
    'without a template',
    (chart) => chart.delete('svidecar/templates/guard.yaml'),
    'svidecar/templates/guard.yaml is not the one of the commit',
  ],
  [
    'with another value',
    (chart) => chart.set('svidecar/values.yaml', Buffer.from('guard: {enabled: false}')),
    'svidecar/values.yaml is not the one of the commit',
  ],
];

test('a chart is the one of the commit, with the images of a release', () => {
  inTree((tree) => {
    for (const [what, change, words] of charts) {
      const chart = chartOf(tree);
      change(chart);
      const look = (): void => {
        tree.lookAtChart(chart, images);
      };
      expect(told(look), what).toBe(words);
    }
  });
});

function told(look: () => void): string {
  try {
    look();
    return 'nothing';
  } catch (thrown) {
    return (thrown as Error).message;
  }
}

test('texts of an artefact are those of the commit, all of them, and no others', () => {
  inTree((tree) => {
    const placed = { LICENSE: 'package/LICENSE', 'manifests/demo/': 'package/manifests/demo' };
    const files = new Map([
      ['package/LICENSE', readFileSync(`${tree.folder}/LICENSE`)],
      ...['00-namespace', 'backend', 'frontend', 'frontend-2', 'kustomization'].map((name) => {
        const path = `manifests/demo/${name}.yaml`;
        return [`package/${path}`, readFileSync(`${tree.folder}/${path}`)] as const;
      }),
    ]);
    const look = (changed: Files): string =>
      told(() => {
        tree.lookAtTexts(changed, placed);
      });
    const other = Buffer.from('x');
    expect(look(files)).toBe('nothing');
    for (const path of [
      'package/LICENSE',
      'package/manifests/demo/backend.yaml',
      'package/manifests/demo/x.yaml',
    ]) {
      const words = `${path} is not the one of the commit`;
      expect(look(new Map([...files, [path, other]]))).toBe(words);
      if (files.has(path))
        expect(look(new Map([...files].filter(([each]) => each !== path)))).toBe(words);
    }
  });
});

test('packages that a statement of contents names are those of the lock file', () => {
  const files = new Map(
    packageFiles().map(({ path, content = Buffer.alloc(0) }) => [path, content]),
  );
  const packages = ['node_modules/yaml'];
  const own = { name: 'svidecar', version: '1.0.0' };
  const document = sbomOfPackage({ ...own, packages, files: packageFiles() });
  const about = { ...own, files, notices: 'package/THIRD-PARTY-NOTICES' };
  const look = (lock: LockedParts): string =>
    told(() => {
      lookIntoSbom(document, { ...about, purpose: 'APPLICATION', lock });
    });
  inTree((tree) => {
    expect(look(tree.lock())).toBe('nothing');
    const [name = ''] = [...tree.lock()].find(([each]) => each.startsWith('yaml ')) ?? [];
    const words = `its SBOM names ${name} otherwise than the lock file`;
    expect(look(new Map())).toBe(words);
    const part = tree.lock().get(name);
    expect(look(new Map([[name, { ...part, licenseDeclared: 'MIT' }]]))).toBe(words);
    expect(look(new Map([[name, { ...part, checksums: [] }]]))).toBe(words);
  });
});

test('the lock file and the pins that a statement names are those of the commit', () => {
  inTree((tree) => {
    const yaml = [...tree.lock()].find(([name]) => name.startsWith('yaml '))?.[1];
    expect(yaml).toMatchObject({ licenseDeclared: 'ISC', checksums: [{ algorithm: 'SHA512' }] });
    expect(
      told(() => {
        tree.lookAtInputs([]);
      }),
    ).toBe('it does not state urn:svidecar:package-lock.json as it is in the commit');
  });
});
