/** Lays out the helper's image: a runtime, its libraries, the bundle; as a folder or as a docker-archive. See `scripts/image`. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { helperVersion } from '../sidecar/helper/version.ts';
import { memoryEnvironment } from './memory-environment.ts';
import { tar, type TarEntry } from './tar.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    runtime: { type: 'string', default: 'bun' },
    out: { type: 'string', default: 'dist/svidecar-helper.tar' },
    tag: { type: 'string', default: `svidecar-helper:${helperVersion}` },
    rootfs: { type: 'string' },
  },
});
if (positionals.join() !== 'helper') throw new TypeError('usage: scripts/image helper [options]');
const { runtime, out, tag, rootfs } = values;
if (runtime !== 'bun' && runtime !== 'node') throw new TypeError('--runtime is bun or node');

const user = '65532:65532';
const passwd = 'root:x:0:0:root:/:/sbin/nologin\nnonroot:x:65532:65532::/:/sbin/nologin\n';
const group = 'root:x:0:\nnonroot:x:65532:\n';
const entrypoint = ['/usr/local/bin/runtime', '/opt/svidecar/helper.cjs'];
const environment = [
  'PATH=/usr/local/bin',
  ...Object.entries(memoryEnvironment).map(([name, value]) => `${name}=${value}`),
];
const architecture = process.arch === 'arm64' ? 'arm64' : 'amd64';

function runtimeBinary(): string {
  if (runtime === 'node') return realpathSync(process.execPath);
  const name = process.arch === 'arm64' ? 'bun-linux-aarch64' : 'bun-linux-x64';
  return realpathSync(`node_modules/@oven/${name}/bin/bun`);
}

/** The dynamic linker and the libraries, where the binary looks for them. */
function librariesOf(binary: string): readonly string[] {
  const listed = execFileSync('ldd', [binary], { encoding: 'utf8' });
  return [...new Set(listed.match(/\/\S+\.so\S*/g) ?? [])].sort();
}

function files(): readonly TarEntry[] {
  const bundle = 'dist/helper.cjs';
  execFileSync(process.execPath, ['scripts/bundle-helper.ts', bundle]);
  const binary = runtimeBinary();
  const from = (path: string, source: string, mode: number): TarEntry => ({
    path: path.replace(/^\//, ''),
    mode,
    content: readFileSync(source),
  });
  return [
    { path: 'etc/passwd', mode: 0o644, content: Buffer.from(passwd) },
    { path: 'etc/group', mode: 0o644, content: Buffer.from(group) },
    ...librariesOf(binary).map((path) => from(path, realpathSync(path), 0o755)),
    from('usr/local/bin/runtime', binary, 0o755),
    from('opt/svidecar/helper.cjs', bundle, 0o644),
  ].sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** The files, each folder before what is in it. */
function withFolders(entries: readonly TarEntry[]): readonly TarEntry[] {
  const folders = new Set<string>(['tmp/']);
  for (const { path } of entries) {
    const parts = path.split('/').slice(0, -1);
    parts.forEach((_, index) => folders.add(`${parts.slice(0, index + 1).join('/')}/`));
  }
  const made = [...folders].map((path) => ({ path, mode: path === 'tmp/' ? 0o1777 : 0o755 }));
  return [...made, ...entries].sort((a, b) => (a.path < b.path ? -1 : 1));
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function dockerArchive(entries: readonly TarEntry[]): Buffer {
  const layer = tar(withFolders(entries));
  const created = '1970-01-01T00:00:00Z';
  const config = Buffer.from(
    JSON.stringify({
      architecture,
      os: 'linux',
      created,
      config: { Entrypoint: entrypoint, User: user, Env: environment },
      rootfs: { type: 'layers', diff_ids: [`sha256:${sha256(layer)}`] },
      history: [{ created, created_by: 'scripts/image' }],
    }),
  );
  const name = `${sha256(config)}.json`;
  const manifest = JSON.stringify([{ Config: name, RepoTags: [tag], Layers: ['layer.tar'] }]);
  return tar([
    { path: name, mode: 0o644, content: config },
    { path: 'layer.tar', mode: 0o644, content: layer },
    { path: 'manifest.json', mode: 0o644, content: Buffer.from(manifest) },
  ]);
}

function writeFolder(folder: string, entries: readonly TarEntry[]): void {
  rmSync(folder, { recursive: true, force: true });
  for (const { path, mode, content } of withFolders(entries)) {
    const target = join(folder, path);
    if (content === undefined) mkdirSync(target, { recursive: true, mode });
    else writeFileSync(target, content, { mode });
  }
}

if (rootfs !== undefined) {
  writeFolder(rootfs, files());
  console.log(rootfs);
} else {
  mkdirSync(dirname(out), { recursive: true });
  const archive = dockerArchive(files());
  writeFileSync(out, archive);
  console.log(`${out} ${tag} ${archive.length} bytes sha256:${sha256(archive)}`);
}
