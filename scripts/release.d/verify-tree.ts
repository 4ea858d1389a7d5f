/** What needs no build is compared with the commit that a release was made of, where this clone has it. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { filesIn } from '../image-layers.ts';
import { lockedPackages, lockedPart } from '../sbom.ts';
import { archiveOf } from '../tracked-files.ts';
import { tablesOf, type Input } from './inputs.ts';
import { documentsIn } from './manifest-text.ts';
import { canRender, pinnedChartFiles, pinnedOverlay, type Installed } from './pinned-manifests.ts';
import type { Overlay } from './release-files.ts';
import type { LockedParts } from './verify-sbom.ts';

type Files = ReadonlyMap<string, Buffer>;

export class Tree {
  readonly folder: string;
  constructor(folder: string) {
    this.folder = folder;
  }

  get isRendering(): boolean {
    return canRender();
  }

  lock(): LockedParts {
    const npm = Object.entries(lockedPackages(this.folder)).filter(([path]) => path !== '');
    const parts = npm.flatMap(([path, locked]) =>
      locked.version === undefined ? [] : [lockedPart(path, locked)],
    );
    return new Map(parts.map((part) => [`${part.name} ${part.versionInfo}`, part]));
  }

  /** @throws {Error} where tables of inputs are not those of the commit */
  lookAtInputs(stated: readonly Input[]): void {
    for (const own of tablesOf(this.folder))
      if (!stated.some((each) => isDeepStrictEqual(each, own)))
        throw new Error(`it does not state ${own.uri} as it is in the commit`);
  }

  /** @throws {Error} that names a file which is another in the commit */
  lookAtChart(files: Files, images: Installed): void {
    const own = pinnedChartFiles(images, this.folder);
    compare(files, new Map(own.map(({ path, content }) => [path, content ?? Buffer.alloc(0)])));
  }

  /** Rendered again, where kubectl is here: with another version of kustomize the text may differ, and what it says may not. @throws as {@link lookAtChart} */
  lookAtManifests(text: string, overlay: Overlay, images: Installed): void {
    if (!this.isRendering) return;
    const stated = documentsIn(text);
    const own = documentsIn(pinnedOverlay(overlay, images, this.folder));
    const other = stated.findIndex((each, nth) => !isDeepStrictEqual(each, own[nth]));
    if (other >= 0) throw new Error(`object ${other + 1} of it is not the one of the commit`);
    if (stated.length !== own.length) throw new Error('it lacks objects of the commit');
  }

  /** @param placed folder or file of the tree → where it is in the artefact. @throws as {@link lookAtChart} */
  lookAtTexts(files: Files, placed: Readonly<Record<string, string>>): void {
    for (const [source, target] of Object.entries(placed)) {
      const path = join(this.folder, source);
      const own = source.endsWith('/')
        ? filesIn(path, target).map((each) => [each.path, each.content ?? Buffer.alloc(0)] as const)
        : [[target, readFileSync(path)] as const];
      const there = [...files].filter(([each]) =>
        source.endsWith('/') ? each.startsWith(`${target}/`) : each === target,
      );
      compare(new Map(there), new Map(own));
    }
  }
}

/** @param use is given none where the clone does not have the commit */
export function withTree<T>(commit: string, use: (tree: Tree | undefined) => T): T {
  const archive = archiveOf(commit);
  if (archive === undefined) return use(undefined);
  const folder = mkdtempSync(join(tmpdir(), 'svidecar-tree-'));
  try {
    execFileSync('tar', ['-x', '-C', folder], { input: archive });
    return use(existsSync(join(folder, 'package-lock.json')) ? new Tree(folder) : undefined);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function compare(stated: Files, own: Files): void {
  const paths = [...new Set([...own.keys(), ...stated.keys()])];
  const other = paths.find((path) => {
    const is = stated.get(path);
    const was = own.get(path);
    return is === undefined || was === undefined || !is.equals(was);
  });
  if (other !== undefined) throw new Error(`${other} is not the one of the commit`);
}
