/** What a policy for the pods of one workload is called. */
import { contentHash } from '../injection/hash.ts';
import type { Located } from '../request/locate.ts';

/** Characters of a name. @see Kubernetes: DNS subdomain names, RFC 1123 */
const maxLength = 253;

/**
 * With the workload's kind, so that a Deployment and a StatefulSet of one name have one each; a name that would be too long is
 * cut, and told apart by its hash.
 */
export function policyName(
  { kind, name }: Pick<Located, 'kind' | 'name'>,
  purpose: string,
): string {
  const rest = `-${kind.toLowerCase()}-${purpose}`;
  if (name.length + rest.length <= maxLength) return `${name}${rest}`;
  const marked = `-${contentHash(name)}${rest}`;
  return `${name.slice(0, maxLength - marked.length).replace(/[^a-z0-9]+$/, '')}${marked}`;
}
