/** Where svidecar acts: one rule for admission, for the controller and for the checks. */

/** `ignored`: never touched, whatever its label says. */
export type NamespaceStanding = 'acts' | 'ignored' | 'not_labelled';

/** @param injection value of the namespace's label; the API server calls the webhook only for namespaces that have it */
export function standingOf(
  namespace: string,
  injection: string | undefined,
  ignored: ReadonlySet<string>,
): NamespaceStanding {
  if (ignored.has(namespace)) return 'ignored';
  return injection === 'enabled' || injection === 'pod' ? 'acts' : 'not_labelled';
}
