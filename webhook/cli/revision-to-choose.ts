/** What can be made the default: its hooks are all there, and the API server trusts what they call. */
import { AppError } from '#kernel/errors.ts';
import { missingHooks } from '../checks/default-hooks.ts';
import {
  hasAuthority,
  type InstalledRevision,
  type InstalledRevisions,
} from '../checks/installed-revisions.ts';
import { noRevision, revisionShown, revisionWords } from '../request/revision.ts';

/** @throws {AppError} OBJECT_NOT_FOUND, CERTIFICATE_INVALID */
export function revisionToChoose({ all }: InstalledRevisions, name: string): InstalledRevision {
  const shown = name === noRevision ? 'an installation without a name' : revisionWords(name);
  const chosen = all.find((each) => each.name === name);
  if (chosen === undefined) {
    const others = all.map((each) => revisionShown(each.name));
    throw new AppError(
      'OBJECT_NOT_FOUND',
      `there are no hooks of ${shown} in this cluster (there are: ${others.join(', ') || 'none at all'}); install it first: docs/revisions.md`,
    );
  }
  const [missing] = missingHooks(chosen);
  if (missing !== undefined)
    throw new AppError(
      'OBJECT_NOT_FOUND',
      `the hooks of ${shown} are not complete: there is no ${missing}; apply its manifests again first (svidecar check)`,
    );
  if (hasAuthority(chosen)) return chosen;
  throw new AppError(
    'CERTIFICATE_INVALID',
    `the hooks of ${shown} have no caBundle yet, so the API server would not trust it; wait until it is ready (svidecar check says what it waits for)`,
  );
}
