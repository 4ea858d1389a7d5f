/** Every manifest in the repository, found by looking, is valid to the last field for a real API server. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { objectAt } from '#kernel/json.ts';
import { startApiServer, type ApiServer } from '../harness/api-server.ts';
import { describeWithComponents } from '../harness/components.ts';
import {
  crdComponents,
  crdsOfOthers,
  dryRun,
  idOf,
  kindOf,
  kustomizationsUnder,
  kustomize,
  makeWhatOthersNeed,
  objectsIn,
  overlayOf,
} from './render.ts';

const programs = ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kubectl', ...crdComponents];
const found = kustomizationsUnder('manifests');
const whole = found.filter(({ isComponent }) => !isComponent).map(({ folder }) => folder);
const components = found.filter(({ isComponent }) => isComponent).map(({ folder }) => folder);

/** The nearest folder `base` beside the component or above it. */
function baseOf(component: string): string {
  for (let folder = dirname(component); folder !== '.'; folder = dirname(folder)) {
    const base = join(folder, 'base');
    if (existsSync(join(base, 'kustomization.yaml'))) return base;
  }
  throw new Error(`${component}: there is no base for it`);
}

async function renderedWith(component: string): Promise<string> {
  const work = await overlayOf(baseOf(component), component);
  try {
    return await kustomize(work.path);
  } finally {
    await work.remove();
  }
}

describeWithComponents(programs, 'on a real API server', () => {
  let api: ApiServer;
  let namespaced: ReadonlyMap<string, boolean>;

  beforeAll(async () => {
    api = await startApiServer();
    await makeWhatOthersNeed(api, crdsOfOthers());
    const all = await Promise.all([...whole.map(kustomize), ...components.map(renderedWith)]);
    for (const text of all) await makeWhatOthersNeed(api, text);
    const { stdout } = await api.kubectl(['api-resources', '--no-headers']);
    namespaced = new Map(
      stdout.split('\n').map((line) => {
        const [kind = '', isNamespaced = ''] = line.trim().split(/\s+/).reverse();
        return [kind, isNamespaced === 'true'];
      }),
    );
  });
  afterAll(async () => {
    await api.stop();
  });

  async function expectValid(text: string): Promise<void> {
    const objects = objectsIn(text);
    expect(objects.length).toBeGreaterThan(0);
    // kubectl overlooks it; other tools do not.
    const misplaced = objects.filter(
      (object) =>
        namespaced.get(kindOf(object)) === false &&
        objectAt(object, 'metadata')['namespace'] !== undefined,
    );
    expect(misplaced.map(idOf), 'objects of the cluster in a namespace').toEqual([]);
    const { code, stderr } = await dryRun(api, text);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  }

  test('there are manifests to check', () => {
    expect(whole).toContain('manifests/kustomize/base');
    expect(whole).toContain('manifests/demo');
    expect(components.length).toBeGreaterThan(4);
  });

  test.each(whole)('%s is valid', async (folder) => {
    await expectValid(await kustomize(folder));
  });

  test.each(components)('%s is valid on its base', async (component) => {
    await expectValid(await renderedWith(component));
  });

  test('kubectl apply -k installs each way to install svidecar, also over another one', async () => {
    // Made for the checks above, by server-side apply.
    await api.kubectl(['delete', 'namespace', 'svidecar']);
    const overlays = whole.filter((folder) => folder.startsWith('manifests/kustomize/'));
    for (const folder of overlays) {
      const { code, stderr } = await api.kubectl(['apply', '-k', folder, '--validate=strict']);
      expect({ folder, code, stderr }).toEqual({ folder, code: 0, stderr: '' });
    }
    for (const component of components.filter((folder) =>
      folder.startsWith('manifests/kustomize/'),
    )) {
      const work = await overlayOf(baseOf(component), component);
      const { code, stderr } = await api.kubectl(['apply', '-k', work.path, '--validate=strict']);
      await work.remove();
      expect({ component, code, stderr }).toEqual({ component, code: 0, stderr: '' });
    }
  });

  test('every other manifest is part of one of these, or valid by itself', async () => {
    const files = readdirSync('manifests', { recursive: true, encoding: 'utf8' })
      .map((path) => join('manifests', path))
      .filter((path) => path.endsWith('.yaml') && !path.startsWith('manifests/helm/'));
    const loose = files.filter((path) => {
      for (let folder = dirname(path); folder !== '.'; folder = dirname(folder)) {
        if (existsSync(join(folder, 'kustomization.yaml'))) return false;
      }
      return readFileSync(path, 'utf8').includes('\napiVersion: ');
    });
    for (const path of loose) await expectValid(readFileSync(path, 'utf8'));
  });
});
