/** Where images are pulled from, by the grammar of references that registries and runtimes share. */

const label = '[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?';
const host = new RegExp(`^(?:${label}(?:\\.${label})*|\\[[a-fA-F0-9:]+\\])(?::[0-9]+)?$`);
const folder = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/;
/** Characters of a whole name, of which an image's own takes some. */
const longest = 200;

/**
 * Why it is none.
 * @see https://pkg.go.dev/github.com/distribution/reference
 */
export function faultOfRegistry(name: string): string | undefined {
  const [first = '', ...folders] = name.split('/');
  if (name.length > longest) return `it has more than ${longest} characters`;
  if (!host.test(first)) return `"${first}" is no host`;
  if (first !== 'localhost' && !/[.:]/.test(first))
    return `"${first}" would be read as a folder of docker.io: a host has a dot or a port`;
  const wrong = folders.find((each) => !folder.test(each));
  return wrong === undefined
    ? undefined
    : `"${wrong}" is no folder: it has small letters and digits, and single separators between them`;
}
