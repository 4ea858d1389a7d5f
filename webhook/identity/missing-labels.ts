/** Labels that an entry is to select by, and that a pod template does not have. */
import { objectAt, stringAt } from '#kernel/json.ts';
import type { Located } from '../request/locate.ts';

/**
 * Why nothing may be registered for a workload: without one of the labels its entry would be met by pods of others that have
 * its ServiceAccount. Undefined where the pod template has them all.
 */
export function labelFault(
  { template }: Pick<Located, 'template'>,
  keys: readonly string[],
): string | undefined {
  const labels = objectAt(objectAt(template, 'metadata'), 'labels');
  const missing = keys.filter((key) => stringAt(labels, key) === undefined).join(', ');
  if (missing === '') return undefined;
  return (
    `its pod template does not have the label ${missing}, by which entries are to select, so nothing is registered for it in SPIRE: ` +
    `other pods with its ServiceAccount would meet its entry too; add the label, or take ${missing} out of entries.podLabels or --pod-label`
  );
}
