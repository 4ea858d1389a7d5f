/** Names of patched copies, of configurations that are wholly ours, and of EnvoyFilters: made of all that they are made from. */
import type { NameBy } from './hash.ts';
import type { EnvoyPlan } from './status.ts';

/** Longest name of a Kubernetes object (RFC 1123 subdomain). */
const maxNameLength = 253;

/** A name that only this source with these additions can have. */
export function derivedNameBy(plan: Omit<EnvoyPlan, 'derived'>): NameBy {
  const { source } = plan;
  const text = planText(plan);
  return (hashOf) => {
    const suffix = `-svidecar-${hashOf(text)}`;
    const most = source.slice(0, maxNameLength - suffix.length);
    return withoutTail(most) + suffix;
  };
}

/** The whole plan as one unambiguous text. */
export function planText(plan: Omit<EnvoyPlan, 'derived'>): string {
  const { source, file, directory, templates, values, paths, proxy, istio } = plan;
  const more = [
    ...(paths === undefined ? [] : [paths]),
    ...(proxy === undefined ? [] : [{ proxy }]),
    ...(istio === undefined ? [] : [{ istio }]),
  ];
  return JSON.stringify([source, file, directory, templates, values, ...more]);
}

/** A name may not have a dot before a dash, nor look truncated. */
function withoutTail(name: string): string {
  let length = name.length;
  while (length > 0 && '.-'.includes(name.charAt(length - 1))) length -= 1;
  return name.slice(0, length);
}
