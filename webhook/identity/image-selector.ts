/** The selector of a container's image. */

const part = /^[a-z0-9]+((\.|__?|-+)[a-z0-9]+)*$/;
const host = /^(\[[0-9a-fA-F:]+\]|[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?)(:\d{1,5})?$/;
const tagPattern = /^\w[\w.-]{0,127}$/;
const digestPattern = /^[a-z0-9]+([+._-][a-z0-9]+)*:[0-9a-f]{32,}$/;

/** Whether a text names an image. @see github.com/distribution/reference, reference.go */
export function isImageReference(text: string): boolean {
  const [name = '', digest, ...more] = text.split('@');
  const colon = name.indexOf(':', name.lastIndexOf('/') + 1);
  const isTagged = colon === -1 || tagPattern.test(name.slice(colon + 1));
  const isPinned = digest === undefined || digestPattern.test(digest);
  const repository = colon === -1 ? name : name.slice(0, colon);
  return more.length === 0 && isTagged && isPinned && isRepository(repository);
}

function isRepository(text: string): boolean {
  const [first = '', ...parts] = text.split('/');
  const isFirst = part.test(first) || (parts.length > 0 && host.test(first));
  return isFirst && parts.every((each) => part.test(each));
}

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
