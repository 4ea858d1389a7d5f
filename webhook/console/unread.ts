/** What could not be read for a page, each reason once. */
import type { Reading } from '../checks/facts.ts';
import type { CertificatesView } from './console-reports.ts';

/** @param denied sentences about rights that are missing, which every page has in a notice of its own */
export function unreadOf(
  readings: readonly Reading[],
  denied: ReadonlySet<string>,
): Pick<CertificatesView, 'unread' | 'isPartial'> {
  const reasons = new Set(readings.flatMap((each) => ('reasons' in each ? each.reasons : [])));
  return {
    unread: [...reasons].filter((reason) => !denied.has(reason)),
    isPartial: reasons.size > 0,
  };
}
