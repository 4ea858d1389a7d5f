/** The selector of a container's image. */

/**
 * As container runtimes report an image, and the agent therefore knows it: with registry, and with a tag or a digest.
 * @see github.com/distribution/reference, normalize.go
 */
export function imageSelector(image: string): string {
  const [name = '', digest] = image.split('@');
  const slash = name.lastIndexOf('/');
  const colon = name.indexOf(':', slash + 1);
  const repository = withRegistry(colon === -1 ? name : name.slice(0, colon));
  const tag = colon === -1 ? 'latest' : name.slice(colon + 1);
  const reference = digest === undefined ? `${repository}:${tag}` : `${repository}@${digest}`;
  return `k8s:container-image:${reference}`;
}

/** A first part without a dot or a port is no host, except `localhost`. */
function withRegistry(repository: string): string {
  const slash = repository.indexOf('/');
  if (slash === -1) return `docker.io/library/${repository}`;
  const first = repository.slice(0, slash);
  return /[.:]/.test(first) || first === 'localhost' ? repository : `docker.io/${repository}`;
}
