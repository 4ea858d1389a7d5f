/** Images of a docker-archive, unpacked as a container runtime does, and started with nothing but their own files. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isObject, listAt, objectAt, stringAt, type JsonObject } from '#kernel/json.ts';

export interface UnpackedImage {
  readonly root: string;
  readonly layers: readonly string[];
  readonly config: JsonObject;
}

/** Layer over layer, below a new folder. @returns by reference */
export function unpackImages(archive: string, work: string): ReadonlyMap<string, UnpackedImage> {
  const folder = mkdtempSync(join(work, 'archive-'));
  execFileSync('tar', ['-xf', archive, '-C', folder]);
  const manifest = readJsonFile(join(folder, 'manifest.json'));
  const images = (Array.isArray(manifest) ? manifest : []).filter(isObject).map((image) => {
    const [reference = ''] = listAt(image, 'RepoTags').map(String);
    const root = join(folder, reference);
    mkdirSync(root, { recursive: true });
    const layers = listAt(image, 'Layers').map(String);
    for (const layer of layers) execFileSync('tar', ['-xf', join(folder, layer), '-C', root]);
    const config = readJsonFile(join(folder, stringAt(image, 'Config') ?? ''));
    return [reference, { root, layers, config: isObject(config) ? config : {} }] as const;
  });
  return new Map(images);
}

export function readJsonFile(path: string): unknown {
  return JSON.parse(readFileSync(path, 'utf8'));
}

/** For the tools around a container: of the image's own variables, the last one counts. */
export const systemPath = 'PATH=/usr/sbin:/usr/bin:/sbin:/bin';

/** As a pod has it: read-only from the root on, /tmp too. $2 is a volume, or a folder with one; $3 an emulator's program or nothing. */
const readOnlyScript = `set -e; root=$1; volume=$2; emulator=$3; shift 3
  mkdir -p "$root/proc" "$root/mnt"; mount --bind "$root" "$root"; mount --bind /proc "$root/proc"
  mount --bind "$volume" "$root/mnt"
  if [ -n "$emulator" ]; then touch "$root/emulator"; mount --bind "$emulator" "$root/emulator"; set -- /emulator "$@"; fi
  mount -o remount,bind,ro "$root"; mount -o remount,bind,ro "$root/mnt"
  exec chroot --userspec=65532:65532 "$root" "$@"`;

export interface Container {
  /** Is /mnt in the container. */
  readonly volume: string;
  readonly words: readonly string[];
  readonly env?: readonly string[];
  /** Path of a static program that runs those of another architecture. */
  readonly emulator?: string;
  /** For `unshare`, such as `--net`. */
  readonly namespaces?: readonly string[];
}

/** A command and its arguments that run the image's entry point. */
export function containerCommand(
  { root, config }: UnpackedImage,
  { volume, words, env = [], emulator = '', namespaces = [] }: Container,
): readonly string[] {
  const settings = objectAt(config, 'config');
  const variables = [...listAt(settings, 'Env').map(String), ...env, systemPath];
  const command = [...listAt(settings, 'Entrypoint').map(String), ...words];
  const script = ['sh', '-c', readOnlyScript, 'sh', root, volume, emulator, ...command];
  return ['env', '-i', ...variables, 'unshare', '--mount', ...namespaces, ...script];
}
