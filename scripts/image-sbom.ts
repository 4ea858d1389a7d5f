/**
 * What is in an image, as CycloneDX: the npm packages that the bundle really holds, with the lock file's versions, licences
 * and hashes; the runtime; the distribution's packages behind the shared libraries; every file with its SHA-256.
 * @see https://cyclonedx.org/docs/1.6/json/
 */
import { own } from '#kernel/members.ts';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { sha256 } from './image-archive.ts';
import type { Contents } from './image-layers.ts';

/** A component as CycloneDX spells it. */
interface Component {
  readonly type: 'application' | 'container' | 'file' | 'library';
  readonly 'bom-ref': string;
  readonly name: string;
  readonly version?: string;
  readonly purl?: string;
  readonly cpe?: string;
  readonly licenses?: readonly { readonly expression: string }[];
  readonly hashes?: readonly { readonly alg: string; readonly content: string }[];
}

export function sbomOf(contents: Contents): Buffer {
  const { repository, tag } = contents;
  return documentOf({ type: 'container', 'bom-ref': 'image', name: repository, version: tag }, [
    ...contents.packages.map(npmPackage),
    runtimeOf(contents),
    ...systemPackages(contents.libraries),
    ...filesOf(contents),
  ]);
}

/** Of something that is no image. @param folders of the npm packages whose code is inside */
export function sbomOfPackages(name: string, version: string, folders: readonly string[]): Buffer {
  const component = { type: 'application' as const, 'bom-ref': 'package', name, version };
  return documentOf(component, folders.map(npmPackage));
}

function documentOf(component: Component, components: readonly Component[]): Buffer {
  const document = {
    $schema: 'http://cyclonedx.org/schema/bom-1.6.schema.json',
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    version: 1,
    // No time and no serial number: equal images have equal documents.
    metadata: { component },
    components,
    dependencies: [
      { ref: component['bom-ref'], dependsOn: components.map((each) => each['bom-ref']) },
    ],
  };
  return Buffer.from(`${JSON.stringify(document, undefined, 1)}\n`);
}

interface Locked {
  readonly version?: string;
  readonly license?: string;
  readonly integrity?: string;
}

function npmPackage(folder: string): Component {
  const locked = own(lock(), folder);
  if (locked?.version === undefined) throw new TypeError(`${folder} is not in package-lock.json`);
  const { version, license, integrity = '' } = locked;
  const name = folder.slice(folder.lastIndexOf('node_modules/') + 'node_modules/'.length);
  const purl = `pkg:npm/${name.replace('@', '%40')}@${version}`;
  // A package may be there twice, nested: the folder tells them apart.
  const component = { type: 'library' as const, 'bom-ref': `${purl}?in=${folder}`, name, version };
  const sha512 = Buffer.from(integrity.replace(/^sha512-/, ''), 'base64').toString('hex');
  return {
    ...component,
    purl,
    ...(license === undefined ? {} : { licenses: [{ expression: license }] }),
    ...(sha512 === '' ? {} : { hashes: [{ alg: 'SHA-512', content: sha512 }] }),
  };
}

function lock(): Readonly<Record<string, Locked>> {
  // npm's own file, read by its documented shape.
  const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8')) as {
    packages: Record<string, Locked>;
  };
  return packages;
}

function runtimeOf({ runtime }: Contents): Component {
  const { name, version, vendor, binary } = runtime;
  const purl = `pkg:generic/${name}@${version}`;
  const product = name === 'node' ? 'node.js' : name;
  return {
    type: 'application',
    'bom-ref': purl,
    name,
    version,
    purl,
    cpe: `cpe:2.3:a:${vendor}:${product}:${version}:*:*:*:*:*:*:*`,
    hashes: [{ alg: 'SHA-256', content: sha256(readFileSync(binary)) }],
  };
}

/** By dpkg, where there is one; elsewhere the libraries stand as files only. */
function systemPackages(libraries: readonly string[]): readonly Component[] {
  const names = new Set(libraries.flatMap(ownerOf));
  return [...names].sort().flatMap((name) => {
    const shown = ask('dpkg-query', ['-W', '-f', '${Version} ${Architecture}', name]);
    const [version, architecture] = shown?.split(' ') ?? [];
    if (version === undefined || architecture === undefined) return [];
    const plain = name.replace(/:.*$/, '');
    const purl = `pkg:deb/debian/${plain}@${encodeURIComponent(version)}?arch=${architecture}`;
    return [{ type: 'library' as const, 'bom-ref': purl, name: plain, version, purl }];
  });
}

/** /lib is a link to /usr/lib on today's systems, and packages say either. */
function ownerOf(path: string): readonly string[] {
  const shown = ask('dpkg', ['-S', path]) ?? ask('dpkg', ['-S', `/usr${path}`]);
  const owner = shown?.split(': ')[0];
  return owner === undefined ? [] : [owner];
}

function ask(program: string, args: readonly string[]): string | undefined {
  try {
    return execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  } catch {
    // Not a Debian, or not a file of a package.
    return undefined;
  }
}

function filesOf({ layers }: Contents): readonly Component[] {
  return layers.flat().flatMap(({ path, content }) =>
    content === undefined
      ? []
      : [
          {
            type: 'file' as const,
            'bom-ref': `file:/${path}`,
            name: `/${path}`,
            hashes: [{ alg: 'SHA-256', content: sha256(content) }],
          },
        ],
  );
}
