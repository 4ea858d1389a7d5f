/** Names of revisions on the command line. */
import { AppError } from '#kernel/errors.ts';
import { revisionFault } from '../request/revision.ts';

/** @throws {AppError} USAGE */
export function parseRevision(text: string): string {
  const fault = revisionFault(text);
  if (fault === undefined) return text;
  throw new AppError('USAGE', `revision ${text}: a name ${fault}`);
}
