/**
 * The dynamic linker and the shared libraries of a program: this machine's, or those of the distribution's packages for the
 * other architecture, which lie unpacked in the component `libraries-ARCHITECTURE`.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { component, ownArchitecture, type Architecture, type Runtime } from './architectures.ts';
import { linkedWith } from './elf.ts';

export interface SharedLibrary {
  /** In the image, from the root on. */
  readonly path: string;
  /** On this machine. */
  readonly source: string;
}

/** A package of the distribution, as its archive is named. */
export interface SystemPackage {
  readonly name: string;
  readonly version: string;
  readonly architecture: string;
  /** The file with what the distribution says of its licences. */
  readonly copyright: string;
}

/** @param tools other programs of this machine, which need some too */
export function librariesOf(
  { binary, architecture }: Runtime,
  tools: readonly string[],
): readonly SharedLibrary[] {
  if (architecture !== ownArchitecture) return foreignLibraries(binary, architecture);
  const paths = new Set([binary, ...tools].flatMap(ownLibraries));
  return [...new Set([...paths, ...tools])].sort().map((path) => ({ path, source: path }));
}

function ownLibraries(binary: string): readonly string[] {
  let listed: string;
  try {
    listed = execFileSync('ldd', [binary], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
  } catch {
    // That is how ldd speaks of a static binary. One that is missing is reported by the reading of its bytes.
    return [];
  }
  return [...new Set(listed.match(/\/\S+\.so\S*/g) ?? [])].sort();
}

/** As Debian calls it, in the folders where its linker looks. */
const triplets = { amd64: 'x86_64-linux-gnu', arm64: 'aarch64-linux-gnu' } as const;

/** All that is needed, and what that needs. @throws {Error} where a package is missing */
function foreignLibraries(binary: string, architecture: Architecture): readonly SharedLibrary[] {
  const found = new Map<string, SharedLibrary>();
  const folder = `/lib/${triplets[architecture]}`;
  const { interpreter } = linkedWith(binary);
  if (interpreter === undefined) return [];
  const linker = { path: interpreter, source: foreignFile(interpreter, architecture) };
  const visit = (program: string): void => {
    for (const name of linkedWith(program).needed) {
      if (found.has(name) || interpreter.endsWith(`/${name}`)) continue;
      const source = foreignFile(`${folder}/${name}`, architecture);
      found.set(name, { path: `${folder}/${name}`, source });
      visit(source);
    }
  };
  visit(binary);
  return [linker, ...found.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** /lib is a link to /usr/lib on today's systems, and packages say either. */
function foreignFile(path: string, architecture: Architecture): string {
  const folder = component(`libraries-${architecture}`);
  const places = readdirSync(folder).flatMap((name) =>
    [path, `/usr${path}`].map((inside) => join(folder, name, inside)),
  );
  const place = places.find((each) => existsSync(each));
  if (place === undefined)
    throw new Error(
      `no package in ${folder} has ${path}: scripts/components.d/pins names too few of them`,
    );
  return realpathSync(place);
}

/** Those behind the libraries; elsewhere than on a Debian there are none, and the libraries stand as files only. */
export function systemPackagesOf(
  libraries: readonly SharedLibrary[],
  architecture: Architecture,
): readonly SystemPackage[] {
  const packages = libraries.flatMap(({ source }) =>
    architecture === ownArchitecture ? ownPackage(source) : foreignPackage(source),
  );
  const byName = new Map(packages.map((each) => [each.name, each]));
  return [...byName.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

function ownPackage(path: string): readonly SystemPackage[] {
  const shown = ask('dpkg', ['-S', path]) ?? ask('dpkg', ['-S', `/usr${path}`]);
  const owner = shown?.split(': ')[0];
  if (owner === undefined) return [];
  const said = ask('dpkg-query', ['-W', '-f', '${Version} ${Architecture}', owner]);
  const [version, architecture] = said?.split(' ') ?? [];
  return version === undefined || architecture === undefined
    ? []
    : [systemPackage(owner.replace(/:.*$/, ''), version, architecture)];
}

/** The folder's name is that of the package's archive. */
function foreignPackage(path: string): readonly SystemPackage[] {
  const [, name, version, architecture] = /.*\/([^/_]+)_([^/_]+)_([^/_]+)\//.exec(path) ?? [];
  return name === undefined || version === undefined || architecture === undefined
    ? []
    : [systemPackage(name, decodeURIComponent(version), architecture)];
}

/** Of whatever architecture: this machine has the package too, of the same distribution, and in some it is a link to another's. */
function systemPackage(name: string, version: string, architecture: string): SystemPackage {
  return { name, version, architecture, copyright: `/usr/share/doc/${name}/copyright` };
}

function ask(program: string, args: readonly string[]): string | undefined {
  try {
    return execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  } catch {
    // Not a Debian, or not a file of a package.
    return undefined;
  }
}
