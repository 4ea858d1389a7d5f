/** What a release was made of besides its tree: packages, programs that carry our bundles, and the distribution's libraries. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { architectures, bunRuntime, nodeRuntime, type Architecture } from '../architectures.ts';
import { sha256 } from '../image-archive.ts';
import { librariesOf, systemPackagesOf } from '../image-libraries.ts';
import { sha256OfFile } from '../parts.ts';

/** A ResourceDescriptor of in-toto. */
export interface Input {
  readonly uri: string;
  readonly digest?: Readonly<Record<string, string>>;
}

/** Each names others by their hashes: npm's packages, and components. */
const tables = ['package-lock.json', 'scripts/components.d/pins'] as const;

const hashed = [
  /^urn:svidecar:(?:package-lock\.json|scripts\/components\.d\/pins)$/,
  /^pkg:generic\/(?:node|bun)@[\w.+-]+\?arch=(?:amd64|arm64)$/,
];
const named = /^pkg:deb\/debian\/[a-z0-9][a-z0-9.+-]*@[\w.+~%-]+\?arch=(?:amd64|arm64)$/;

/** Whether a release can be made of it; that it was is its maker's word. */
export function isInput({ uri, digest }: Input): boolean {
  if (digest === undefined) return named.test(uri);
  return hashed.some((each) => each.test(uri)) && /^[0-9a-f]{64}$/.test(digest['sha256'] ?? '');
}

/** @param root of the tree */
export function tablesOf(root = '.'): readonly Input[] {
  return tables.map((path) => ({
    uri: `urn:svidecar:${path}`,
    digest: { sha256: sha256(readFileSync(join(root, path))) },
  }));
}

export function inputs(): readonly Input[] {
  return [...tablesOf(), ...architectures.flatMap(inputsFor)];
}

function inputsFor(architecture: Architecture): readonly Input[] {
  const node = nodeRuntime(architecture);
  const runtimes = [node, bunRuntime(architecture)].map(({ name, version, binary }) => ({
    uri: `pkg:generic/${name}@${version}?arch=${architecture}`,
    digest: { sha256: sha256OfFile(binary) },
  }));
  // Bun needs no others than Node.js.
  const packages = systemPackagesOf(librariesOf(node, []), architecture).map(
    ({ name, version }) => ({
      uri: `pkg:deb/debian/${name}@${encodeURIComponent(version)}?arch=${architecture}`,
    }),
  );
  return [...runtimes, ...packages];
}
