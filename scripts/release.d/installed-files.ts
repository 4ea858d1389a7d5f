/**
 * Whether the files of the packages that are installed are those whose hashes the lock file has: npm keeps each archive that it
 * installs from under its hash, so they can be compared with it.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { stringAt } from '#kernel/json.ts';
import { filesOfForeign } from '../foreign-tar.ts';
import { installedPackages } from './installed-packages.ts';

const next = 'run `npm ci`, or make releases in a fresh clone';

/** Where this user's npm has its archives. */
export function npmCache(): string {
  try {
    return execFileSync('npm', ['config', 'get', 'cache'], { encoding: 'utf8' }).trim();
  } catch {
    // Without npm, where it has them where nobody says otherwise.
    return join(homedir(), '.npm');
  }
}

/**
 * @param cache of npm
 * @returns the packages that could not be compared, since npm does not have their archives any more
 * @throws {Error} which names the first file that is another one, is gone, or was added
 */
export function refuseChangedFiles(cache: string, root = '.'): readonly string[] {
  const packages = installedPackages(root);
  const folders = new Set([...packages.keys()].map((path) => join(root, path)));
  refuseUnlocked(root, folders);
  return [...packages].flatMap(([path, locked]) => {
    const archive = archiveIn(cache, stringAt(locked, 'integrity') ?? '');
    if (archive === undefined) return [path];
    const own = filesOfForeign(gunzipSync(archive));
    compareWith(own, { folder: join(root, path), others: folders });
    return [];
  });
}

/** @returns undefined where npm has none of that hash, or another file in its place */
function archiveIn(cache: string, integrity: string): Buffer | undefined {
  const [, sum = ''] = /^sha512-([A-Za-z0-9+/=]+)$/.exec(integrity) ?? [];
  const hash = Buffer.from(sum, 'base64').toString('hex');
  const parts = [hash.slice(0, 2), hash.slice(2, 4), hash.slice(4)];
  const file = join(cache, '_cacache/content-v2/sha512', ...parts);
  if (hash === '' || !existsSync(file)) return undefined;
  const archive = readFileSync(file);
  return createHash('sha512').update(archive).digest('hex') === hash ? archive : undefined;
}

interface Package {
  readonly folder: string;
  /** Folders of packages. */
  readonly others: ReadonlySet<string>;
}

function compareWith(own: ReadonlyMap<string, Buffer>, { folder, others }: Package): void {
  const there = new Set(filesBelow(folder, others));
  const files = new Map([...own].map(([path, content]) => [join(folder, path), content]));
  const isSame = (file: string): boolean =>
    there.has(file) && files.get(file)?.equals(readFileSync(file)) === true;
  const other = [...files.keys(), ...there].find((file) => !isSame(file));
  if (other !== undefined)
    throw new Error(`${other} is not as in the archive that package-lock.json names: ${next}`);
}

/** But for packages below it, which are compared by themselves, and links to their programs. */
function filesBelow(folder: string, others: ReadonlySet<string>): readonly string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (!entry.isDirectory()) return [path];
    return others.has(path) || path.endsWith('node_modules/.bin') ? [] : filesBelow(path, others);
  });
}

/** Some packages take another one where it is there. */
function refuseUnlocked(root: string, locked: ReadonlySet<string>): void {
  const folder = join(root, 'node_modules');
  const stray = readdirSync(folder, { withFileTypes: true })
    .filter(({ name }) => !name.startsWith('.'))
    .flatMap(({ name }) =>
      name.startsWith('@')
        ? readdirSync(join(folder, name)).map((each) => join(folder, name, each))
        : [join(folder, name)],
    )
    .filter((each) => !locked.has(each));
  if (stray.length > 0)
    throw new Error(`${stray.join(', ')}: in no package-lock.json, and installed; ${next}`);
}
