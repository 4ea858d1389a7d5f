/** Labels and annotations for the ConfigMaps that svidecar makes: policies of a cluster may demand some. */
import * as z from 'zod';
import { dnsSubdomain } from '#kernel/dns-label.ts';
import { isOurs } from './metadata-keys.ts';

const name = /^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;
/** By it our ConfigMaps are recognized. */
const ownLabel = 'app.kubernetes.io/managed-by';
const maxPrefixLength = 253;
/** Characters of all annotations together, keys included; Kubernetes accepts 256 KiB, ours included. */
const maxAnnotations = 64 * 1024;

/** @see Kubernetes, "Labels and Selectors": syntax */
function isKey(key: string): boolean {
  const slash = key.indexOf('/');
  const prefix = slash === -1 ? undefined : key.slice(0, slash);
  const isPrefix =
    prefix === undefined || (prefix.length <= maxPrefixLength && dnsSubdomain.test(prefix));
  return isPrefix && name.test(key.slice(slash + 1));
}

/** Undefined for a permitted key. */
function keyFault(key: string): string | undefined {
  if (!isKey(key))
    return 'is not a valid Kubernetes key (an optional prefix/, then at most 63 letters, digits, - _ .)';
  return isOurs(key) || key === ownLabel ? 'is one that svidecar sets itself' : undefined;
}

/** zod's own record would only report that a key is wrong, not why. */
function withKeys<Schema extends z.ZodType<Readonly<Record<string, string>>>>(
  schema: Schema,
): Schema {
  return schema.superRefine((all, context) => {
    for (const key of Object.keys(all)) {
      const fault = keyFault(key);
      if (fault !== undefined) context.addIssue({ code: 'custom', path: [key], message: fault });
    }
  });
}

const labelValue = z
  .string()
  .refine(
    (text) => text === '' || name.test(text),
    'must be at most 63 letters, digits, - _ . and begin and end with a letter or digit (put numbers and true in quotes)',
  );

function lengthOf(all: Readonly<Record<string, string>>): number {
  return Object.entries(all).reduce((sum, [key, text]) => sum + key.length + text.length, 0);
}

export const objectMarks = z.strictObject({
  labels: withKeys(z.record(z.string(), labelValue)).default({}),
  annotations: withKeys(z.record(z.string(), z.string()))
    .refine((all) => lengthOf(all) <= maxAnnotations, 'must be at most 64 KiB together')
    .default({}),
});

export type ObjectMarks = Readonly<z.infer<typeof objectMarks>>;
