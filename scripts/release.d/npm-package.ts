/**
 * The npm package: the command line as bundled JavaScript, with all that it reads, and nothing to install besides. The folders
 * are those of the repository, because the program looks for its templates, pages and the demo one folder up.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bundle, bundleHelper } from '../bundle.ts';
import { filesIn, from } from '../image-layers.ts';
import { buildPage, pageNames } from '../pages.ts';
import { gzippedTar, type TarEntry } from '../tar.ts';
import { noticesFile, noticesOf } from '../third-party-notices.ts';
import { trackedFilesIn } from '../tracked-files.ts';

/** The Kubernetes client asks for it. */
export const leastNode = '22.19';

export interface NpmPackage {
  readonly archive: Buffer;
  /** Folders of the npm packages whose code is inside, that of the pages too. */
  readonly packages: readonly string[];
  /** In the archive. */
  readonly files: readonly TarEntry[];
}

/** @throws {TypeError} where a path is too long for the archive */
export async function npmPackage(version: string): Promise<NpmPackage> {
  const work = mkdtempSync(join(tmpdir(), 'svidecar-npm-'));
  try {
    const pages = await Promise.all(
      pageNames.map(async (name) => ({ name, ...(await buildPage(name)) })),
    );
    const inside = [
      ...(await bundle('cli', join(work, 'webhook/main.mjs'))),
      ...(await bundleHelper(join(work, 'sidecar/main.cjs'))),
      ...(await bundle('standIn', join(work, 'sidecar/stand-ins/main.mjs'))),
      ...pages.flatMap(({ packages }) => packages),
    ];
    const packages = [...new Set(inside)].sort();
    const entries = [
      text('package.json', packageJson(version, ownDescription())),
      { ...text(program, starter), mode: 0o755 },
      { path: noticesFile, mode: 0o644, content: noticesOf({ packages }) },
      ...['README.md', 'LICENSE', 'CHANGELOG.md'].map((name) => from(name, name, 0o644)),
      ...['templates', 'manifests/demo'].flatMap((folder) => trackedFilesIn(folder, folder)),
      ...filesIn(work, '.'),
      ...pages.map(({ name, html }) => text(`dist/pages/${name}.html`, html)),
    ];
    const files = entries
      .map((entry) => ({ ...entry, path: join('package', entry.path) }))
      .sort((a, b) => (a.path < b.path ? -1 : 1));
    return { archive: gzippedTar(files), files, packages };
  } finally {
    rmSync(work, { recursive: true });
  }
}

function text(path: string, content: string): TarEntry {
  return { path, mode: 0o644, content: Buffer.from(content) };
}

function ownDescription(): string {
  // Our own package.json.
  return (JSON.parse(readFileSync('package.json', 'utf8')) as { description: string }).description;
}

/** What npm runs. */
export const program = 'bin/svidecar.mjs';

/** No dependencies and no scripts: nothing is fetched, and nothing runs, when it is installed. */
export function packageJson(version: string, description: string): string {
  const about = {
    name: 'svidecar',
    version,
    description,
    license: 'Apache-2.0',
    type: 'module',
    bin: { svidecar: program, 'kubectl-svidecar': program },
    engines: { node: `>=${leastNode}` },
  };
  return `${JSON.stringify(about, undefined, 2)}\n`;
}

/** Understood by each Node that there is, so that an old one is told and not met by a fault of syntax. */
const starter = `#!/usr/bin/env node
const [major, minor] = process.versions.node.split('.').map(Number);
const [leastMajor, leastMinor] = '${leastNode}'.split('.').map(Number);
if (major < leastMajor || (major === leastMajor && minor < leastMinor)) {
  console.error('svidecar needs Node.js ${leastNode} or newer, and this is ' + process.versions.node + ': install a newer one (https://nodejs.org)');
  process.exitCode = 3;
} else {
  import('../webhook/main.mjs');
}
`;
