/** Names of our entries in SPIRE: by them, and by nothing else, an entry is known to be ours. */
import { hash } from 'node:crypto';
import type { SpireEntry } from './spire-entry.ts';

/** What of an entry its name says: another of these is another entry. */
type NamedParts = Pick<SpireEntry, 'spiffeId' | 'parentId' | 'selectors'>;

/** 128 bits, in hexadecimal digits. */
const hashDigits = 32;

/** `svidecar.<namespace>.<hash>`, with a cluster's name `svidecar-<cluster>.<namespace>.<hash>`: neither name holds a dot. */
export function entryName(cluster: string, namespace: string, parts: NamedParts): string {
  const digest = hash('sha256', entryIdentity(parts), 'hex').slice(0, hashDigits);
  return `${owner(cluster)}.${namespace}.${digest}`;
}

/** The namespace that one of our entries is for; undefined for an entry of others, or of another cluster. */
export function namespaceOfEntry(cluster: string, id: string): string | undefined {
  const [first, namespace = '', digest = '', ...more] = id.split('.');
  const isOurs =
    first === owner(cluster) &&
    more.length === 0 &&
    /^[a-z0-9-]{1,63}$/.test(namespace) &&
    /^[0-9a-f]{32}$/.test(digest);
  return isOurs ? namespace : undefined;
}

/** The same for two entries of which SPIRE keeps only one, whatever their names. */
export function entryIdentity({ spiffeId, parentId, selectors }: NamedParts): string {
  return JSON.stringify([spiffeId, parentId, selectors.toSorted()]);
}

function owner(cluster: string): string {
  return cluster === '' ? 'svidecar' : `svidecar-${cluster}`;
}
