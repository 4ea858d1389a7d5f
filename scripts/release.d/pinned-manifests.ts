/** The chart and the plain manifests, with the images of this release by their digests. */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { programPath } from '../pins.ts';
import { gzippedTar, type TarEntry } from '../tar.ts';
import { trackedFilesIn } from '../tracked-files.ts';
import type { Overlay } from './release-files.ts';
import type { PinnedImage, PinnedImages } from './release-images.ts';

/** Text that stands once in a file, and what stands there in a release. */
type Edit = readonly [is: string, becomes: string];

/** What a release installs. */
export type Installed = Pick<PinnedImages, 'webhook' | 'helper'>;

/** Of the chart, with other values; who sets values of their own still wins. @param root of the tree */
export function pinnedChartFiles({ webhook, helper }: Installed, root = '.'): readonly TarEntry[] {
  const edits: readonly Edit[] = [
    ['\nconfig: {}\n', `\nconfig:\n  helper:\n    image: ${referenceOf(helper)}\n`],
    ['  repository: svidecar/webhook\n', `  repository: ${webhook.repository}\n`],
    ["  digest: ''\n", `  digest: ${webhook.digest}\n`],
  ];
  return trackedFilesIn('manifests/helm/svidecar', 'svidecar', root).map((file) =>
    file.path === 'svidecar/values.yaml'
      ? { ...file, content: Buffer.from(edited(join(root, 'manifests/helm', file.path), edits)) }
      : file,
  );
}

export function pinnedChart(images: Installed): Buffer {
  return gzippedTar(pinnedChartFiles(images));
}

function edited(path: string, edits: readonly Edit[]): string {
  const text = readFileSync(path, 'utf8');
  return edits.reduce((done, [is, becomes]) => {
    const [before = '', after, ...more] = done.split(is);
    if (after === undefined || more.length > 0)
      throw new Error(`${path} must have ${JSON.stringify(is)} once, so that a release sets it`);
    return `${before}${becomes}${after}`;
  }, text);
}

function referenceOf({ repository, digest }: PinnedImage): string {
  return `${repository}@${digest}`;
}

/** By kustomize, as a user would set them: an overlay over the overlay. @param root of the tree */
export function pinnedOverlay(
  overlay: Overlay,
  { webhook, helper }: Installed,
  root = '.',
): string {
  mkdirSync(join(root, 'dist'), { recursive: true });
  const work = mkdtempSync(join(root, 'dist/overlay-'));
  try {
    const base = readFileSync(join(root, 'manifests/kustomize/base/config.yaml'), 'utf8');
    const config = base.replace(/^\{\}\n$/m, `helper:\n  image: ${referenceOf(helper)}\n`);
    writeFileSync(join(work, 'config.yaml'), config);
    const kustomization = {
      resources: [relative(work, join(root, `manifests/kustomize/overlays/${overlay}`))],
      images: [{ name: 'svidecar/webhook', newName: webhook.repository, digest: webhook.digest }],
      configMapGenerator: [
        { name: 'svidecar', namespace: 'svidecar', behavior: 'merge', files: ['config.yaml'] },
      ],
      generatorOptions: { disableNameSuffixHash: true },
    };
    // JSON is YAML.
    writeFileSync(join(work, 'kustomization.yaml'), JSON.stringify(kustomization));
    return rendered(work);
  } finally {
    rmSync(work, { recursive: true });
  }
}

/** Whether there is a kubectl. */
export function canRender(): boolean {
  return spawnSync(kubectl(), ['version', '--client']).status === 0;
}

function kubectl(): string {
  const installed = programPath('kubectl');
  return existsSync(installed) ? installed : 'kubectl';
}

function rendered(folder: string): string {
  return execFileSync(kubectl(), ['kustomize', folder], { encoding: 'utf8' });
}
