/**
 * The command line as one program, for machines without Node.js: Bun with our bundles, templates, pages and the demo inside.
 * This machine's Bun writes it around the Bun of each platform; one for macOS it signs ad hoc, without which none starts there.
 * @see docs/adr/0168-the-command-line-as-one-program.md
 */
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { bunBinary, bunRuntime, component, type Runtime } from '../architectures.ts';
import { bundle, insideExecutable } from '../bundle.ts';
import { sbomOfPackage } from '../sbom.ts';
import { tar } from '../tar.ts';
import { noticesFile, noticesOf } from '../third-party-notices.ts';
import type { NpmPackage } from './npm-package.ts';
import { platforms, type Platform } from './release-files.ts';
import { stopped } from './stopping.ts';

export interface Executable {
  readonly platform: Platform;
  /** A gzip'd tar with the program, its licence, and those of what is inside. */
  readonly archive: Buffer;
  readonly sbom: Buffer;
}

const options = [
  '--compile',
  '--no-compile-autoload-dotenv',
  '--no-compile-autoload-bunfig',
  ...['package.json', 'templates', 'manifests', 'dist', 'sidecar'].flatMap((path) => [
    '--asset',
    path,
  ]),
];

/** `svidecar dev` starts its own program with the path of a bundle, as it starts Node.js with one. */
const entry = `const [, , program = ''] = process.argv;
const isOwn = program.startsWith('${insideExecutable}/sidecar/');
if (isOwn) process.argv.splice(1, 1);
if (isOwn && program.endsWith('.cjs')) await import('./sidecar/main.cjs');
else if (isOwn) await import('./sidecar/stand-ins/main.mjs');
else await import('./webhook/main.mjs');
`;

const run = promisify(execFile);
const gzipped = promisify(gzip);

/** Equal input gives equal bytes, where the file system lists folders alike: Bun embeds them in that order. @param npm what is inside, but for the command line's own bundle */
export async function executables(
  version: string,
  npm: NpmPackage,
): Promise<readonly Executable[]> {
  const work = mkdtempSync(join(tmpdir(), 'svidecar-cli-'));
  try {
    for (const { path, content = '' } of npm.files) {
      const file = join(work, path.replace(/^package\//, ''));
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, content);
    }
    const inside = [
      ...npm.packages,
      ...(await bundle('executable', join(work, 'webhook/main.mjs'))),
      ...(await bundle('executableStandIn', join(work, 'sidecar/stand-ins/main.mjs'))),
    ];
    writeFileSync(join(work, 'executable.mjs'), entry);
    const build = { work, version, packages: [...new Set(inside)].sort() };
    return await Promise.all(platforms.map((platform) => executableFor(platform, build)));
  } finally {
    rmSync(work, { recursive: true });
  }
}

interface Build {
  readonly work: string;
  readonly version: string;
  readonly packages: readonly string[];
}

async function executableFor(
  platform: Platform,
  { work, version, packages }: Build,
): Promise<Executable> {
  const runtime = runtimeFor(platform);
  const out = join(work, 'out', platform);
  const target = [`--target=bun-${platform}`, `--compile-executable-path=${runtime.binary}`];
  await run(
    resolve(bunBinary),
    ['build', ...options, ...target, 'executable.mjs', '--outfile', out],
    // No variables of Bun's: they would change what is made.
    { cwd: work, env: { PATH: process.env['PATH'] }, signal: stopped },
  );
  const files = [
    { path: 'LICENSE', mode: 0o644, content: readFileSync('LICENSE') },
    { path: noticesFile, mode: 0o644, content: noticesOf({ packages, runtime }) },
    { path: 'svidecar', mode: 0o755, content: readFileSync(out) },
  ];
  return {
    platform,
    // Programs hardly get smaller by more.
    archive: await gzipped(tar(files), { level: 1 }),
    sbom: sbomOfPackage({ name: `svidecar-${platform}`, version, packages, files, runtime }),
  };
}

function runtimeFor(platform: Platform): Runtime {
  const architecture = platform.endsWith('arm64') ? 'arm64' : 'amd64';
  const own = bunRuntime(architecture);
  return platform.startsWith('linux-') ? own : { ...own, binary: component(`bun-${platform}`) };
}
